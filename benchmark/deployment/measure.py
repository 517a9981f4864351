"""Measures a pruned network beside its dense parent, in several runtimes and for several sizes of batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from benchmark.deployment.deployed import Call, Deployed
from benchmark.deployment.memory import memory_of
from benchmark.deployment.onnx import available
from benchmark.deployment.runtimes import RUNTIMES, Answer, require_near, size_of
from benchmark.deployment.timing import middle, side_by_side
from benchmark.errors import Inapplicable, PluginError
from benchmark.machine import device_facts, installed
from benchmark.results.measured import Measurement


@dataclass(frozen=True, eq=False)
class _Variant:
    """A network in a runtime: what is loaded, and what answers."""

    runtime: str
    prepared: Any
    answer: Answer


def applicable(network: Deployed) -> dict[str, str]:
    """The runtimes by name, each with the reason why it cannot run this network; empty if it can."""
    reasons = dict.fromkeys(RUNTIMES, "")
    if not network.zeros:
        reasons["csr"] = "no layer of this network has zeros"
    if not available():
        reasons["onnxruntime"] = "it is not installed: pip install 'prunebench[onnx]'"
    elif not network.call(1).tensors:
        reasons["onnxruntime"] = "this network is not called with tensors alone"
    return reasons


def measure(
    network: Deployed, runtimes: Sequence[str], batches: Sequence[int], threads: int, rounds: int
) -> list[Measurement]:
    """Measure a network in runtimes that are applicable to it. Nothing is measured of one that answers otherwise.

    Raises:
        PluginError: a runtime cannot run it after all.
        VerificationFailed: its outputs in a runtime are not those of torch.
    """
    torch.set_num_threads(threads)
    example = network.call(2)
    ours = [_variant(name, network.network, network.zeros, example, threads) for name in runtimes]
    parents = {name: _variant(name, network.parent, [], example, threads) for name in {*map(_beside, runtimes)}}
    where = device_facts(torch.device("cpu")) | {"torch": torch.__version__, "onnxruntime": installed("onnxruntime")}
    found = list[Measurement]()
    for batch in batches:
        call = network.call(batch)
        expected = RUNTIMES["torch"].load(network.network, threads)(call)
        for one in ours:
            require_near(one.runtime, one.answer(call), expected)
        variants = [*ours, *parents.values()]
        timed = side_by_side([partial(one.answer, call) for one in variants], rounds)
        seconds = dict(zip(variants, timed, strict=True))
        memory = {one: memory_of(one.runtime, one.prepared, call, threads) for one in variants}
        for one in ours:
            parent = parents[_beside(one.runtime)]
            ratios = [theirs / own for own, theirs in zip(seconds[one], seconds[parent], strict=True)]
            found.append(
                Measurement(
                    runtime=one.runtime,
                    batch=batch,
                    threads=threads,
                    seconds=middle(seconds[one]),
                    parent_seconds=middle(seconds[parent]),
                    faster=middle(ratios),
                    memory=memory[one],
                    parent_memory=memory[parent],
                    size=size_of(one.prepared),
                    parent_size=size_of(parent.prepared),
                    rounds=rounds,
                    where=where,
                )
            )
    return found


def _beside(runtime: str) -> str:
    """The runtime of the parent, which has no zeros."""
    return "torch" if runtime == "csr" else runtime


def _variant(runtime: str, network: Any, zeros: list[str], example: Call, threads: int) -> _Variant:
    try:
        prepared = RUNTIMES[runtime].prepare(network, zeros, example)
    except Inapplicable as problem:
        raise PluginError(f"{runtime}: {problem}") from None
    return _Variant(runtime, prepared, RUNTIMES[runtime].load(prepared, threads))
