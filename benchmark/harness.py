"""Answers one cell: builds the network, hands the run to the algorithm, audits what is left, and only then tests it."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmark.audit import audit, tensors
from benchmark.channels import trace
from benchmark.command import command
from benchmark.control import CONTROLS, narrowed
from benchmark.data import Batch, Data, Splits, sealed
from benchmark.define import Algorithm, Control
from benchmark.edits import compared, report, untold
from benchmark.effective import live_paths
from benchmark.errors import Breach, Diverged, Inapplicable
from benchmark.meter import live_share
from benchmark.provenance import device_facts, software_facts, zoo_facts
from benchmark.record import Audit, Cell, Cost, Density, LayerCount, Ranking, Record, Status, failure
from benchmark.run import Run, Tick
from benchmark.shared import Shared
from benchmark.streams import stream_seed
from benchmark.target import Target, pattern_named
from benchmark.task import Task
from benchmark.units import Channels

EVALUATION_BATCH = 1000
Keep = Callable[[nn.Module, Run], None]
"""Called with the network that is tested, and the run that it comes from."""


@dataclass(frozen=True)
class Question:
    """A cell with everything its names stand for.

    Args:
        shared: the folder of trainings that the cells of a sweep have in common, where they do.
    """

    cell: Cell
    algorithm: Algorithm
    task: Task
    folder: Path = Path()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    where: dict[str, Any] | None = None
    shared: Path | None = None

    @property
    def ranking(self) -> Ranking:
        """The task's first metric."""
        metric, direction = next(iter(self.task.metrics.items()))
        return Ranking(metric=metric, direction=direction)


def answer(question: Question, tick: Tick = lambda steps: None, keep: Keep = lambda model, run: None) -> Record:
    """The record of a cell. Nothing the algorithm does raises here: it fails, and the record says how."""
    if reason := unfit(question.algorithm, question.task):
        return failure(question.cell, question.ranking, "skipped", reason)
    with _reproducible(question.device):
        try:
            return _answer(question, tick, keep)
        except Inapplicable as problem:
            return failure(question.cell, question.ranking, "skipped", str(problem))
        except Exception as problem:  # before the algorithm had its turn: a model or a data set that is unfit
            traceback.print_exc()
            return failure(question.cell, question.ranking, "failed", f"{type(problem).__name__}: {problem}")


def unfit(algorithm: Algorithm, task: Task) -> str | None:
    """Why this algorithm cannot run on this task; None where it can."""
    missing = (algorithm.prunes | algorithm.needs) - task.prunes
    return f"'{algorithm.name}' works on {', '.join(missing)}, and the task has none" if missing else None


@dataclass(frozen=True)
class _Ready:
    """A question whose data are read and whose network is built: the algorithm's turn.

    Args:
        start: the network's state before it.
        asked: what the audit holds the masks against.
    """

    question: Question
    splits: Splits
    model: nn.Module
    start: dict[str, Tensor]
    run: Run
    asked: Target


@dataclass(frozen=True)
class _Ended:
    """How an algorithm ended: no status where it ended well, and the breaches that were noted on the way."""

    status: Status | None
    error: str
    notes: list[str]


def _ready(question: Question, tick: Tick) -> _Ready:
    cell, device = question.cell, question.device
    target = Target(cell.density, pattern_named(cell.pattern))
    control = cell.options.get("control")
    if control == "dense-small":
        question, target = replace(question, task=narrowed(question.task, cell.model, target)), Target(1.0)
    task = question.task
    splits = task.splits(question.folder, cell.seed)
    model = build(task, cell.model, cell.seed).to(device)
    start = {name: value.clone() for name, value in tensors(model).items()}
    if isinstance(target.pattern, Channels):
        target = replace(target, pattern=trace(model, task, splits.train.batch(torch.zeros(2, dtype=torch.int64))))

    def draw(name: str) -> nn.Module:
        return build(task, cell.model, stream_seed(cell.seed, name))

    about = f"{cell.setting} {cell.model} {cell.budget} {cell.seed}"
    shared = Shared(question.shared, about, device) if question.shared else None
    recipe, train = task.recipe(cell.budget, cell.model), splits.train.to(device)
    run = Run(task, model, recipe, target, train, cell.seed, tick, draw, shared)
    keeps_all = "weights" not in question.algorithm.prunes or control == "dense-long"
    return _Ready(question, splits, model, start, run, Target(1.0) if keeps_all else target)


