"""PCQM-Contact: which atoms of a molecule touch that are far apart along its bonds (Dwivedi et al., 2022)."""

from __future__ import annotations

from benchmark import Task
from benchmark.plugins.task import task

from ._metrics import MRR, pairs, reciprocal_rank
from ._protocols import Protocol, Shape, Source, adamw, long_range

SOURCE = Source("pcqm-contact", "atoms", "pair", outputs=0, training=476_490)
TUNED = {
    "gcn": Shape(8, 215, 1, 0.1, "lappe"),
    "gine": Shape(8, 160, 1, 0.1, "lappe"),
    "gatedgcn": Shape(8, 105, 1, 0.1, "lappe"),
    "gps": Shape(6, 76, 1, 0.0, "lappe"),
}
ORIGINAL = {
    "gcn": Shape(5, 275, 1),
    "gine": Shape(5, 208, 1),
    "gatedgcn": Shape(5, 138, 1),
}


@task
def pcqm_contact(*, protocol: Protocol = "tonshoff") -> Task:
    """PCQM-Contact: which atoms of a molecule touch that are far apart along its bonds (Dwivedi et al., 2022).

    Options:
        protocol: networks and recipes of Tönshoff et al. (2023), or the first ones, of Dwivedi et al. (2022)
    """
    tuned = adamw(SOURCE.training, 500, epochs=150, warm=5, short=60, clip=1.0)
    original = adamw(SOURCE.training, 256, epochs=200, warm=0, short=60)
    recipes = tuned if protocol == "tonshoff" else original
    return long_range(SOURCE, TUNED, ORIGINAL, protocol, pairs, reciprocal_rank, MRR, recipes)
