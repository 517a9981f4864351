"""Graphs of TU Dortmund's collection (Morris et al., 2020), with the networks and the recipe of Xu et al. (2019).

The paper chooses width, batch, dropout and the number of epochs for each set, by the folds that it reports. Here they
are fixed: of molecules 32 units and sums, of social networks 64 units and means; batches of 32, dropout 0.5, 350 epochs
of 50 steps, as in the authors' code (weihua916/powerful-gnns). A seed chooses one of ten folds as the test split.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from benchmark import Recipe, Task, shortened, task

from ..graphs.data import cross_entropy, evaluate, logits
from ..graphs.diagnosis import diagnose
from ..images._classification import METRICS
from ._data import Features, Source
from ._models import KINDS, Readout, network

SHAPES: Mapping[Features, tuple[int, Readout]] = {"label": (32, "sum"), "degree": (64, "mean"), "one": (64, "mean")}
"""Units and read-out, by what nodes are described by: those of molecules have labels."""

EPOCH = 50
"""Steps of what the authors' code calls an epoch, for every data set."""

FULL = Recipe(
    steps=350 * EPOCH,
    batch_size=32,
    rate=0.01,
    optimizer="adam",
    milestones=tuple(50 * EPOCH * fall for fall in range(1, 7)),
    gamma=0.5,
)


@task
def mutag() -> Task:
    """MUTAG: which of 188 nitroaromatic compounds are mutagenic (Debnath et al., 1991)."""
    return _task(Source("MUTAG", graphs=188, classes=2, features="label", labels=7))


@task
def enzymes() -> Task:
    """ENZYMES: the class of 600 enzymes, of six, from their secondary structure (Borgwardt et al., 2005)."""
    return _task(Source("ENZYMES", graphs=600, classes=6, features="label", labels=3))


@task
def proteins() -> Task:
    """PROTEINS: which of 1,113 proteins are enzymes, from their secondary structure (Borgwardt et al., 2005)."""
    return _task(Source("PROTEINS", graphs=1113, classes=2, features="label", labels=3))


@task
def imdb_binary() -> Task:
    """IMDB-BINARY: the genre of 1,000 networks of actors, of two (Yanardag & Vishwanathan, 2015)."""
    return _task(Source("IMDB-BINARY", graphs=1000, classes=2, features="degree"))


@task
def reddit_binary() -> Task:
    """REDDIT-BINARY: discussion or question and answer, 2,000 threads (Yanardag & Vishwanathan, 2015)."""
    return _task(Source("REDDIT-BINARY", graphs=2000, classes=2, features="one"))


@task
def collab() -> Task:
    """COLLAB: the field of physics of 5,000 networks of researchers, of three (Yanardag & Vishwanathan, 2015)."""
    return _task(Source("COLLAB", graphs=5000, classes=3, features="degree"))


def _task(source: Source) -> Task:
    units, readout = SHAPES[source.features]
    return Task(
        models={kind: partial(network, kind, source.width, units, source.classes, readout) for kind in KINDS},
        recipes={"smoke": shortened(FULL, 20), "short": shortened(FULL, 35 * EPOCH), "full": FULL},
        data=source.data,
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
        prunes=frozenset({"weights", "edges"}),
        diagnose=diagnose,
        logits=logits,
    )
