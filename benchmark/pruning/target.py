"""`Target`: the density and the pattern that an algorithm has to prune to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from benchmark.pruning.masks import Masks
from benchmark.pruning.patterns import Anywhere, Pattern
from benchmark.pruning.ranking import Scores


@dataclass
class Inversion:
    """Reverses the rankings of a target.

    Args:
        used: whether any ranking has been reversed.
    """

    used: bool = False


@dataclass(frozen=True)
class Target:
    """The density and the pattern that an algorithm has to prune to.

    Args:
        density: kept weights as a share of prunable ones.
        pattern: the positions in which weights may be kept.
        inversion: set by the control `invert`; None otherwise.

    Raises:
        ValueError: the density is not in (0, 1].
    """

    density: float
    pattern: Pattern = field(default_factory=Anywhere)
    inversion: Inversion | None = None

    def __post_init__(self) -> None:
        if not 0 < self.density <= 1:
            raise ValueError(f"density must lie in (0, 1], got {self.density:g}; 90% sparsity is density 0.1")

    def at_progress(self, progress: float) -> Target:
        """The target at a progress in [0, 1] of the geometric schedule; its density is density ** progress."""
        return self.with_density(self.density**progress)

    def with_density(self, density: float) -> Target:
        """The same target with another density."""
        return replace(self, density=density)

    def oriented(self, scores: Scores) -> Mapping[str, Tensor]:
        """The scores, or their negatives under the control `invert`; for rankings that do not use `keep_top`."""
        if not self.inversion:
            return scores
        self.inversion.used = True
        return {name: -score for name, score in scores.items()}


def keep_top(scores: Scores, target: Target, among: Masks | None = None) -> Masks:
    """Keep the highest-scoring weights that the target's pattern and density allow.

    Args:
        scores: one score per weight; weights with higher scores are kept longer.
        among: masks of the weights to choose from, so that pruned ones cannot come back; None for all weights.

    Raises:
        ValueError: a score is NaN, or more weights are to be kept than `among` has.
    """
    return target.pattern.keep(target.oriented(scores), target.density, among)
