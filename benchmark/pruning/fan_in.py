"""The pattern of layers whose outputs all have the same number of inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmark.pruning.masks import Masks, Ties
from benchmark.pruning.ranking import Scores, checked, cut_rows


@dataclass(frozen=True)
class FanIn:
    """All outputs of a tensor that keep any input keep equally many (constant fan-in; Lasby et al., 2024).

    An input is a weight of the output: one for each input channel and kernel position. With n weights and `live`
    outputs, each of these keeps round(density * n / live) inputs, and at least one. `keep` leaves every output live,
    except those that have no weight in `among`.
    """

    name: str = field(default="fan-in", init=False)

    def keep(self, scores: Scores, density: float, among: Masks | None = None) -> Masks:
        masks, tied, tied_kept = dict[str, Tensor](), dict[str, int](), 0
        for name, score in scores.items():
            may = torch.ones_like(score, dtype=torch.bool) if among is None else among[name]
            masks[name], ties, kept = self._keep_rows(checked(name, score).flatten(1), density, may.flatten(1))
            masks[name] = masks[name].view(score.shape)
            tied, tied_kept = tied | ({name: ties} if ties else {}), tied_kept + kept
        return Masks(masks, Ties(tied_kept, tied))

    def breach(self, masks: Masks, density: float) -> str | None:
        for name, mask in masks.items():
            inputs = mask.flatten(1).sum(dim=1)
            live, total = int((inputs > 0).sum()), mask.numel()
            expected = self.inputs(density, total, live)
            if not live or expected > total // len(mask):
                return f"'{name}' has {live:,} live outputs, too few to keep {density:g} of {total:,} weights"
            if wrong := int(((inputs > 0) & (inputs != expected)).sum()):
                return f"'{name}' has {wrong:,} live outputs that do not keep {expected:,} inputs"
        return None

    def exempt(self, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
        return {}

    def inputs(self, density: float, total: int, live: int) -> int:
        """How many inputs each of the `live` outputs of a tensor with `total` weights keeps."""
        return max(1, round(density * total / max(1, live)))

    def _keep_rows(self, scores: Tensor, density: float, may: Tensor) -> tuple[Tensor, int, int]:
        """The mask of a tensor, the number of tied scores at the cuts of its outputs, and how many are kept."""
        rows = may.any(dim=1)
        count = self.inputs(density, scores.numel(), int(rows.sum()))
        chosen, tied, tied_kept = cut_rows(scores[rows], count, may[rows])
        if int(may[rows].sum(dim=1).min()) < count:
            raise ValueError(f"pattern {self.name}: an output has fewer than {count:,} live inputs left")
        mask = torch.zeros_like(may)
        mask[rows] = chosen
        return mask, tied, tied_kept
