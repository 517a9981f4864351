"""Adds up what a run costs: steps, floating-point operations on kept weights, seconds, peak memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from benchmark.machine import reset_resident_peak, resident_peak
from benchmark.pruning.masks import Masks
from benchmark.training.flops import Profile
from benchmark.training.step import Tick

Entry = tuple[int, str, list[Any]]
"""How often in a row a tally counted something, the method that counted it, and its arguments."""

TICK_EVERY = 16
"""Training steps between two calls of a meter's `tick`."""

AT_ONCE = 2**16
"""Equal steps that are added up in one array."""

MOST = 1e6
"""The largest share of a batch in an entry of a log."""

MOST_OPERATIONS = 1e24
"""The most operations in an entry of a log."""


class Tally:
    """Counts steps and operations. Operations on pruned weights are not counted: a sparse engine would save them.

    Args:
        profile: the operations of each layer of the network.
        sizes: the number of weights of each prunable tensor.

    Attributes:
        reused_steps: the training steps whose result was taken from another cell of the sweep.
        log: everything that was counted, in order, as (times, method, arguments): `replay` counts it again.
    """

    def __init__(self, profile: Profile, sizes: Mapping[str, int]) -> None:
        self.training_steps = self.scoring_passes = self.updates = self.reused_steps = 0
        self.redrawn = set[str]()
        self.training_flops = self.scoring_flops = 0.0
        self.log: list[Entry] = []
        self._sizes, self._live = sizes, dict.fromkeys(profile.forward, 1.0)
        self._profile = profile
        self._refresh()

    def profile(self, profile: Profile) -> None:
        """From here on, count operations by this profile. Graphs that have lost edges need fewer."""
        self._note("profile", profile.forward, profile.both, profile.rest)
        self._profile = profile
        self._refresh()

    def prune(self, kept: Mapping[str, int]) -> None:
        """From here on, count operations on this number of weights of each prunable tensor."""
        self._note("prune", dict(kept))
        self._live = {name: count / max(1, self._sizes[name]) for name, count in kept.items()}
        self._refresh()

    def train_step(self, *, dense_gradient: bool, updated: bool = True, share: float = 1.0, times: int = 1) -> None:
        """Count one step on a `share` of a batch, or several equal ones.

        Args:
            dense_gradient: whether the gradients of pruned weights were read; they are counted then (as RigL does).
            updated: whether the optimizer made a step.
        """
        self._note("train_step", dense_gradient, updated, share, times=times)
        self.training_steps += times
        self.updates += updated * times
        flops = share * (self._dense if dense_gradient else self._sparse)
        self.training_flops = _added(self.training_flops, flops, times)

    def reuse(self, steps: int) -> None:
        """Count steps that another cell made."""
        if steps > 0:
            self.train_step(dense_gradient=False, times=steps)
        self._note("reuse", steps)
        self.reused_steps += steps

    def score(self, way: Literal["forward", "backward", "graph"], share: float = 1.0) -> None:
        """Count one scoring pass, or its dense backward, on a `share` of a batch.

        `graph` is a backward that builds a graph (`create_graph`). It counts three times: once for itself, and twice
        for the backward through it, where each of its products has two factors with a gradient.
        """
        self._note("score", way, share)
        self.scoring_passes += way == "forward"
        backward = self._dense - self._forward
        self.scoring_flops += share * {"forward": self._forward, "backward": backward, "graph": 3 * backward}[way]

    def products(self, operations: float) -> None:
        """Count operations of scoring beyond the passes through the network, such as products of its inputs."""
        self._note("products", operations)
        self.scoring_flops += operations

    def redraw(self, name: str) -> None:
        """Note that the network was initialised anew, from the random stream of this name."""
        self._note("redraw", name)
        self.redrawn.add(name)

    def replay(self, log: Sequence[Entry]) -> None:
        """Count what another tally has counted, by its log.

        Raises:
            ValueError: the log has an entry that no tally writes.
        """
        for times, method, arguments in log:
            count = self._counter(method, arguments)
            if method == "train_step" and times > 0:
                count(times=times)
                continue
            for _ in range(times):
                count()

    def counts(self, steps: int) -> dict[str, float]:
        """The totals, as the record has them; `trainings` is in units of one training of `steps` updates."""
        return {
            "trainings": self.training_steps / max(1, steps),
            "training_steps": self.training_steps,
            "scoring_passes": self.scoring_passes,
            "training_flops": self.training_flops,
            "scoring_flops": self.scoring_flops,
        }

    def _note(self, method: str, *arguments: Any, times: int = 1) -> None:
        if self.log and self.log[-1][1:] == (method, list(arguments)):
            self.log[-1] = (self.log[-1][0] + times, method, list(arguments))
        else:
            self.log.append((times, method, list(arguments)))

    def _counter(self, method: str, arguments: Sequence[Any]) -> Callable[..., None]:  # noqa: PLR0911  # one for each thing that is counted
        match method, arguments:
            case "train_step", [bool(dense), bool(updated), int() | float() as share] if 0 <= share <= MOST:
                return partial(self.train_step, dense_gradient=dense, updated=updated, share=share)
            case "score", ["forward" | "backward" | "graph" as way, int() | float() as share] if 0 <= share <= MOST:
                return lambda: self.score(way, share)
            case "products", [int() | float() as operations] if 0 <= operations <= MOST_OPERATIONS:
                return lambda: self.products(operations)
            case "redraw", [str(name)]:
                return lambda: self.redraw(name)
            case "prune", [dict(kept)] if all(0 <= kept[name] <= size for name, size in self._sizes.items()):
                return lambda: self.prune(kept)
            case "profile", [dict(forward), dict(both), [rest_forward, rest_both]]:
                return lambda: self.profile(Profile(forward, both, (rest_forward, rest_both)))
            case "reuse", [int(steps)]:  # its steps stand in the log themselves
                return lambda: self._reused(steps)
        raise ValueError(f"the log of its costs has an entry '{method}' that cannot be read")

    def _reused(self, steps: int) -> None:
        self.reused_steps += steps

    def _refresh(self) -> None:
        forward, both, live = self._profile.forward, self._profile.both, self._live
        rest_forward, rest_both = self._profile.rest
        self._forward = rest_forward + sum(live[name] * forward[name] for name in forward)
        self._sparse = rest_both + sum(live[name] * both[name] for name in both)
        # The gradient of a weight costs as much as the forward of its layer.
        self._dense = self._sparse + sum((1 - live[name]) * forward[name] for name in forward)


