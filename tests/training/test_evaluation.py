"""Metrics and diagnosis come from one pass over the data, and are those of two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmark.contract.toy import toy
from benchmark.harness.network import build
from benchmark.training.evaluation import batches_of, evaluate, examine, remembering
from benchmark.training.selective import doubt, doubts

CPU = torch.device("cpu")
TEST = toy.data(Path()).test

Batches = Iterable[tuple[Tensor, Tensor]]


def accuracy(model: nn.Module, batches: Batches) -> dict[str, float]:
    found = [(model(inputs).argmax(dim=1) == labels).double().mean() for inputs, labels in batches]
    return {"accuracy": float(sum(found) / len(found))}


def all_read_before(model: nn.Module, batches: Batches) -> dict[str, float]:
    return accuracy(model, list(batches))


def inputs_changed_in_place(model: nn.Module, batches: Batches) -> dict[str, float]:
    return accuracy(model, ((inputs.mul_(-1), labels) for inputs, labels in batches))


def outputs_changed_in_place(model: nn.Module, batches: Batches) -> dict[str, float]:
    found = [(model(inputs).neg_().argmax(dim=1) == labels).double().mean() for inputs, labels in batches]
    return {"accuracy": float(sum(found) / len(found))}


def half_of_each(model: nn.Module, batches: Batches) -> dict[str, float]:
    return accuracy(model, ((inputs[::2], labels[::2]) for inputs, labels in batches))


def first_batch_alone(model: nn.Module, batches: Batches) -> dict[str, float]:
    return accuracy(model, [next(iter(batches))])


@pytest.fixture
def network() -> nn.Module:
    return build(toy, "net", 0)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.training.evaluation.EVALUATION_BATCH", 24)


def calls(network: nn.Module) -> list[int]:
    """How many examples the network is really called with, call by call."""
    seen: list[int] = []
    network[0].register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))  # type: ignore[index]
    return seen


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize(
    "metrics",
    [
        accuracy,
        all_read_before,
        inputs_changed_in_place,
        outputs_changed_in_place,
        half_of_each,
        first_batch_alone,
    ],
)
def test_they_are_those_of_two_passes(network: nn.Module, metrics: Callable[..., Any]) -> None:
    task = replace(toy, evaluate=metrics)
    found, diagnosis = examine(task, network, TEST, CPU)
    assert found == evaluate(task, network, TEST, CPU)
    assert toy.logits is not None
    with torch.no_grad():
        assert diagnosis == {"selective": doubts(doubt(*toy.logits(network, batch)) for batch in batches_of(TEST))}


@pytest.mark.usefixtures("small_batches")
def test_the_network_goes_over_the_data_once(network: nn.Module) -> None:
    seen = calls(network)
    examine(replace(toy, evaluate=accuracy), network, TEST, CPU)
    assert seen == [24, 24, 24, 8]


def test_a_network_remembers_until_it_is_told_to_forget(network: nn.Module) -> None:
    network.eval()
    seen = calls(network)
    points = TEST.inputs[:4]
    with remembering(network) as forget:
        first = network(points)
        assert network(points.clone()) is first
        network(points + 1)
        forget()
        network(points)
    network(points)
    assert len(seen) == 4
    assert "forward" not in vars(network)


def test_a_network_that_chose_its_forward_keeps_it(network: nn.Module) -> None:
    own = network.forward
    network.forward = own
    with remembering(network):
        assert network.forward is not own
    assert network.forward is own
