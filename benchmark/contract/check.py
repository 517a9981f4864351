"""Runs all rules of the contract on a plug-in, for `bench check NAME`."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from io import StringIO
from unittest import SkipTest

from benchmark.contract.algorithm_rules import ALGORITHM_RULES
from benchmark.contract.experiment_rules import (
    EXPERIMENT_RULES,
    answers_the_same_after_an_interruption,
    runs_nothing_when_asked_again,
)
from benchmark.contract.finding import Broken, Finding, Rule, rule_name
from benchmark.contract.pace import hurried
from benchmark.contract.task_rules import TASK_RULES
from benchmark.errors import DataMissing
from benchmark.plugins import catalog
from benchmark.plugins.sources import PACKAGE

RULES: dict[catalog.Kind, Sequence[Rule]] = {
    "algorithm": ALGORITHM_RULES,
    "task": TASK_RULES,
    "experiment": EXPERIMENT_RULES,
}
"""The rules that every plug-in of a kind has to follow."""


LEFT_OUT: frozenset[Rule] = frozenset({runs_nothing_when_asked_again, answers_the_same_after_an_interruption})
"""Rules that take long whatever the plug-in is: they run an experiment several times."""


def check(name: str, kind: catalog.Kind, *, fast: bool = False) -> Iterator[Finding]:
    """Run every rule on a plug-in, and yield the outcome of each as it ends.

    Args:
        fast: test less of each rule, and leave out those that take long.

    Raises:
        DataMissing: data that it needs are not on this machine, which is not a fault of the plug-in, hence no finding.
    """
    for rule in RULES[kind]:
        if fast and rule in LEFT_OUT:
            yield Finding(rule_name(rule), idle="it takes long, and --fast leaves it out")
        else:
            yield _outcome(rule, name, fast)


def _outcome(rule: Rule, name: str, fast: bool) -> Finding:
    said = StringIO()  # the harness prints the traceback of a run that fails, as it would to a log
    try:
        with hurried(fast), redirect_stderr(said):
            rule(name)
    except DataMissing:
        raise
    except SkipTest as reason:  # pytest counts a rule that raises it as skipped, too
        return Finding(rule_name(rule), idle=str(reason))
    except Broken as problem:
        frames = [(file, int(line)) for file, line in re.findall(r'File "(.+)", line (\d+)', said.getvalue())]
        where = _raised(frames or _frames(problem.__cause__))
        return Finding(rule_name(rule), str(problem), notes=(*getattr(problem, "__notes__", ()), *where))
    except Exception as problem:
        where = _raised(_frames(problem))
        return Finding(rule_name(rule), f"{type(problem).__name__}: {problem}", notes=tuple(where))
    return Finding(rule_name(rule))


def _frames(error: BaseException | None) -> list[tuple[str, int]]:
    """The files and lines of a traceback, the last one where the error was raised; none if there is no error."""
    found = traceback.extract_tb(error.__traceback__) if error else []
    return [(frame.filename, frame.lineno or 0) for frame in found]


def _raised(frames: Sequence[tuple[str, int]]) -> list[str]:
    """The last line of a traceback that is the plug-in's own; empty if there is none."""
    ours = (str(PACKAGE), sysconfig.get_paths()["stdlib"], "<")
    own = [(file, line) for file, line in frames if not file.startswith(ours) and "site-packages" not in file]
    return [f"raised at {file}:{line}" for file, line in own[-1:]]
