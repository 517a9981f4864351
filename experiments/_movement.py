"""How far weights move in dense training: those that a ticket keeps, relative to those that it prunes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark import Finding, Study, without_result

from ._arms import over_zero

if TYPE_CHECKING:
    from pandas import DataFrame

RATIOS = ["raw", "matched", "random"]
"""The ratios over all weights; over weights of similar initial magnitude; and over as many random weights per layer."""

NOTED = "noted.movement."


def movements(study: Study, tickets: DataFrame) -> DataFrame:
    """A row per layer of every ticket, with its ratios of movement; what is missing is run."""
    import pandas as pd

    runs = study.runs("weight-movement:of={key}", over=tickets[tickets.status == "ok"])
    level = dict(zip(tickets.key, tickets.sparsity, strict=True))
    layers = [name.removeprefix(NOTED).removesuffix(".raw") for name in runs if name.startswith(NOTED)]
    layers = [name for name in layers if f"{NOTED}{name}.raw" in runs]
    rows = [
        {
            **{name: run[name] for name in ("method", "seed", "status")},
            "sparsity": level[run["options"]["of"]],
            "layer": layer,
            **{kind: run[f"{NOTED}{layer}.{kind}"] for kind in RATIOS},
        }
        for run in runs.to_dict("records")
        for layer in layers
    ]
    return pd.DataFrame(rows, columns=["method", "seed", "status", "sparsity", "layer", *RATIOS])


def further(tickets: DataFrame, moves: DataFrame) -> Finding:
    """By how much the ratio for weights of similar initial magnitude exceeds 1, in the mean over layers."""
    mean = over_layers(moves, "matched")
    return versus_zero(tickets, mean.assign(excess=mean.ratio - 1), above=0.0)


def as_far(tickets: DataFrame, moves: DataFrame, within: float) -> Finding:
    """How far from 1 the ratio for random weights is, in the mean over layers; it should be less than `within`."""
    mean = over_layers(moves, "random")
    return versus_zero(tickets, mean.assign(excess=(mean.ratio - 1).abs()), below=within)


def over_layers(moves: DataFrame, kind: str) -> DataFrame:
    """The mean of a ratio over all layers, a row per seed."""
    return (
        moves.assign(ratio=moves[kind].astype(float)).groupby("seed", as_index=False).ratio.mean().assign(status="ok")
    )


def versus_zero(tickets: DataFrame, mean: DataFrame, above: float | None = None, below: float | None = None) -> Finding:
    """By how much values exceed 0, by seed; incomplete if a ticket has no result."""
    if lost := without_result(tickets):
        return Finding.incomplete(lost)
    return over_zero(mean, "excess", above=above, below=below)
