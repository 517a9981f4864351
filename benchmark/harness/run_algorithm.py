"""Runs the algorithm of a cell, and hands over what it leaves behind. Nothing is audited or measured here."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

import torch

from benchmark.data.splits import Data, sealed
from benchmark.errors import Breach, Diverged, Inapplicable
from benchmark.harness.controls import FUNCTIONS
from benchmark.harness.determinism import counted_updates, reproducible
from benchmark.harness.edited_graphs import edges_of, edited
from benchmark.harness.handover import Graphs, Handover, Notes
from benchmark.harness.prepare import Beginning, begin, run_state
from benchmark.harness.question import Question
from benchmark.harness.stream_results import handed
from benchmark.harness.stream_results import told as told_of_stream
from benchmark.plugins import catalog
from benchmark.plugins.algorithm import TRAINS
from benchmark.results.record import Status, encodable, readable
from benchmark.training.ranks import ALONE, Ranks
from benchmark.training.run import Run
from benchmark.training.run_state import RunState
from benchmark.training.state import tensors
from benchmark.training.step import Tick


@dataclass(frozen=True)
class Ended:
    """A run whose algorithm has ended.

    Args:
        state: the state of the run; None if there was none, because the network could not be built.
    """

    handover: Handover
    state: RunState | None = None

    def edit(self, number: int, graphs: dict[str, Graphs]) -> dict[str, Graphs]:
        """Apply one of the edits of the run to other graphs (`benchmark.harness.edited_graphs.Editor`)."""
        if self.state is None:
            raise ValueError("this run has edited no graphs")
        edit = self.state.edits[number]
        return {split: edited(shown, edit) for split, shown in graphs.items()}


def run_algorithm(
    question: Question,
    train: Data,
    tick: Tick = lambda steps: None,
    validation: Data | None = None,
    ranks: Ranks = ALONE,
) -> Ended:
    """Run the algorithm of a cell. An exception in it is not raised; it becomes a note in the handover.

    Args:
        ranks: the processes that run it together.
    """
    with reproducible(question.device):
        try:
            beginning = begin(question, train)
            state = run_state(beginning, train, tick, validation, ranks)
        except Inapplicable as problem:
            return Ended(Handover(Notes(status="skipped", error=str(problem))))
        except Exception as problem:  # a model that cannot be built, or does not fit the data
            return Ended(Handover(Notes(status="failed", error=told(problem))))
        return Ended(_handed_over(state, *_call(beginning, state)), state)


def told(problem: BaseException) -> str:
    """An exception on one line; its traceback goes to the log of the cell."""
    traceback.print_exception(problem)
    return encodable(f"{type(problem).__name__}: {problem}")


def _call(beginning: Beginning, state: RunState) -> tuple[Status | None, str, list[str]]:
    """Call the algorithm, within the control of its cell if there is one. Returns how it ended and the breaches."""
    question, cell = beginning.question, beginning.question.cell

    def subject(run: Run) -> None:
        question.algorithm(run, **question.algorithm.filled(cell.method_options))

    status: Status | None = None
    error = ""
    if points := cell.options.get("curve"):
        state.follow(int(str(points)))
    with sealed() as breaches, counted_updates() as updates:
        try:
            if cell.control:
                FUNCTIONS[cell.control](Run(state), subject)
            else:
                subject(Run(state))
            _require_steps(beginning, state)
            state.finish()
        except Diverged as problem:
            status, error = "diverged", str(problem)
        except Inapplicable as problem:
            status, error = "skipped", str(problem)
        except Breach as problem:
            status, error = "failed", f"audit: {problem}"
        except torch.OutOfMemoryError as problem:
            reason = str(problem).partition(".")[0]
            status, error = "failed", f"out of memory ({reason}); try a smaller model or --jobs 1"
        except (Exception, SystemExit) as problem:  # any error fails this cell only, not the sweep
            status, error = _broken(state, problem)
    counted = state.meter.updates - state.meter.reused_steps + state.rehearsals
    if (uncounted := updates[0] - counted) > 0:
        breaches.append(f"{uncounted:,} updates were made off the meter by another optimizer")
    return status, error, breaches + state.breaches


def _broken(state: RunState, problem: BaseException) -> tuple[Status, str]:
    """How a run ends whose algorithm raises an error: as diverged if the loss was not finite before."""
    try:
        state.engine.check()
    except Diverged as before:
        return "diverged", f"{before}, then {told(problem)}"
    return "failed", told(problem)


def _require_steps(beginning: Beginning, state: RunState) -> None:
    """Raise Inapplicable for a method that prunes while it trains, in a cell without training steps.

    Its family shows that it is one, or the fact that it has kept all weights.
    """
    if beginning.recipe.steps or beginning.expected.density == 1:
        return
    if state.masks.density == 1 or catalog.when(beginning.question.cell.algorithm) in TRAINS:
        raise Inapplicable("this method prunes while it trains, and this cell has no step; give it a share: --finetune")


def _handed_over(state: RunState, status: Status | None, error: str, breaches: list[str]) -> Handover:
    fields: dict[str, Any] = {
        "rewiring_logs": state.rewiring.logs,
        "rewiring_asked": state.rewiring.asked,
        "rewiring_seconds": state.rewiring.seconds,
    }
    notes = Notes(
        status=status,
        error=encodable(error),
        breaches=[encodable(breach) for breach in breaches],
        log=state.meter.log,
        seconds=max(0.0, state.meter.seconds),
        peak_bytes=state.meter.peak_bytes,
        steps=state.mode,
        remarks=[readable(text) for text in state.notes],
        noted=state.log.noted,
        edits=len(state.edits),
        data="" if state.edits or status else state.whole.digest,
        ever=state.ever_trained.share,
        **fields,
        **told_of_stream(state.course),
    )
    if status is not None:
        return Handover(notes)
    graphs = edges_of(state.data) if state.edits else {}
    return Handover(notes, tensors(state.model), dict(state.masks), graphs, handed(state.course))
