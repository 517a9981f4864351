"""The results of a stream: the accuracies of all parts after each of them, audited and measured by the referee.

A run hands over its network as it was after each part, the masks that are used on parts, and the weights that it has
frozen. That earlier networks are handed over as they were at the time has to be believed; the last one is what the
audit sees, so the mean accuracy in the end (ACC) does not depend on that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.data.splits import Data
from benchmark.harness.handover import Handover, Named
from benchmark.pruning.masks import Masks
from benchmark.training.course import Course, Declared
from benchmark.training.evaluation import evaluate
from benchmark.training.state import network_digest, put, tensors
from benchmark.training.stream import answered, frozen_entries
from benchmark.training.task import Task

Metrics = dict[str, float]

Row = list[Metrics]
"""The metrics of the parts up to and including one, each measured as it was after that one."""


def told(course: Course | None) -> dict[str, Any]:
    """What the notes of a run say about its stream; nothing if it has not gone through its parts."""
    if course is None or not course.done:
        return {}
    kinds = {"uses": course.uses, "frozen": course.frozen}
    return {"parts": course.count, **{kind: [_named(one) for one in given] for kind, given in kinds.items()}}


def _named(declared: Declared) -> Named:
    return Named(at=declared.at, of=declared.of, digest=declared.digest)


def handed(course: Course | None) -> dict[str, Tensor]:
    """The tensors that a run hands over about its stream, by `kind/number/name`."""
    if course is None or not course.done:
        return {}
    kinds: Mapping[str, Sequence[Mapping[str, Tensor]]] = {
        "after": course.snapshots,
        "uses": [one.masks for one in course.uses],
        "frozen": [one.masks for one in course.frozen],
    }
    return {
        f"{kind}/{number}/{name}": value
        for kind, values in kinds.items()
        for number, named in enumerate(values)
        for name, value in named.items()
    }


@dataclass
class Passed:
    """A stream that a run has gone through. If `count` is 0, it has not, but learned all parts at once.

    Args:
        states: the network after each part.
    """

    count: int = 0
    states: list[Mapping[str, Tensor]] = field(default_factory=list)
    uses: list[Declared] = field(default_factory=list)
    frozen: list[Declared] = field(default_factory=list)

    @classmethod
    def of(cls, handover: Handover, state: Mapping[str, Tensor]) -> Passed:
        """What was handed over. Raises ValueError if it is not what the notes say.

        Args:
            state: the tensors of the network in the end, on its device.
        """
        notes, given = handover.notes, _numbered(handover.stream, {name: v.device for name, v in state.items()})
        if not notes.parts:
            return cls(1, [state])
        declared = {kind: _declared(kind, getattr(notes, kind), given) for kind in ("uses", "frozen")}
        states = [given.get(("after", number), {}) for number in range(notes.parts - 1)]
        return cls(notes.parts, [*states, state], **declared)

    def masks_of(self, part: int, after: int) -> Masks | None:
        """The masks that are used on a part after another part; None for all weights."""
        return next((one.masks for one in reversed(self.uses) if one.of == part and one.at <= after), None)


def _numbered(
    given: Mapping[str, Tensor], devices: Mapping[str, torch.device]
) -> dict[tuple[str, int], dict[str, Tensor]]:
    """The tensors of `handed`, by kind and number."""
    found: dict[tuple[str, int], dict[str, Tensor]] = {}
    for path, value in given.items():
        kind, number, name = path.split("/", 2)
        found.setdefault((kind, int(number)), {})[name] = value.to(devices.get(name, value.device))
    return found


def _declared(kind: str, named: Sequence[Named], given: Mapping[tuple[str, int], dict[str, Tensor]]) -> list[Declared]:
    return [
        Declared(one.at, one.of, Masks(given.get((kind, number), {})), one.digest) for number, one in enumerate(named)
    ]


def stream_breaches(passed: Passed, task: Task, model: nn.Module, shapes: Mapping[str, Tensor]) -> list[str]:
    """Everything that is wrong with what was handed over of a stream, a sentence each.

    Args:
        shapes: the tensors of the network before the run.
    """
    prunable = {name: shapes[name].shape for name in task.prunable(model)}
    breaches = [
        f"the network after part {number + 1} is not of the tensors that it started with"
        for number, state in enumerate(passed.states)
        if {name: (v.shape, v.dtype) for name, v in state.items()} != {n: (v.shape, v.dtype) for n, v in shapes.items()}
    ]
    for kind, declared in {"uses": passed.uses, "frozen": passed.frozen}.items():
        for one in declared:
            if {name: mask.shape for name, mask in one.masks.items()} != prunable:
                breaches.append(f"masks of part {one.of + 1} are not of the prunable tensors")
            elif network_digest(one.masks) != one.digest:
                what = "is answered with other masks" if kind == "uses" else "has frozen other weights"
                breaches.append(f"part {one.of + 1} {what} than were declared")
    return breaches or _moved(passed, task, model)


def _moved(passed: Passed, task: Task, model: nn.Module) -> list[str]:
    """Frozen entries that have changed afterwards."""
    assert task.stream is not None
    breaches = []
    for number, (before, after) in enumerate(zip(passed.states, passed.states[1:], strict=False)):
        masks = next((one.masks for one in reversed(passed.frozen) if one.at <= number), None)
        if masks is None:
            continue
        for name, entries in frozen_entries(model, task.stream, masks, number + 1).items():
            if moved := int((before[name] != after[name])[entries].sum()):
                breaches.append(f"'{name}' has {moved:,} frozen entries that changed in part {number + 2}")
    return breaches


@torch.no_grad()
def accuracies(passed: Passed, task: Task, model: nn.Module, data: Data) -> list[Row]:
    """R: a row after each part, or one if all were learned at once. The network is left as it was."""
    assert task.stream is not None
    end, device = {name: value.clone() for name, value in tensors(model).items()}, next(model.parameters()).device
    parts = task.stream.divide(data.to(device))
    rows = []
    for number, state in enumerate(passed.states):
        last = number if passed.count > 1 else len(parts) - 1
        row = []
        for part in range(last + 1):
            put(model, answered(state, passed.masks_of(part, number)))
            row.append(evaluate(task, model, parts[part], device))
        rows.append(row)
    put(model, end)
    return rows


def summary(rows: Sequence[Row], ranking: str) -> Metrics:
    """The mean of every metric over parts in the end, and the backward transfer if there are several rows.

    ACC = mean of R[T][i] over all parts i; BWT = mean of R[T][i] - R[i][i] over all but the last (Lopez-Paz & Ranzato,
    2017, eq. 2 and 3).
    """
    last = rows[-1]
    means = {name: sum(part[name] for part in last) / len(last) for name in last[0]}
    if len(rows) == 1:
        return means
    changes = [last[number][ranking] - rows[number][number][ranking] for number in range(len(rows) - 1)]
    return means | {"bwt": sum(changes) / len(changes)}


def capacity(passed: Passed) -> float:
    """The share of prunable weights that at least one part uses in the end."""
    last = [passed.masks_of(part, passed.count) for part in range(passed.count)]
    used = [masks for masks in last if masks is not None]
    return reduce(or_, used).density if len(used) == len(last) else 1.0


def stream_metrics(passed: Passed, task: Task, model: nn.Module, test: Data, validation: Data) -> dict[str, Any]:
    """The fields of a record that are different for a stream: `metrics`, `validation`, `diagnosis`."""
    ranking = next(iter(task.metrics))
    rows, valid = (accuracies(passed, task, model, data) for data in (test, validation))
    further = {"capacity": capacity(passed)} if passed.count > 1 else {}
    return {
        "metrics": summary(rows, ranking) | further,
        "validation": summary(valid, ranking),
        "diagnosis": {"R": [[part[ranking] for part in row] for row in rows]},
    }
