"""Measures a pruned network next to its dense parent, in several runtimes and for several batch sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch

from benchmark.deployment import gpu
from benchmark.deployment.deployed import Call, Deployed, require_near
from benchmark.deployment.memory import memory_of, memory_on_gpu
from benchmark.deployment.runtimes import RUNTIMES, Answer, Runtime, size_of
from benchmark.deployment.timing import middle, side_by_side
from benchmark.errors import Inapplicable, PluginError
from benchmark.machine import device_facts, installed
from benchmark.results.measured import Measurement


@dataclass(frozen=True, eq=False)
class _Variant:
    """A network in a runtime: what is loaded, and the function that computes its outputs."""

    name: str
    prepared: Any
    answer: Answer

    @property
    def runtime(self) -> Runtime:
        return RUNTIMES[self.name]

    def memory(self, call: Call, threads: int) -> int | None:
        if self.runtime.on_gpu:
            return memory_on_gpu(self.prepared, self.answer, self.runtime.given(call))
        return memory_of(self.name, self.prepared, call, threads)


Pair = tuple[_Variant, _Variant]
"""A network, and its dense parent."""


def applicable(network: Deployed) -> dict[str, str]:
    """The runtimes by name, each with the reason why it cannot run this network; empty if it can."""
    return {name: runtime.refuses(network) for name, runtime in RUNTIMES.items()}


def measure(
    network: Deployed,
    runtimes: Sequence[str],
    batches: Sequence[int],
    threads: int,
    rounds: int,
    leave_out: Callable[[str, str], None] | None = None,
) -> list[Measurement]:
    """Measure a network in runtimes that are applicable to it. Nothing is measured if its outputs differ in one.

    Args:
        leave_out: called with each runtime that cannot run the network after all, and the reason; the others are
            measured. Without it, that is an error.

    Raises:
        PluginError: a runtime cannot run it after all.
        VerificationFailed: its outputs in a runtime are not those of torch.
    """
    torch.set_num_threads(threads)
    pairs, found = _pairs(network, runtimes, threads, leave_out), list[Measurement]()
    for batch in batches:
        call = network.call(batch)
        _require_same(pairs, call, RUNTIMES["torch"].load(network.network, threads)(call))
        seconds = _seconds(pairs, call, rounds)
        memory = {one: one.memory(call, threads) for one in seconds}
        found += [_measurement(pair, batch, threads, seconds, memory) for pair in pairs]
    return found


def _pairs(
    network: Deployed, runtimes: Sequence[str], threads: int, leave_out: Callable[[str, str], None] | None
) -> list[Pair]:
    """The network in each runtime, with its parent in the runtime that it is compared with; that is prepared once."""

    @cache
    def parent(name: str) -> _Variant:
        return _variant(name, network.parent, [], network.call, threads)

    pairs = list[Pair]()
    for name in dict.fromkeys(runtimes):
        try:
            one = _variant(name, network.network, network.zeros, network.call, threads)
            pairs.append((one, parent(RUNTIMES[name].beside or name)))
        except Inapplicable as problem:
            if leave_out is None:
                raise PluginError(f"{name}: {problem}") from None
            leave_out(name, str(problem))
    return pairs


def _variant(name: str, network: Any, zeros: list[str], call: Callable[[int], Call], threads: int) -> _Variant:
    prepared = RUNTIMES[name].prepare(network, zeros, call)
    return _Variant(name, prepared, RUNTIMES[name].load(prepared, threads))


def _require_same(pairs: Sequence[Pair], call: Call, expected: torch.Tensor) -> None:
    for one, _ in pairs:
        require_near(one.name, one.answer(one.runtime.given(call)), expected, one.runtime.agrees)


def _seconds(pairs: Sequence[Pair], call: Call, rounds: int) -> dict[_Variant, list[float]]:
    """The seconds of every network and parent in each round, with what it is called with in its place beforehand."""
    variants = list(dict.fromkeys(one for pair in zip(*pairs, strict=True) for one in pair))
    timed = side_by_side([partial(one.answer, one.runtime.given(call)) for one in variants], rounds)
    return dict(zip(variants, timed, strict=True))


def _measurement(
    pair: Pair,
    batch: int,
    threads: int,
    seconds: dict[_Variant, list[float]],
    memory: dict[_Variant, int | None],
) -> Measurement:
    one, parent = pair
    ratios = [theirs / own for own, theirs in zip(seconds[one], seconds[parent], strict=True)]
    return Measurement(
        runtime=one.name,
        batch=batch,
        threads=threads,
        seconds=middle(seconds[one]),
        parent_seconds=middle(seconds[parent]),
        faster=middle(ratios),
        memory=memory[one],
        parent_memory=memory[parent],
        size=size_of(one.prepared),
        parent_size=size_of(parent.prepared),
        rounds=len(ratios),
        where=_where(one.runtime),
    )


def _where(runtime: Runtime) -> dict[str, Any]:
    """The device and the versions that its seconds may depend on."""
    versions = {"torch": torch.__version__, "onnxruntime": installed("onnxruntime")}
    if not runtime.on_gpu:
        return device_facts(torch.device("cpu")) | versions
    facts = device_facts(gpu.DEVICE) | versions | {"precision": "float16"}
    return {name: fact for name, fact in facts.items() if name != "tf32"}  # of float32 alone
