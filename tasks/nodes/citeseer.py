"""CiteSeer: papers on computer science by topic, 3,327 nodes (Yang et al., 2016)."""

from __future__ import annotations

from typing import Literal

from benchmark import Task
from benchmark.plugins.task import task

from ._protocols import Layers, Number, Paper, jamadandi, planetoid, ugs


@task
def citeseer(*, protocol: Literal["ugs", "jamadandi"] = "ugs", layers: Layers = 0, split: Number = "seed") -> Task:
    """CiteSeer: papers on computer science by topic, 3,327 nodes (Yang et al., 2016).

    Options:
        protocol: ugs (Chen et al., 2021) trains on the public split; jamadandi (2024) on random splits of 60, 20, 20 %.
        layers: how many; 0 for the 2 of both protocols.
        split: which of the random splits; by default every seed has its own. The public split is one.
    """
    source = planetoid("CiteSeer", features=3703, classes=6)
    if protocol == "jamadandi":
        return jamadandi(source, layers, split, Paper(rate=0.01, width=32, dropout=0.413))
    return ugs(source, layers, rate=0.01, decay=5e-4)
