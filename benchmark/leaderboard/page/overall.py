"""Collects the page's overall views: performance profiles and mean ranks over tasks, or why there are none.

Methods that prune weights, and those that edit the data or take them in parts, are separate; each task counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.leaderboard.blocks import counted
from benchmark.leaderboard.figures.rank_diagrams import critical_difference, profile
from benchmark.leaderboard.page.drawn import Picture, drawn
from benchmark.leaderboard.profiles import MeanRanks, Profile, mean_ranks, profiles
from benchmark.leaderboard.rows import Row
from benchmark.leaderboard.tables.plain import chance
from benchmark.leaderboard.tables.profiles import NEAR

KINDS = {"Methods that prune weights": False, "Methods that edit the data, or take them in parts": True}
"""Whether the rows of a kind are those at sparsity 0."""


def overall(board: Sequence[Row], *, draw: bool = True) -> list[dict[str, Any]]:
    """Return the view of each kind of methods that there is: its block, figures and ranks, or why there is none."""
    kinds = {title: [row for row in board if (row.sparsity == 0) is zero] for title, zero in KINDS.items()}
    ranked = {title: (of, mean_ranks(of)) for title, of in kinds.items()}
    return [{"title": title} | _view(of, ranks, draw=draw) for title, (of, ranks) in ranked.items() if ranks.methods]


def _view(board: Sequence[Row], ranks: MeanRanks, *, draw: bool) -> dict[str, Any]:
    if ranks.critical is None:
        why = "An overall view takes 3 methods that have results on the same 2 tasks, in columns that they share."
        return {"about": f"{why} The largest complete block has {ranks.block}."}
    try:
        near = {curve.label: curve for curve in profiles(board)}
        without = ""
    except ValueError as error:
        near, without = {}, f" There are no profiles: {error}."
    others = sum(method.mean is None for method in ranks.methods)
    outside = f"; {counted(others, 'other method')} not in all of it" if others else ""
    return {
        "about": f"Over the largest complete block, {ranks.block}{outside}.{without}",
        "test": f"Friedman p {chance(ranks.p)}; mean ranks differ from {ranks.critical:.2f} apart (Nemenyi, 5 %).",
        "near": NEAR if near else [],
        "methods": [
            [method.label, method.mean, method.low, method.high, *_shares(near.get(method.label))]
            for method in ranks.methods
            if method.mean is not None
        ],
        "pictures": _pictures(board, profiled=bool(near)) if draw else [],
    }


def _shares(curve: Profile | None) -> list[float]:
    return [curve.within(factor) for factor in NEAR] if curve else []


def _pictures(board: Sequence[Row], *, profiled: bool) -> list[Picture]:
    ranks = "mean ranks over tasks; a bar joins methods that are not told apart"
    near = "share of columns in which an error is within a factor of the least; each task counts once"
    return [
        *drawn(lambda: critical_difference(board), ranks),
        *(drawn(lambda: profile(board), near) if profiled else ()),
    ]
