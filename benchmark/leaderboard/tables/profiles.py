"""Builds the leaderboard's profile view: aggregates over tasks and sparsities, as tables and as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.errors import UsageError
from benchmark.leaderboard.blocks import counted
from benchmark.leaderboard.profiles import MeanRank, Profile, mean_ranks, profiles
from benchmark.leaderboard.rows import Row
from benchmark.leaderboard.tables.plain import Tables, chance
from benchmark.leaderboard.winners import Region, winners

NEAR = (1.0, 1.1, 1.5, 2.0)
"""Multiples of the smallest error that the profile view shows."""


def profile(rows: Sequence[Row], form: str) -> tuple[Tables, Any]:
    """Return mean ranks, closeness to the best, and the best method by sparsity. CSV has one row for each method.

    Raises:
        UsageError: no two methods share a column.
    """
    ranked = mean_ranks(rows)
    if not ranked.methods:
        raise UsageError("no two methods here share a task, model, budget, pattern and sparsity")
    try:
        near: dict[str, Profile] = {curve.label: curve for curve in profiles(rows)}
        about = "shares of columns, as means over tasks, whose error is within a factor of the least"
    except ValueError as error:
        near, about = {}, f"no shares: {error}"
    tested = (
        ""
        if ranked.p is None or ranked.critical is None
        else (f"; Friedman p {chance(ranked.p)}, mean ranks differ from {ranked.critical:.2f} apart (Nemenyi)")
    )
    columns = len(ranked.block.columns)
    regions = winners(rows)
    tables = {
        f"largest complete block, {ranked.block}{tested}; {about}": [
            _ranked(method, near, columns) for method in ranked.methods
        ]
    }
    tables["best mean rank, by sparsity"] = [_region(region) for region in regions]
    methods = [_ranked_facts(method, near.get(method.label), columns) for method in ranked.methods]
    if form == "csv":
        return tables, methods
    tests = {"columns": columns, "tasks": list(ranked.block.tasks), "friedman_p": ranked.p, "critical": ranked.critical}
    return tables, tests | {"methods": methods, "regions": [vars(region) for region in regions]}


def _ranked(method: MeanRank, near: Mapping[str, Profile], columns: int) -> dict[str, str]:
    curve = near.get(method.label)
    return {
        "algorithm": method.label,
        "mean rank": "" if method.mean is None else f"{method.mean:.2f}",
        "without a task": "" if method.low is None else f"{method.low:.2f} to {method.high:.2f}",
        **{f"within {factor:g}x": _near(curve, factor) if curve else "" for factor in NEAR if near},
        "": f"incomplete: {columns - method.missing} of {counted(columns, 'column')}" if method.missing else "",
    }


def _near(profile: Profile, factor: float) -> str:
    left = profile.within_without(factor)
    return f"{profile.within(factor):.2f}" + (f" ({left[0]:.2f} to {left[1]:.2f})" if left else "")


def _ranked_facts(method: MeanRank, near: Profile | None, columns: int) -> dict[str, Any]:
    shares: dict[str, Any] = {}
    for factor in NEAR:
        shares[f"within_{factor:g}"] = near.within(factor) if near else None
        shares[f"within_{factor:g}_without_a_task"] = near.within_without(factor) if near else None
    return vars(method) | {"columns": columns} | shares


def _region(region: Region) -> dict[str, str]:
    kept = sum(region.without.values())
    return {
        "pattern": region.pattern,
        "sparsity": f"{region.low:g}" if region.low == region.high else f"{region.low:g} to {region.high:g}",
        "best": region.winner,
        "not told apart from it": ", ".join(region.shared),
        "tables": str(region.tables),
        "still best without a task": f"{kept} of {len(region.without)}" if region.without else "",
        "incomplete, not considered": ", ".join(region.incomplete),
    }
