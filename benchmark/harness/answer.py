"""Runs one cell in this process: calls its algorithm, then judges what it leaves behind.

`bench run` has a separate process for each of the two (`benchmark.sweep`); here an algorithm could reach the referee,
and the record says so. For debugging, for the contract, and for tests.
"""

from __future__ import annotations

from benchmark.harness.question import Question, why_not
from benchmark.harness.referee import OpenedSplits, Verdict, judge
from benchmark.harness.run_algorithm import run_algorithm, told
from benchmark.results.record import Record, failure
from benchmark.training.step import Tick


def answer(question: Question, tick: Tick = lambda steps: None) -> Record:
    """Return the record of a cell. An exception in the algorithm is not raised; it becomes the record of a failure.

    Args:
        tick: called from time to time with the number of training steps so far.
    """
    return verdict(question, tick).record


def verdict(question: Question, tick: Tick = lambda steps: None) -> Verdict:
    """Return the record of a cell, and its masks."""
    if reason := why_not(question.algorithm, question.task):
        return Verdict(failure(question.cell, question.ranking, "skipped", reason))
    try:
        splits = question.task.source.splits(question.folder, question.cell.seed)
    except Exception as problem:  # a data set that cannot be read
        return Verdict(failure(question.cell, question.ranking, "failed", told(problem)))
    ended = run_algorithm(question, splits.train, tick, splits.validation)
    return judge(question, OpenedSplits(splits), ended.handover, ended.edit)