def _answer(question: Question, tick: Tick, keep: Keep) -> Record:
    ready = _ready(question, tick)
    question, run = ready.question, ready.run
    about = _about(ready)
    ended = _call(question, run)
    steps = {"steps": run.mode} | ({"shared_steps": run.meter.taken} if run.meter.taken else {})
    cost = Cost.model_validate(run.meter.cost(run.recipe.steps))
    known: dict[str, Any] = {"cost": cost, "where": about | device_facts(question.device) | steps}

    def failed(status: Status, error: str) -> Record:
        return failure(question.cell, question.ranking, status, error, **known)

    if ended.status is not None:
        known["audit"] = Audit(passed=False, breaches=ended.notes) if ended.notes else None
        return failed(ended.status, ended.error)
    graphs = compared(ready.splits, run.data) if run.edits else []
    breaches = ended.notes + _breaches(ready) + untold(graphs, run.rewiring)
    known["audit"] = Audit(passed=not breaches, breaches=breaches)
    if breaches:
        return failed("failed", f"audit: {'; '.join(breaches)}")
    try:
        known["edits"] = report(ready.splits, graphs, run.rewiring) if graphs else None
        return _tested(question, run, ready.splits, keep, known)
    except Exception as problem:  # a metric that is not finite, say
        traceback.print_exc()
        return failed("failed", f"{type(problem).__name__}: {problem}")


def _about(ready: _Ready) -> dict[str, Any]:
    """Where a record comes from, as far as it is known before the run."""
    cell = ready.question.cell
    where = software_facts() | {"command": command(cell)} | zoo_facts(cell.model) | (ready.question.where or {})
    return where | {"recipe": ready.run.recipe.describe(), "data": _digests(ready.splits)}


def _breaches(ready: _Ready) -> list[str]:
    """What the audit finds when the algorithm has returned."""
    found = audit(ready.model, ready.run.masks, ready.asked, ready.start)
    if ready.run.edits and "edges" not in ready.question.algorithm.prunes:
        found.append("the graphs were edited by a method that does not say it prunes edges")
    return found


def _tested(question: Question, run: Run, splits: Splits, keep: Keep, known: dict[str, Any]) -> Record:
    """Measure a network that has passed its audit: its tensors in a body of our own, without hooks or wrappers."""
    cell, task = question.cell, question.task
    model, state = build(task, cell.model, cell.seed).to(question.device), run.snapshot().state
    with torch.no_grad():
        for name, value in tensors(model).items():
            value.copy_(state[name])
    layers, edges = _layers(run, model), run.data.edges
    keep(model, run)
    test = _edited(splits.test, run)
    return Record(
        key=cell.key,
        cell=cell,
        ranking=question.ranking,
        status="ok",
        metrics=evaluate(task, model, test, question.device),
        validation=evaluate(task, model, _edited(splits.validation, run), question.device),
        diagnosis=task.diagnose(model, test.to(question.device)) if task.diagnose else {},
        density=Density(
            weights=run.masks.density,
            parameters=live_share(run.masks, dict(model.named_parameters())),
            effective=sum(layer.effective for layer in layers.values()) / max(1, run.masks.total),
            edges=edges / splits.train.edges if edges is not None and splits.train.edges else None,
        ),
        layers=layers,
        mask_digest=run.masks.digest,
        **known,
    )


