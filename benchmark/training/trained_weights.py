"""Which weights of a network were ever trained, for methods that regrow pruned ones."""

from __future__ import annotations

from benchmark.pruning.masks import Masks


class TrainedWeights:
    """Joins the masks of all updates: the in-time over-parameterisation of Liu et al. (2021, arXiv:2102.02887).

    Attributes:
        returned: whether a weight was kept in an update, and was not in the one before.
    """

    def __init__(self) -> None:
        self._ever: Masks | None = None
        self._last: Masks | None = None
        self.returned = False

    def updated(self, masks: Masks) -> None:
        """The weights that these masks keep are updated."""
        if masks is self._last:
            return
        if self._last is None or self._ever is None:
            self._ever = masks
        else:
            self.returned |= bool((masks & ~self._last).kept)
            self._ever |= masks
        self._last = masks

    @property
    def share(self) -> float | None:
        """The share of weights that were kept in any update; None if none has returned, where masks say it all."""
        return self._ever.density if self._ever is not None and self.returned else None
