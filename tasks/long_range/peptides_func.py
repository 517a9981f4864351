"""Peptides-func: ten functions of peptides, from their molecules (Dwivedi et al., 2022)."""

from __future__ import annotations

from benchmark import Task
from benchmark.plugins.task import task

from ._metrics import AP, binary, precision
from ._protocols import Protocol, Shape, Source, adamw, long_range

SOURCE = Source("peptides-func", "atoms", "graph", outputs=10, training=10_873)
TUNED = {
    "gcn": Shape(6, 235, 3, 0.1, "rwse"),
    "gine": Shape(8, 160, 3, 0.1, "rwse"),
    "gatedgcn": Shape(10, 95, 3, 0.1, "rwse"),
    "gps": Shape(6, 76, 2, 0.1, "lappe"),
}
ORIGINAL = {
    "gcn": Shape(5, 300, 1),
    "gine": Shape(5, 208, 1),
    "gatedgcn": Shape(5, 138, 1),
}


@task
def peptides_func(*, protocol: Protocol = "tonshoff") -> Task:
    """Peptides-func: ten functions of peptides, from their molecules (Dwivedi et al., 2022).

    Options:
        protocol: networks and recipes of Tönshoff et al. (2023), or the first ones, of Dwivedi et al. (2022)
    """
    tuned = adamw(SOURCE.training, 200, epochs=250, warm=5, short=60, clip=1.0)
    original = adamw(SOURCE.training, 128, epochs=500, warm=0, short=60)
    recipes = tuned if protocol == "tonshoff" else original
    return long_range(SOURCE, TUNED, ORIGINAL, protocol, binary, precision, AP, recipes)