def _call(question: Question, run: Run) -> _Ended:
    """Let the algorithm run."""
    cell = question.cell
    options = {name: value for name, value in cell.options.items() if name != "control"}

    def subject(run: Run) -> None:
        question.algorithm(run, **options)

    status: Status | None = None
    error = ""
    with sealed() as notes, _counted_updates() as updates:
        try:
            if control := cell.options.get("control"):
                CONTROLS[cast("Control", control)](run, subject)
            else:
                subject(run)
            run.finish()
        except Diverged as problem:
            status, error = "diverged", str(problem)
        except Inapplicable as problem:
            status, error = "skipped", str(problem)
        except Breach as problem:
            status, error = "failed", f"audit: {problem}"
        except torch.OutOfMemoryError as problem:
            status, error = (
                "failed",
                f"out of memory ({str(problem).partition('.')[0]}); try a smaller model or --jobs 1",
            )
        except (Exception, SystemExit) as problem:  # whatever it is, it costs this cell alone
            traceback.print_exc()
            status, error = "failed", f"{type(problem).__name__}: {problem}"
    made = run.meter.updates - run.meter.taken + run.rehearsals
    if (unseen := updates[0] - made) > 0:
        notes.append(f"{unseen:,} updates were made off the meter by another optimizer")
    return _Ended(status, error, notes + run.breaches)


@contextmanager
def _counted_updates() -> Iterator[list[int]]:
    """Counts every step that any torch optimizer makes, the engine's and others."""
    count = [0]

    def seen(*_: object) -> None:
        count[0] += 1

    handle = register_optimizer_step_post_hook(seen)
    try:
        yield count
    finally:
        handle.remove()


def build(task: Task, model: str, seed: int) -> nn.Module:
    """A network of the task, its weights drawn from the `init` stream of the seed.

    Convolutions lie in memory with their channels last, which oneDNN and cuDNN are faster with.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "init"))
        network: nn.Module = task.model(model)().to(memory_format=torch.channels_last)
        return network


def evaluate(task: Task, model: nn.Module, data: Data, device: torch.device) -> dict[str, float]:
    """The task's metrics of a network on a split."""
    model.eval()
    with torch.no_grad():
        return task.evaluate(model, _batches(data.to(device)))


def _batches(data: Data) -> Iterator[Batch]:
    size = getattr(data, "portion", EVALUATION_BATCH)  # graphs of many nodes say that they take less
    for first in range(0, len(data), size):
        yield data.batch(torch.arange(first, min(first + size, len(data))))


def _edited(data: Data, run: Run) -> Data:
    for edit in run.edits:
        data = data.rewrite(edit)
    return data


def _layers(run: Run, model: nn.Module) -> dict[str, LayerCount]:
    notes = run.target.pattern.exempt({name: mask.shape for name, mask in run.masks.items()})
    live = live_paths(model, run.task, run.masks, run.data.batch(torch.zeros(2, dtype=torch.int64)))
    return {
        name: LayerCount(
            total=mask.numel(),
            kept=int(mask.sum()),
            effective=int(live[name].sum()),
            dead=int((~live[name].flatten(1).any(dim=1)).sum()),
            note=notes.get(name, ""),
        )
        for name, mask in run.masks.items()
    }


@contextmanager
def _reproducible(device: torch.device) -> Iterator[None]:
    """Deterministic kernels, and a global generator that is put back as it was."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    settings: Any = torch.utils.deterministic
    mode, fill = torch.get_deterministic_debug_mode(), settings.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[device.index or 0] if device.type == "cuda" else []):
        try:
            torch.set_deterministic_debug_mode("error")  # its sibling use_deterministic_algorithms imports inductor
            settings.fill_uninitialized_memory = False
            yield
        finally:
            torch.set_deterministic_debug_mode(mode)
            settings.fill_uninitialized_memory = fill


def _digests(splits: Splits) -> dict[str, str]:
    return {name: getattr(splits, name).digest for name in ("train", "validation", "test")}
