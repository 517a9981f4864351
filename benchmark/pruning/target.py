"""What is asked of an algorithm: how much to keep, and in which pattern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from benchmark.pruning.masks import Masks
from benchmark.pruning.patterns import Anywhere, Pattern
from benchmark.pruning.ranking import Scores


@dataclass
class Inversion:
    """Turns every ranking over, and remembers whether there was one."""

    used: bool = False


@dataclass(frozen=True)
class Target:
    """What is asked of an algorithm: a density (kept / prunable) and the pattern it is kept in.

    Args:
        inversion: set by the control of that name.

    Raises:
        ValueError: density outside (0, 1].
    """

    density: float
    pattern: Pattern = field(default_factory=Anywhere)
    inversion: Inversion | None = None

    def __post_init__(self) -> None:
        if not 0 < self.density <= 1:
            raise ValueError(f"density must lie in (0, 1], got {self.density:g}; 90% sparsity is density 0.1")

    def at_progress(self, progress: float) -> Target:
        """The target part of the way: density ** progress, the geometric schedule; progress in [0, 1]."""
        return self.with_density(self.density**progress)

    def with_density(self, density: float) -> Target:
        """The target at another density."""
        return replace(self, density=density)

    def oriented(self, scores: Scores) -> Mapping[str, Tensor]:
        """The scores, or their negatives where the control `invert` asks; for what `keep_top` does not rank."""
        if not self.inversion:
            return scores
        self.inversion.used = True
        return {name: -score for name, score in scores.items()}


def keep_top(scores: Scores, target: Target, among: Masks | None = None) -> Masks:
    """The highest-scoring weights that the target's pattern and density allow.

    Args:
        scores: one score per weight, higher = kept longer.
        among: the weights to choose from; pruned ones cannot come back. All of them where it is None.

    Raises:
        ValueError: a score is NaN, or more weights are asked than `among` has.
    """
    return target.pattern.keep(target.oriented(scores), target.density, among)
