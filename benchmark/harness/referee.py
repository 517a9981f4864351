"""The referee: rebuilds the network that a run has handed over, audits it, and only then reads the test split.

It imports no algorithm. In a sweep it is a process of its own (`benchmark.sweep.referee_process`), so that nothing that
an algorithm changes in its own process reaches what is measured here.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.data.splits import Data, Splits
from benchmark.errors import Inapplicable
from benchmark.harness.audit import audit
from benchmark.harness.determinism import reproducible
from benchmark.harness.edited_graphs import Editor, applied, with_edges
from benchmark.harness.graph_edits import compared, report, undeclared_edits
from benchmark.harness.handover import Handover
from benchmark.harness.network import build
from benchmark.harness.prepare import Beginning, begin
from benchmark.harness.question import Question
from benchmark.harness.report import arrays, measured, provenance_of
from benchmark.harness.run_algorithm import told
from benchmark.harness.stream_results import Passed, stream_breaches
from benchmark.machine import device_facts, installed
from benchmark.pruning.masks import Masks
from benchmark.random_streams import stream_seed
from benchmark.results.mask_files import pack
from benchmark.results.record import Audit, Cost, Record, Status, failure
from benchmark.training.evaluation import collapse
from benchmark.training.flops import Profile
from benchmark.training.meter import Tally
from benchmark.training.objective import Objective
from benchmark.training.recipe import Recipe
from benchmark.training.recording import SPARSE
from benchmark.training.state import put, tensors
from benchmark.training.trainer import profile_of, trainable


@dataclass(frozen=True)
class Verdict:
    """The referee's result for a run.

    Args:
        masks: the packed masks of its network; None for a run without a result.
    """

    record: Record
    masks: bytes | None = None


@dataclass(frozen=True)
class Known:
    """What others know about a run.

    Args:
        refereed: whether it ran in another process than the referee's.
        confined: whether that process could write only in its own folder.
        seconds: the time that its process took; None to believe the run.
        peak_bytes: the peak memory of its process; None to believe the run.
    """

    refereed: bool = False
    confined: bool = False
    seconds: float | None = None
    peak_bytes: int | None = None


ITSELF = Known()
"""For a run that nobody has watched: its own report is believed."""


@dataclass(frozen=True)
class OpenedSplits:
    """Splits, with facts about them that take longer to compute than most networks take to measure.

    Attributes:
        profiles: the operations of networks on these data, by what they depend on.
    """

    splits: Splits
    profiles: dict[Hashable, Profile] = field(default_factory=dict)

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each split."""
        return {name: getattr(self.splits, name).digest for name in ("train", "validation", "test")}


def judge(
    question: Question, opened: OpenedSplits, handover: Handover, editor: Editor, known: Known = ITSELF
) -> Verdict:
    """Return the record of a run. Whatever is wrong with the handover becomes the record of a failure.

    Args:
        editor: applies the edits of the run to graphs that it has not seen.
    """
    with reproducible(question.device):
        try:
            beginning = begin(question, opened.splits.train)
        except Inapplicable as problem:
            return Verdict(failure(question.cell, question.ranking, "skipped", str(problem)))
        except Exception as problem:  # a model that cannot be built, or does not fit the data
            return Verdict(failure(question.cell, question.ranking, "failed", told(problem)))
        return _Judged(beginning, opened, handover, editor, known).verdict()


