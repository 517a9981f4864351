"""Roman-empire: the words of an article by their syntactic role, 22,662 nodes (Platonov et al., 2023)."""

from __future__ import annotations

from typing import Literal

from benchmark import Task
from benchmark.plugins.task import task

from ._protocols import Layers, Number, heterophilous, platonov


@task
def roman_empire(
    *, protocol: Literal["platonov", "jamadandi"] = "platonov", layers: Layers = 0, split: Number = "seed"
) -> Task:
    """Roman-empire: the words of an article by their syntactic role, 22,662 nodes (Platonov et al., 2023).

    Options:
        protocol: platonov trains at 3e-5 with dropout .2; jamadandi (2024) at 3e-4 with .32.
        layers: how many; 0 for 5. Jamadandi et al. have 5, 10 and 20.
        split: which of the ten published splits; by default seed s has split s mod 10.
    """
    source = heterophilous("roman_empire", features=300, classes=18)
    if protocol == "jamadandi":
        return platonov(source, layers, split, rate=3e-4, dropout=0.32)
    return platonov(source, layers, split)
