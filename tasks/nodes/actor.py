"""Actor: actors who share a page, by the words on theirs, 7,600 nodes (Pei et al., 2020)."""

from __future__ import annotations

from typing import Literal

from benchmark import Task
from benchmark.plugins.task import task

from ._protocols import Layers, Number, Paper, heterophilous, jamadandi, platonov


@task
def actor(
    *, protocol: Literal["platonov", "jamadandi"] = "platonov", layers: Layers = 0, split: Number = "seed"
) -> Task:
    """Actor: actors who share a page, by the words on theirs, 7,600 nodes (Pei et al., 2020).

    Options:
        protocol: platonov (2023): residual networks, published splits; jamadandi (2024): plain ones, random splits.
        layers: how many; 0 for the protocol's own: 5 and 2.
        split: which of ten splits; by default seed s has split s mod 10, or under jamadandi a split of its own.
    """
    source = heterophilous("actor", features=932, classes=5)
    if protocol == "jamadandi":
        return jamadandi(source, layers, split, Paper(rate=0.001, width=128, dropout=0.213))
    return platonov(source, layers, split)
