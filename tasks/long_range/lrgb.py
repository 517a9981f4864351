"""The long-range graph benchmark (Dwivedi et al., 2022), five data sets: their published networks and recipes."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from benchmark import Doc, Recipe, Task, task

from . import _protocols
from ._data import Source
from ._metrics import (
    AP,
    F1,
    MAE,
    MRR,
    absolute,
    absolute_error,
    binary,
    macro_f1,
    pairs,
    precision,
    reciprocal_rank,
    weighted,
)
from ._protocols import Setting, Shape, adamw, long_range

Protocol = Annotated[
    _protocols.Protocol,
    Doc("networks and recipes of Tönshoff et al. (2023), or the original ones of Dwivedi et al. (2022)"),
]

PEPTIDES_FUNC = Source("peptides-func", "atoms", "graph", outputs=10, training=10_873, graphs=15_535)
PEPTIDES_STRUCT = Source("peptides-struct", "atoms", "graph", outputs=11, training=10_873, graphs=15_535)
PCQM_CONTACT = Source("pcqm-contact", "atoms", "pair", outputs=0, training=476_490, graphs=529_434)
PASCALVOC_SP = Source("pascalvoc-sp", "pixels", "node", outputs=21, training=8_498, graphs=11_355)
COCO_SP = Source("coco-sp", "pixels", "node", outputs=81, training=113_286, graphs=123_286)

PEPTIDES = {"gcn": Shape(5, 300, 1), "gine": Shape(5, 208, 1), "gatedgcn": Shape(5, 138, 1)}
CONTACTS = {"gcn": Shape(5, 275, 1), "gine": Shape(5, 208, 1), "gatedgcn": Shape(5, 138, 1)}
IMAGES = {"gcn": Shape(8, 220, 3), "gine": Shape(8, 166, 3), "gatedgcn": Shape(8, 108, 3)}
"""The networks of Dwivedi et al. (2022)."""


@task
def peptides_func(*, protocol: Protocol = "tonshoff") -> Task:
    """Peptides-func: ten functions of peptides, from their molecules (Dwivedi et al., 2022)."""
    shapes = {
        "gcn": Shape(6, 235, 3, 0.1, "rwse"),
        "gine": Shape(8, 160, 3, 0.1, "rwse"),
        "gatedgcn": Shape(10, 95, 3, 0.1, "rwse"),
        "gps": Shape(6, 76, 2, 0.1, "lappe"),
    }
    tuned = Setting(shapes, adamw(PEPTIDES_FUNC, 200, epochs=250, warm=5, clip=1.0))
    first = Setting(PEPTIDES, adamw(PEPTIDES_FUNC, 128, epochs=500))
    return long_range(PEPTIDES_FUNC, protocol, tuned, first, binary, precision, AP)


@task
def peptides_struct(*, protocol: Protocol = "tonshoff") -> Task:
    """Peptides-struct: eleven measures of the shape of peptides, from their molecules (Dwivedi et al., 2022)."""
    shapes = {
        "gcn": Shape(6, 235, 3, 0.1, "lappe"),
        "gine": Shape(10, 145, 3, 0.1, "lappe"),
        "gatedgcn": Shape(8, 100, 3, 0.1, "lappe"),
        "gps": Shape(8, 64, 2, 0.1, "lappe"),
    }
    tuned = Setting(shapes, adamw(PEPTIDES_STRUCT, 200, epochs=250, warm=5, clip=1.0))
    first = Setting(PEPTIDES, adamw(PEPTIDES_STRUCT, 128, epochs=500))
    return long_range(PEPTIDES_STRUCT, protocol, tuned, first, absolute, absolute_error, MAE)


@task
def pcqm_contact(*, protocol: Protocol = "tonshoff") -> Task:
    """PCQM-Contact: which atoms of a molecule touch that are far apart along its bonds (Dwivedi et al., 2022)."""
    shapes = {
        "gcn": Shape(8, 215, 1, 0.1, "lappe"),
        "gine": Shape(8, 160, 1, 0.1, "lappe"),
        "gatedgcn": Shape(8, 105, 1, 0.1, "lappe"),
        "gps": Shape(6, 76, 1, 0.0, "lappe"),
    }
    tuned = Setting(shapes, adamw(PCQM_CONTACT, 500, epochs=150, warm=5, clip=1.0))
    first = Setting(CONTACTS, adamw(PCQM_CONTACT, 256, epochs=200))
    return long_range(PCQM_CONTACT, protocol, tuned, first, pairs, reciprocal_rank, MRR)


@task
def pascalvoc_sp(*, protocol: Protocol = "tonshoff") -> Task:
    """PascalVOC-SP: the objects in images, by superpixel, 21 classes (Dwivedi et al., 2022)."""
    shapes = {
        "gcn": Shape(10, 200, 3, 0.0, "rwse"),
        "gine": Shape(10, 145, 2, 0.2),
        "gatedgcn": Shape(10, 95, 2, 0.2),
        "gps": Shape(8, 68, 2, 0.1, "lappe"),
    }
    tuned = Setting(shapes, *of_images(PASCALVOC_SP))
    first = Setting(IMAGES, adamw(PASCALVOC_SP, 32, epochs=1000, rate=5e-4))
    return long_range(PASCALVOC_SP, protocol, tuned, first, weighted, macro_f1, F1)


@task
def coco_sp(*, protocol: Protocol = "tonshoff") -> Task:
    """COCO-SP: the objects in images, by superpixel, 81 classes (Dwivedi et al., 2022)."""
    shapes = {
        "gcn": Shape(6, 280, 1, 0.1),
        "gine": Shape(6, 195, 1, 0.1),
        "gatedgcn": Shape(8, 105, 1, 0.1),
        "gps": Shape(8, 68, 1, 0.1),
    }
    tuned = Setting(shapes, *of_images(COCO_SP))
    first = Setting(IMAGES, adamw(COCO_SP, 32, epochs=500, rate=5e-4))
    return long_range(COCO_SP, protocol, tuned, first, weighted, macro_f1, F1)


def of_images(source: Source) -> tuple[dict[str, Recipe], dict[str, dict[str, Recipe]]]:
    """Return the tuned recipes of image data sets; that of GPS clips gradients."""
    recipes = partial(adamw, source, 50, epochs=200, warm=10)
    return recipes(), {"gps": recipes(clip=1.0)}
