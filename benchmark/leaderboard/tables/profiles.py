"""The leaderboard across tasks and sparsities: as tables, and as facts for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.errors import UsageError
from benchmark.leaderboard import Row
from benchmark.leaderboard.profiles import MeanRank, Profile, counted, mean_ranks, profiles
from benchmark.leaderboard.tables.plain import Tables, chance
from benchmark.leaderboard.winners import Region, winners

NEAR = (1.0, 1.1, 1.5, 2.0)
"""Factors of the least error that the profile view tells of."""


def profile(rows: Sequence[Row], form: str) -> tuple[Tables, Any]:
    """Mean ranks, closeness to the best, and who wins where. CSV has one row for each method."""
    ranked = mean_ranks(rows)
    if not ranked.methods:
        raise UsageError("no two methods here share a task, model, budget, pattern and sparsity")
    try:
        near: dict[str, Profile] = {one.label: one for one in profiles(rows)}
        about = "shares of columns whose error is within a factor of the least"
    except ValueError as error:
        near, about = {}, f"no shares: {error}"
    tested = (
        ""
        if ranked.p is None or ranked.critical is None
        else (f"; Friedman p {chance(ranked.p)}, mean ranks differ from {ranked.critical:.2f} apart (Nemenyi)")
    )
    over = f"{counted(ranked.columns, 'column')} (table, pattern, sparsity) of {counted(ranked.tasks, 'task')}"
    regions = winners(rows)
    tables = {f"{over}{tested}; {about}": [_ranked(one, near.get(one.label), ranked.columns) for one in ranked.methods]}
    tables["best mean rank, by sparsity"] = [_region(one) for one in regions]
    methods = [_ranked_facts(one, near.get(one.label), ranked.columns) for one in ranked.methods]
    if form == "csv":
        return tables, methods
    tests = {"columns": ranked.columns, "tasks": ranked.tasks, "friedman_p": ranked.p, "critical": ranked.critical}
    return tables, tests | {"methods": methods, "regions": [vars(one) for one in regions]}


def _ranked(one: MeanRank, near: Profile | None, columns: int) -> dict[str, str]:
    return {
        "algorithm": one.label,
        "mean rank": "" if one.mean is None else f"{one.mean:.2f}",
        "without a task": "" if one.low is None else f"{one.low:.2f} to {one.high:.2f}",
        **{f"within {factor:g}x": _near(near, factor) for factor in NEAR if near},
        "": f"incomplete: {columns - one.missing} of {columns} columns" if one.missing else "",
    }


def _near(profile: Profile, factor: float) -> str:
    left = profile.within_without(factor)
    return f"{profile.within(factor):.2f}" + (f" ({left[0]:.2f} to {left[1]:.2f})" if left else "")


def _ranked_facts(one: MeanRank, near: Profile | None, columns: int) -> dict[str, Any]:
    shares: dict[str, Any] = {}
    for factor in NEAR:
        shares[f"within_{factor:g}"] = near.within(factor) if near else None
        shares[f"within_{factor:g}_without_a_task"] = near.within_without(factor) if near else None
    return vars(one) | {"columns": columns} | shares


def _region(one: Region) -> dict[str, str]:
    kept = sum(one.without.values())
    return {
        "pattern": one.pattern,
        "sparsity": f"{one.low:g}" if one.low == one.high else f"{one.low:g} to {one.high:g}",
        "best": one.winner,
        "not told apart from it": ", ".join(one.shared),
        "tables": str(one.tables),
        "still best without a task": f"{kept} of {len(one.without)}" if one.without else "",
        "incomplete, not considered": ", ".join(one.incomplete),
    }
