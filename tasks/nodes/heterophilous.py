"""Heterophilous graphs, whose neighbours tend to have different classes, under the protocols of two papers.

Five graphs were introduced by Platonov et al. (2023); the other six are in their filtered or republished versions.
"""

from __future__ import annotations

from typing import Annotated, Literal

from benchmark import Doc, Task, task

from ._protocols import Layers, Number, Paper, jamadandi, platonov
from ._sources import heterophilous

Name = Literal["platonov", "jamadandi"]


# --- those of Platonov et al.: both protocols train residual networks on the published splits -------------------------

Rates = Annotated[Name, Doc("platonov trains at 3e-5 with dropout .2; jamadandi (2024) at 3e-4 with .32.")]
Deep = Annotated[Layers, Doc("number of layers; 0 for 5. Jamadandi et al. use 5, 10 and 20.")]
Published = Annotated[Number, Doc("which of the ten published splits; by default seed s uses split s mod 10.")]


@task
def amazon_ratings(*, protocol: Rates = "platonov", layers: Deep = 0, split: Published = "seed") -> Task:
    """Amazon-ratings: products bought together, by the class of their rating, 24,492 nodes (Platonov et al., 2023)."""
    return large("amazon_ratings", 300, 5, protocol, layers, split)


@task
def minesweeper(*, protocol: Rates = "platonov", layers: Deep = 0, split: Published = "seed") -> Task:
    """Minesweeper: the mines of a grid of 100 by 100 cells, half of whose counts are shown (Platonov et al., 2023)."""
    return large("minesweeper", 7, 2, protocol, layers, split)


@task
def questions(*, protocol: Rates = "platonov", layers: Deep = 0, split: Published = "seed") -> Task:
    """Questions: which users of a forum stayed active, 48,921 nodes (Platonov et al., 2023)."""
    return large("questions", 301, 2, protocol, layers, split)


@task
def roman_empire(*, protocol: Rates = "platonov", layers: Deep = 0, split: Published = "seed") -> Task:
    """Roman-empire: the words of an article by their syntactic role, 22,662 nodes (Platonov et al., 2023)."""
    return large("roman_empire", 300, 18, protocol, layers, split)


@task
def tolokers(*, protocol: Rates = "platonov", layers: Deep = 0, split: Published = "seed") -> Task:
    """Tolokers: which workers of a crowdsourcing platform were banned, 11,758 nodes (Platonov et al., 2023)."""
    return large("tolokers", 10, 2, protocol, layers, split)


def large(name: str, features: int, classes: int, protocol: Name, layers: int, split: Number) -> Task:
    """Return a task on one of the five graphs of Platonov et al. Two classes are scored by area under the ROC curve."""
    source = heterophilous(name, features, classes, ranks=classes == 2)
    if protocol == "jamadandi":
        return platonov(source, layers, split, rate=3e-4, dropout=0.32)
    return platonov(source, layers, split)


# --- older ones: Jamadandi et al. train plain networks on random splits -----------------------------------------------

Networks = Annotated[
    Name, Doc("platonov (2023): residual networks, published splits; jamadandi (2024): plain ones, random splits.")
]
Depth = Annotated[Layers, Doc("number of layers; 0 for that of the protocol: 5 and 2.")]
Split = Annotated[
    Number,
    Doc("which of ten splits; by default seed s uses split s mod 10, or under jamadandi a split of its own."),
]


@task
def actor(*, protocol: Networks = "platonov", layers: Depth = 0, split: Split = "seed") -> Task:
    """Actor: actors who share a page, by the words on theirs, 7,600 nodes (Pei et al., 2020)."""
    return small("actor", 932, 0.213, protocol, layers, split)


@task
def chameleon(*, protocol: Networks = "platonov", layers: Depth = 0, split: Split = "seed") -> Task:
    """Chameleon: Wikipedia pages by traffic, without duplicates, 890 nodes (Platonov et al., 2023)."""
    return small("chameleon_filtered", 2325, 0.213, protocol, layers, split)


@task
def cornell(*, protocol: Networks = "platonov", layers: Depth = 0, split: Split = "seed") -> Task:
    """Cornell: web pages of a university by kind of person and course, 183 nodes (Pei et al., 2020)."""
    return small("cornell", 1703, 0.413, protocol, layers, split)


@task
def squirrel(*, protocol: Networks = "platonov", layers: Depth = 0, split: Split = "seed") -> Task:
    """Squirrel: Wikipedia pages by traffic, without duplicates, 2,223 nodes (Platonov et al., 2023)."""
    return small("squirrel_filtered", 2089, 0.513, protocol, layers, split)


@task
def texas(*, protocol: Networks = "platonov", layers: Depth = 0, split: Split = "seed") -> Task:
    """Texas: web pages of a university by kind of person and course, 183 nodes (Pei et al., 2020)."""
    return small("texas", 1703, 0.413, protocol, layers, split)


@task
def wisconsin(*, protocol: Networks = "platonov", layers: Depth = 0, split: Split = "seed") -> Task:
    """Wisconsin: web pages of a university by kind of person and course, 251 nodes (Pei et al., 2020)."""
    return small("wisconsin", 1703, 0.513, protocol, layers, split)


def small(name: str, features: int, dropout: float, protocol: Name, layers: int, split: Number) -> Task:
    """Return a task on one of the six older graphs, which have five classes; `dropout` is that of Jamadandi et al."""
    source = heterophilous(name, features, classes=5)
    if protocol == "jamadandi":
        return jamadandi(source, layers, split, Paper(rate=0.001, width=128, dropout=dropout))
    return platonov(source, layers, split)
