"""What a run costs: steps, floating-point operations times what is live, seconds, peak memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from benchmark.pruning.masks import Masks
from benchmark.training.flops import Profile


class Meter:
    """Adds up the cost of a run. Operations on pruned weights are not counted: they are what a sparse engine saves."""

    def __init__(self, profile: Profile, device: torch.device) -> None:
        self._device = device
        self._started = time.perf_counter()
        self.training_steps = self.scoring_passes = self.updates = self.taken = 0
        self.training_flops = self.scoring_flops = 0.0
        self._live = dict.fromkeys(profile.forward, 1.0)
        self.profile(profile)
        _reset_peak(device)

    def profile(self, profile: Profile) -> None:
        """From here on, count what a batch takes by this profile: graphs may have lost edges."""
        self._profile = profile
        self._refresh()

    def prune(self, masks: Masks) -> None:
        """From here on, count what these masks keep."""
        self._live = {name: int(mask.sum()) / mask.numel() for name, mask in masks.items()}
        self._refresh()

    def train_step(self, *, dense_gradient: bool, updated: bool = True, share: float = 1.0) -> None:
        """One step on a `share` of a batch, with pruned weights' gradients if they were read (as RigL counts)."""
        self.training_steps += 1
        self.updates += updated
        self.training_flops += share * (self._dense if dense_gradient else self._sparse)

    def take(self, steps: int, seconds: float) -> None:
        """Steps that another cell made, at what they cost there."""
        for _ in range(steps):
            self.train_step(dense_gradient=False)
        self.taken += steps
        self._started -= seconds

    def waited(self, seconds: float) -> None:
        """Time that went by while another cell trained."""
        self._started += seconds

    def score(self, way: Literal["forward", "backward", "graph"], share: float = 1.0) -> None:
        """One scoring pass, or the dense backward of one, on a `share` of a batch.

        A backward that leaves a graph is followed by its own, in which each of its products has two factors to go to.
        """
        self.scoring_passes += way == "forward"
        backward = self._dense - self._forward
        self.scoring_flops += share * {"forward": self._forward, "backward": backward, "graph": 3 * backward}[way]

    @property
    def seconds(self) -> float:
        """So far."""
        return time.perf_counter() - self._started

    def cost(self, steps: int) -> dict[str, float]:
        """The totals; `trainings` is in units of one training of `steps` updates."""
        return {
            "trainings": self.training_steps / steps,
            "training_steps": self.training_steps,
            "scoring_passes": self.scoring_passes,
            "training_flops": self.training_flops,
            "scoring_flops": self.scoring_flops,
            "seconds": self.seconds,
            "peak_bytes": _peak(self._device),
        }

    def _refresh(self) -> None:
        forward, both, live = self._profile.forward, self._profile.both, self._live
        rest_forward, rest_both = self._profile.rest
        self._forward = rest_forward + sum(live[name] * forward[name] for name in forward)
        self._sparse = rest_both + sum(live[name] * both[name] for name in both)
        # The gradient of a weight costs as much as the forward of its layer.
        self._dense = self._sparse + sum((1 - live[name]) * forward[name] for name in forward)


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):  # where it fails the peak is that of the process, which answers one cell
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the high-water mark starts again from here


def _peak(device: torch.device) -> int:
    """Bytes: allocated on the GPU, or resident in this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def live_share(masks: Masks, parameters: Mapping[str, Tensor]) -> float:
    """Density over all parameters: biases and norms count, and are never pruned."""
    total = sum(p.numel() for p in parameters.values())
    return (total - masks.total + masks.kept) / total
