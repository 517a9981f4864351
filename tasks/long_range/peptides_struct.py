"""Peptides-struct: eleven measures of the shape of peptides, from their molecules (Dwivedi et al., 2022)."""

from __future__ import annotations

from benchmark import Task
from benchmark.plugins.task import task

from ._metrics import MAE, absolute, absolute_error
from ._protocols import Protocol, Shape, Source, adamw, long_range

SOURCE = Source("peptides-struct", "atoms", "graph", outputs=11, training=10_873)
TUNED = {
    "gcn": Shape(6, 235, 3, 0.1, "lappe"),
    "gine": Shape(10, 145, 3, 0.1, "lappe"),
    "gatedgcn": Shape(8, 100, 3, 0.1, "lappe"),
    "gps": Shape(8, 64, 2, 0.1, "lappe"),
}
ORIGINAL = {
    "gcn": Shape(5, 300, 1),
    "gine": Shape(5, 208, 1),
    "gatedgcn": Shape(5, 138, 1),
}


@task
def peptides_struct(*, protocol: Protocol = "tonshoff") -> Task:
    """Peptides-struct: eleven measures of the shape of peptides, from their molecules (Dwivedi et al., 2022).

    Options:
        protocol: networks and recipes of Tönshoff et al. (2023), or the first ones, of Dwivedi et al. (2022)
    """
    tuned = adamw(SOURCE.training, 200, epochs=250, warm=5, short=60, clip=1.0)
    original = adamw(SOURCE.training, 128, epochs=500, warm=0, short=60)
    recipes = tuned if protocol == "tonshoff" else original
    return long_range(SOURCE, TUNED, ORIGINAL, protocol, absolute, absolute_error, MAE, recipes)
