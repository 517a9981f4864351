"""Collects what the page shows about experiments: their verdicts in a sentence, tables, and figures."""

from __future__ import annotations

import base64
import gzip
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from benchmark.leaderboard.blocks import counted
from benchmark.results.experiments import Answered

VERDICTS = {
    "holds": ("holds", "hold"),
    "does not hold": ("does not hold", "do not hold"),
    "not told apart": ("is not told apart", "are not told apart"),
    "uninformative": ("is uninformative", "are uninformative"),
    "incomplete": ("is incomplete", "are incomplete"),
}
"""The wording for one claim, and for several, in the order in which a sentence names them."""


def experiments(answers: Sequence[Answered], asks: Callable[[str], str]) -> list[dict[str, Any]]:
    """Return what the page shows of each answer.

    Args:
        asks: returns the question of an experiment; empty if it is unknown.
    """
    return [
        {
            "name": one.asked,
            "asks": asks(one.name),
            "verdict": sentence(one),
            "command": shlex.join(["bench", "experiment", one.asked]),
            "info": shlex.join(["bench", "info", one.name]),
            "tables": [[table.title, table.heads, table.rows] for table in one.tables],
            "figures": [[name, packed(image)] for name, image in one.figures.items()],
        }
        for one in answers
    ]


def sentence(answer: Answered) -> str:
    """Return the verdicts of an answer as a sentence: `Of 3 claims, 2 hold, and 1 does not hold.`"""
    failed = len(answer.guards) - answer.guards.count("holds")
    guarded = f" {counted(failed, 'precondition')} did not hold." if failed else ""
    if not answer.claims:
        return f"It makes no claim.{guarded}"
    count = Counter(answer.claims)
    told = [f"{n} {words[n != 1]}" for verdict, words in VERDICTS.items() if (n := count[verdict])]
    listed = f"{', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else told[0]
    return f"Of {counted(len(answer.claims), 'claim')}, {listed}.{guarded}"


def packed(image: bytes) -> str:
    """Return an SVG compressed, in base64: an eighth of its size. The same image gives the same text."""
    return base64.b64encode(gzip.compress(image, mtime=0)).decode()