@dataclass
class _Judged:
    """One run before the referee.

    Attributes:
        fields: the fields of its record that are known whatever the outcome.
        tally: what its meter counted, counted again; None if it ended before it began.
        passed: the stream that it has gone through; None if its task is not a stream.
    """

    beginning: Beginning
    opened: OpenedSplits
    handover: Handover
    editor: Editor
    known: Known
    fields: dict[str, Any] = field(default_factory=dict)
    tally: Tally | None = field(default=None, init=False)
    passed: Passed | None = field(default=None, init=False)

    def verdict(self) -> Verdict:
        notes = self.handover.notes
        try:
            self.fields |= {"cost": self._cost(), "where": self._where()}
            if notes.status is not None:
                self.fields["audit"] = Audit(passed=False, breaches=notes.breaches) if notes.breaches else None
                return self._failed(notes.status, notes.error)
            return self._measured()
        except Exception as problem:  # a handover that does not fit, or a metric that is not finite, for example
            return self._failed("failed", told(problem))

    def _measured(self) -> Verdict:
        question, model, masks = self.beginning.question, self.beginning.model, self._masks()
        breaches = self.handover.notes.breaches + audit(
            {name: value.to(question.device) for name, value in self.handover.state.items()},
            masks,
            self.beginning.expected,
            self._begun(),
            dict(model.named_parameters()),
        )
        breaches += self._other_data() + ([] if breaches else self._untrained(masks) + self._stream())
        train, rewiring = self._train(), self.handover.notes.rewiring
        graphs = compared(self.opened.splits, train) if self.handover.notes.edits else []
        breaches += undeclared_edits(graphs, rewiring)
        if graphs and "edges" not in question.algorithm.prunes:
            breaches.append("the graphs were edited by a method that does not say it prunes edges")
        self.fields["audit"] = Audit(passed=not breaches, breaches=breaches)
        if breaches:
            return self._failed("failed", f"audit: {'; '.join(breaches)}")
        self.fields["edits"] = report(self.opened.splits, train, graphs, rewiring) if graphs else None
        put(model, on_device(self.handover.state, model))
        edited = applied(self.opened.splits, self.handover.notes.edits, self.editor)
        if why := collapse(question.task, model, edited["validation"], question.device):
            return self._failed("failed", why)
        notes = self.handover.notes
        record = measured(self.beginning, masks, self.opened.splits, train, edited, notes, self.fields, self.passed)
        return Verdict(record, pack(arrays(masks)))

    def _begun(self) -> dict[str, Tensor]:
        """The initial tensors of the network; also zero where networks that the run has redrawn have zeros."""
        begun, cell = dict(self.beginning.start), self.beginning.question.cell
        for stream in self.tally.redrawn if self.tally else ():
            drawn = tensors(build(self.beginning.question.task, cell.model, stream_seed(cell.seed, stream)))
            begun = {name: value * (drawn[name] != 0).to(value.device) for name, value in begun.items()}
        return begun

    def _untrained(self, masks: Masks) -> list[str]:
        """Weights that have changed although the run counted no update, and did not say where they come from."""
        notes, start, state = self.handover.notes, self.beginning.start, self.handover.state
        if self.tally is None or self.tally.updates or self.tally.redrawn or notes.remarks:
            return []
        begun = {name: value * masks[name] if name in masks else value for name, value in start.items()}
        same = all(torch.equal(state[name].to(value.device), value) for name, value in begun.items())
        return [] if same else ["the network has changed, and no update is counted"]

    def _stream(self) -> list[str]:
        """What is wrong with the stream that it has gone through."""
        task, model, notes = self.beginning.question.task, self.beginning.model, self.handover.notes
        if task.stream is None:
            return []
        count = len(task.stream.divide(self.opened.splits.train))
        if notes.parts not in (0, count):
            return [f"it has gone through {notes.parts} of {count} parts"]
        self.passed = Passed.of(self.handover, on_device(self.handover.state, model))
        return stream_breaches(self.passed, task, model, self.beginning.start)

    def _other_data(self) -> list[str]:
        """Training data that are no longer those of the task. Edits of graphs are compared one by one."""
        same = self.handover.notes.edits or self.handover.notes.data == self.opened.digests["train"]
        return [] if same else ["the training data were changed while the algorithm ran"]

    def _masks(self) -> Masks:
        """The masks, in the order of the network's tensors. Raises ValueError if they are not those of its tensors."""
        device, given = self.beginning.question.device, self.handover.masks
        names = self.beginning.question.task.prunable(self.beginning.model)
        if set(names) != given.keys():
            raise ValueError(f"the run has left masks of {', '.join(given) or 'nothing'}")
        return Masks({name: given[name].to(device) for name in names})

    def _train(self) -> Data:
        train = self.opened.splits.train.to(self.beginning.question.device)
        return with_edges(train, self.handover.graphs) if self.handover.notes.edits else train

    def _cost(self) -> Cost:
        """The cost, counted again from the log of the run's meter."""
        notes, model, question = self.handover.notes, self.beginning.model, self.beginning.question
        if not notes.log and not notes.seconds:  # it ended before its run began
            return Cost()
        prunable = question.task.prunable(model)
        sizes = {name: p.numel() for name, p in model.named_parameters() if name in prunable}
        self.tally = tally = Tally(self._profile(self.beginning.recipe, prunable), sizes)
        tally.replay(notes.log)
        seconds = notes.seconds if self.known.seconds is None else self.known.seconds
        peak = notes.peak_bytes if self.known.peak_bytes is None else self.known.peak_bytes
        return Cost.model_validate(tally.counts(self.beginning.whole.steps) | {"seconds": seconds, "peak_bytes": peak})

    def _profile(self, recipe: Recipe, prunable: list[str]) -> Profile:
        """The operations of the network, counted once for all methods that begin with it."""
        cell, known = self.beginning.question.cell, self.opened.profiles
        small = cell.density if cell.control == "dense-small" else None
        key = cell.model, cell.budget, cell.prunable, cell.seed, small
        if key not in known:
            train = self.opened.splits.train.to(self.beginning.question.device)
            objective = Objective(self.beginning.model.train(), self.beginning.question.task)
            known[key] = profile_of(objective, train, recipe, cell.seed, prunable, trainable(objective.model))
        return known[key]

    def _where(self) -> dict[str, Any]:
        notes, question = self.handover.notes, self.beginning.question
        facts = provenance_of(self.beginning, self.opened.digests) | device_facts(question.device)
        facts |= {"steps": notes.steps, "refereed": self.known.refereed, "confined": self.known.confined}
        facts |= {"numba": installed("numba")} if notes.steps.startswith(SPARSE) else {}
        reused = self.tally.reused_steps if self.tally else 0
        facts |= {"shared_steps": reused} if reused else {}
        return facts

    def _failed(self, status: Status, error: str) -> Verdict:
        return Verdict(
            failure(self.beginning.question.cell, self.beginning.question.ranking, status, error, **self.fields)
        )


def on_device(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Tensors, each on the device of the network's own tensor of that name."""
    return {name: state[name].to(value.device) for name, value in tensors(model).items()}
