"""What a run costs: steps, floating-point operations times what is live, seconds, peak memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmark.data import Batch
from benchmark.masks import Masks
from benchmark.objective import Objective


def _embedding_bag(table: Any, index: Any, offsets: Any, *rest: Any, **named: Any) -> int:
    """Sums of rows, which is how graphs pass messages: an addition per entry, and a product where there are weights."""
    weighted = named.get("per_sample_weights", rest[3] if len(rest) > 3 else None) is not None
    return int((1 + weighted) * index[0] * table[1])


COUNTED = {
    torch.ops.aten._embedding_bag: _embedding_bag,
    torch.ops.aten._embedding_bag_forward_only: _embedding_bag,
}
"""What torch's counter leaves out, from shapes to operations."""


@dataclass(frozen=True)
class Profile:
    """Operations of one dense batch, by torch's own counter (a multiply-add is 2).

    Args:
        forward: of every prunable tensor's layer, forward alone.
        both: the same, forward and backward.
        rest: (forward, both) of everything that no prunable tensor takes part in.
    """

    forward: Mapping[str, int]
    both: Mapping[str, float]
    rest: tuple[float, float]

    @classmethod
    def of(cls, objective: Objective, batch: Batch, names: list[str], trained: Collection[str]) -> Profile:
        """Count one forward and one forward-and-backward; the model is left untouched.

        Args:
            names: of the prunable tensors.
            trained: of the parameters that have a gradient.
        """
        leaves = {name: p.detach().requires_grad_(name in trained) for name, p in objective.model.named_parameters()}
        wanted = [leaf for leaf in leaves.values() if leaf.requires_grad]
        layers = {name: name.rpartition(".")[0] for name in names}
        fed: dict[str, list[bool]] = {}  # by layer and call: an input with a gradient costs as much again
        watched = _watching(objective.model, set(layers.values()), fed)
        with FlopCounterMode(display=False, custom_mapping=COUNTED) as counter, watched:
            objective.at(batch, leaves)
        counts, forward_all = counter.get_flop_counts(), counter.get_total_flops()
        forward = {n: sum(counts.get(f"Objective.model.{at}".rstrip("."), {}).values()) for n, at in layers.items()}
        with FlopCounterMode(display=False, custom_mapping=COUNTED) as counter:
            torch.autograd.grad(objective.at(batch, leaves), wanted, allow_unused=True)
        both = {name: forward[name] * (2 + _share(fed.get(layers[name], []))) for name in names}
        both_all = counter.get_total_flops()
        return cls(forward, both, (forward_all - sum(forward.values()), both_all - sum(both.values())))


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


@contextmanager
def _watching(model: nn.Module, layers: set[str], fed: dict[str, list[bool]]) -> Iterator[None]:
    """Note in `fed`, for every call of a layer, whether an input of it has a gradient."""

    def look(layer: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
            fed.setdefault(layer, []).append(any(isinstance(v, Tensor) and v.requires_grad for v in args))

        return hook

    handles = [m.register_forward_pre_hook(look(name)) for name, m in model.named_modules() if name in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _share(calls: list[bool]) -> float:
    return sum(calls) / len(calls) if calls else 1.0


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
