"""Adds up what a run costs: steps, floating-point operations on kept weights, seconds, peak memory."""

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
    """Adds up the cost of a run. Operations on pruned weights are not counted: a sparse engine would save them.

    Attributes:
        reused_steps: the training steps whose result was taken from another cell of the sweep.
    """

    def __init__(self, profile: Profile, device: torch.device) -> None:
        self._device = device
        self._started = time.perf_counter()
        self.training_steps = self.scoring_passes = self.updates = self.reused_steps = 0
        self.training_flops = self.scoring_flops = 0.0
        self._live = dict.fromkeys(profile.forward, 1.0)
        self.profile(profile)
        _reset_peak(device)

    def profile(self, profile: Profile) -> None:
        """From here on, count operations by this profile. Graphs that have lost edges need fewer."""
        self._profile = profile
        self._refresh()

    def prune(self, masks: Masks) -> None:
        """From here on, count operations on the weights that these masks keep."""
        self._live = {name: int(mask.sum()) / max(1, mask.numel()) for name, mask in masks.items()}
        self._refresh()

    def train_step(self, *, dense_gradient: bool, updated: bool = True, share: float = 1.0) -> None:
        """Count one step on a `share` of a batch.

        Args:
            dense_gradient: whether the gradients of pruned weights were read; they are counted then (as RigL does).
            updated: whether the optimizer made a step.
        """
        self.training_steps += 1
        self.updates += updated
        self.training_flops += share * (self._dense if dense_gradient else self._sparse)

    def add_reused(self, steps: int, seconds: float) -> None:
        """Count steps that another cell made, with the seconds that they took there."""
        for _ in range(steps):
            self.train_step(dense_gradient=False)
        self.reused_steps += steps
        self._started -= seconds

    def leave_out(self, seconds: float) -> None:
        """Do not count seconds that were spent waiting for the training of another cell."""
        self._started += seconds

    def score(self, way: Literal["forward", "backward", "graph"], share: float = 1.0) -> None:
        """Count one scoring pass, or its dense backward, on a `share` of a batch.

        `graph` is a backward that builds a graph (`create_graph`). It counts three times: once for itself, and twice
        for the backward through it, where each of its products has two factors with a gradient.
        """
        self.scoring_passes += way == "forward"
        backward = self._dense - self._forward
        self.scoring_flops += share * {"forward": self._forward, "backward": backward, "graph": 3 * backward}[way]

    @property
    def seconds(self) -> float:
        """Seconds since the start, without the time spent waiting for other cells."""
        return time.perf_counter() - self._started

    def cost(self, steps: int) -> dict[str, float]:
        """The totals, as the record has them; `trainings` is in units of one training of `steps` updates."""
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
    with suppress(OSError):  # if it fails, the peak is that of the whole process, which answers one cell
        Path("/proc/self/clear_refs").write_text("5")  # Linux: resets the high-water mark of resident memory


def _peak(device: torch.device) -> int:
    """Peak memory in bytes: allocated on the GPU, or resident in this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def live_share(masks: Masks, parameters: Mapping[str, Tensor]) -> float:
    """The density over all parameters, biases and norms included, which are never pruned."""
    total = sum(p.numel() for p in parameters.values())
    return (total - masks.total + masks.kept) / total
