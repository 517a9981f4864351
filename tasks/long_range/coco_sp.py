"""COCO-SP: the objects in images, by superpixel, 81 classes (Dwivedi et al., 2022)."""

from __future__ import annotations

from benchmark import Task
from benchmark.plugins.task import task

from ._metrics import F1, macro_f1, weighted
from ._protocols import Protocol, Shape, Source, adamw, long_range

SOURCE = Source("coco-sp", "pixels", "node", outputs=81, training=113_286)
TUNED = {
    "gcn": Shape(6, 280, 1, 0.1),
    "gine": Shape(6, 195, 1, 0.1),
    "gatedgcn": Shape(8, 105, 1, 0.1),
    "gps": Shape(8, 68, 1, 0.1),
}
ORIGINAL = {
    "gcn": Shape(8, 220, 3),
    "gine": Shape(8, 166, 3),
    "gatedgcn": Shape(8, 108, 3),
}


@task
def coco_sp(*, protocol: Protocol = "tonshoff") -> Task:
    """COCO-SP: the objects in images, by superpixel, 81 classes (Dwivedi et al., 2022).

    Options:
        protocol: networks and recipes of Tönshoff et al. (2023), or the first ones, of Dwivedi et al. (2022)
    """
    tuned = adamw(SOURCE.training, 50, epochs=200, warm=10, short=60)
    original = adamw(SOURCE.training, 32, epochs=500, warm=0, short=60, rate=5e-4)
    recipes = tuned if protocol == "tonshoff" else original
    model_recipes = {"gps": adamw(SOURCE.training, 50, epochs=200, warm=10, short=60, clip=1.0)}
    return long_range(SOURCE, TUNED, ORIGINAL, protocol, weighted, macro_f1, F1, recipes, model_recipes)
