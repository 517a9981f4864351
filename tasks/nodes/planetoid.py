"""Citation graphs with the public split of Planetoid (Yang et al., 2016), under the protocols of two papers."""

from __future__ import annotations

from typing import Annotated, Literal

from benchmark import Doc, Task, task

from ._protocols import Layers, Number, Paper, jamadandi, ugs
from ._sources import planetoid

CORA = planetoid("Cora", features=1433, classes=7)
CITESEER = planetoid("CiteSeer", features=3703, classes=6)
PUBMED = planetoid("PubMed", features=500, classes=3)

Name = Literal["ugs", "jamadandi"]
Protocol = Annotated[
    Name,
    Doc("ugs (Chen et al., 2021): the public split; jamadandi (2024): random splits of 60, 20 and 20 %."),
]
Depth = Annotated[Layers, Doc("number of layers; 0 for 2, as in both protocols.")]
Split = Annotated[
    Number, Doc("which of the random splits; by default every seed has its own. There is a single public split.")
]


@task
def cora(*, protocol: Protocol = "ugs", layers: Depth = 0, split: Split = "seed") -> Task:
    """Cora: papers on machine learning by topic, 2,708 nodes (Yang et al., 2016)."""
    if protocol == "jamadandi":
        return jamadandi(CORA, layers, split, Paper(rate=0.01, width=32, dropout=0.313))
    return ugs(CORA, layers, rate=0.008, decay=8e-5)


@task
def citeseer(*, protocol: Protocol = "ugs", layers: Depth = 0, split: Split = "seed") -> Task:
    """CiteSeer: papers on computer science by topic, 3,327 nodes (Yang et al., 2016)."""
    if protocol == "jamadandi":
        return jamadandi(CITESEER, layers, split, Paper(rate=0.01, width=32, dropout=0.413))
    return ugs(CITESEER, layers, rate=0.01, decay=5e-4)


@task
def pubmed(*, protocol: Protocol = "ugs", layers: Depth = 0, split: Split = "seed") -> Task:
    """PubMed: papers on diabetes by type, 19,717 nodes (Yang et al., 2016)."""
    if protocol == "jamadandi":
        return jamadandi(PUBMED, layers, split, Paper(rate=0.01, width=128, dropout=0.313))
    return ugs(PUBMED, layers, rate=0.01, decay=5e-4)