def _added(total: float, term: float, times: int) -> float:
    """A total to which a term is added repeatedly, one at a time: another order of additions has other last bits."""
    while times > 1:
        few = min(times, AT_ONCE)
        total = float(np.add.accumulate(np.concatenate([[total], np.full(few, term)]))[-1])
        times -= few
    return total + term if times else total


class Meter(Tally):
    """A tally with a clock, which also reads the peak of the memory.

    Args:
        tick: called with the number of steps so far, every `TICK_EVERY` steps and whenever anything else is counted.
    """

    def __init__(
        self, profile: Profile, sizes: Mapping[str, int], device: torch.device, tick: Tick = lambda steps: None
    ) -> None:
        super().__init__(profile, sizes)
        self._device, self._tick = device, tick
        self._started = time.perf_counter()
        _reset_peak(device)

    def add_reused(self, steps: int, seconds: float) -> None:
        """Count steps that another cell made, with the seconds that they took there."""
        self.reuse(steps)
        self._started -= seconds

    def leave_out(self, seconds: float) -> None:
        """Do not count seconds that were spent waiting for the training of another cell."""
        self._started += seconds

    def _note(self, method: str, *arguments: Any, times: int = 1) -> None:
        super()._note(method, *arguments, times=times)
        if method != "train_step" or times > 1 or self.training_steps % TICK_EVERY == 0:
            self._tick(self.training_steps)

    @property
    def seconds(self) -> float:
        """Seconds since the start, without the time spent waiting for other cells."""
        return time.perf_counter() - self._started

    @property
    def peak_bytes(self) -> int:
        """Peak memory since the start."""
        return _peak(self._device)


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        reset_resident_peak()  # if it fails, the peak is that of the whole process, which answers one cell


def _peak(device: torch.device) -> int:
    """Peak memory in bytes: allocated on the GPU, or resident in this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resident_peak("self") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def live_share(masks: Masks, parameters: Mapping[str, Tensor]) -> float:
    """The density over all parameters, biases and norms included, which are never pruned."""
    total = sum(p.numel() for p in parameters.values())
    return (total - masks.total + masks.kept) / total
