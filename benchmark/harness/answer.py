"""Answers one cell: lets the algorithm prune the network, audits the result, and only then reads the test split."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

import torch

from benchmark.data.splits import sealed
from benchmark.errors import Breach, Diverged, Inapplicable
from benchmark.harness.audit import audit
from benchmark.harness.controls import FUNCTIONS
from benchmark.harness.determinism import counted_updates, reproducible
from benchmark.harness.graph_edits import compared, report, undeclared_edits
from benchmark.harness.prepare import Prepared, prepare
from benchmark.harness.question import Question, why_not
from benchmark.harness.report import Keep, measure, provenance_of
from benchmark.machine import device_facts
from benchmark.records.record import Audit, Cost, Record, Status, failure
from benchmark.training.run import Run
from benchmark.training.run_state import RunState
from benchmark.training.step import Tick


def answer(question: Question, tick: Tick = lambda steps: None, keep: Keep = lambda model, run: None) -> Record:
    """Return the record of a cell. An exception in the algorithm is not raised; it becomes the record of a failure.

    Args:
        tick: called from time to time with the number of training steps so far.
        keep: called with the network that was measured, and the state of its run.
    """
    if reason := why_not(question.algorithm, question.task):
        return failure(question.cell, question.ranking, "skipped", reason)
    with reproducible(question.device):
        try:
            return _answer(question, tick, keep)
        except Inapplicable as problem:
            return failure(question.cell, question.ranking, "skipped", str(problem))
        except Exception as problem:  # before the algorithm was called: a model or data set that cannot be used
            traceback.print_exc()
            return failure(question.cell, question.ranking, "failed", f"{type(problem).__name__}: {problem}")


@dataclass(frozen=True)
class _Ended:
    """How an algorithm ended.

    Args:
        status: None if it returned normally.
        error: the text for the record; empty without a status.
        notes: the breaches that were noted while it ran.
    """

    status: Status | None
    error: str
    notes: list[str]


def _answer(question: Question, tick: Tick, keep: Keep) -> Record:
    prepared = prepare(question, tick)
    question, state = prepared.question, prepared.state
    about = provenance_of(prepared)
    ended = _call(question, state)
    reused = {"shared_steps": state.meter.reused_steps} if state.meter.reused_steps else {}
    cost = Cost.model_validate(state.meter.cost(state.recipe.steps))
    fields: dict[str, Any] = {
        "cost": cost,
        "where": about | device_facts(question.device) | {"steps": state.mode} | reused,
    }

    def failed(status: Status, error: str) -> Record:
        return failure(question.cell, question.ranking, status, error, **fields)

    if ended.status is not None:
        fields["audit"] = Audit(passed=False, breaches=ended.notes) if ended.notes else None
        return failed(ended.status, ended.error)
    graphs = compared(prepared.splits, state.data) if state.edits else []
    breaches = ended.notes + _breaches(prepared) + undeclared_edits(graphs, state.rewiring)
    fields["audit"] = Audit(passed=not breaches, breaches=breaches)
    if breaches:
        return failed("failed", f"audit: {'; '.join(breaches)}")
    try:
        fields["edits"] = report(prepared.splits, graphs, state.rewiring) if graphs else None
        return measure(question, state, prepared.splits, keep, fields)
    except Exception as problem:  # a metric that is not finite, for example
        traceback.print_exc()
        return failed("failed", f"{type(problem).__name__}: {problem}")


def _breaches(prepared: Prepared) -> list[str]:
    """The breaches in the state that the algorithm left behind."""
    breaches = audit(prepared.model, prepared.state.masks, prepared.expected, prepared.start)
    if prepared.state.edits and "edges" not in prepared.question.algorithm.prunes:
        breaches.append("the graphs were edited by a method that does not say it prunes edges")
    return breaches


def _call(question: Question, state: RunState) -> _Ended:
    """Call the algorithm, within the control of its cell if there is one, with the test split sealed."""
    cell = question.cell

    def subject(run: Run) -> None:
        question.algorithm(run, **question.algorithm.filled(cell.method_options))

    status: Status | None = None
    error = ""
    with sealed() as notes, counted_updates() as updates:
        try:
            if cell.control:
                FUNCTIONS[cell.control](Run(state), subject)
            else:
                subject(Run(state))
            state.finish()
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
        except (Exception, SystemExit) as problem:  # any error fails this cell only, not the sweep
            traceback.print_exc()
            status, error = "failed", f"{type(problem).__name__}: {problem}"
    counted = state.meter.updates - state.meter.reused_steps + state.rehearsals
    if (uncounted := updates[0] - counted) > 0:
        notes.append(f"{uncounted:,} updates were made off the meter by another optimizer")
    return _Ended(status, error, notes + state.tamper_check.breaches)
