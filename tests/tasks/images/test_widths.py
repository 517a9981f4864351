"""Networks at a share of their width, as the control `dense-small` wants them."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch

from benchmark import Run, Target
from benchmark.errors import Inapplicable
from benchmark.harness.controls import narrowed
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.training.run_state import RunState

pytestmark = pytest.mark.runs

CASES = [
    ("digits", "mlp"),
    ("digits", "cnn"),
    ("mnist", "lenet-5"),
    ("cifar10", "resnet-20"),
    ("cifar10", "wrn-22-2"),
    ("cifar10", "vgg-16-bn"),
    ("cifar10", "conv-2"),
    ("cora", "gcn"),
    ("minesweeper", "sage"),
    ("minesweeper", "gat"),
    ("ring-transfer", "gin"),
    ("peptides-func", "gatedgcn"),
    ("peptides-func", "gps"),
]


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("task", "model"), CASES)
def test_a_narrow_network_has_as_many_parameters_as_pruning_leaves(task: str, model: str) -> None:
    whole = registry.task(task)
    with torch.device("meta"):
        network = whole.model(model)()
        full, small = parameters(network), parameters(narrowed(whole, model, Target(0.3)).model(model)())
        names = set(whole.prunable(network))
        prunable = sum(p.numel() for n, p in network.named_parameters() if n in names)
    left = full - prunable + 0.3 * prunable
    assert 0.85 * left <= small <= left


@pytest.mark.parametrize(("task", "model"), CASES)
def test_at_full_width_it_is_the_network(task: str, model: str) -> None:
    constructor = registry.task(task).model(model)
    assert inspect.signature(constructor).parameters["width"].default == 1.0
    with torch.device("meta"):
        shapes = [
            [(n, p.shape) for n, p in made.named_parameters()] for made in (constructor(), constructor(width=1.0))
        ]
    assert shapes[0] == shapes[1]


def test_a_network_that_cannot_be_so_narrow_is_told() -> None:
    with pytest.raises(Inapplicable, match="narrowest 'gps' has more than"):
        narrowed(registry.task("peptides-func"), "gps", Target(0.01))


@pytest.mark.parametrize(("name", "model"), [("planted-partition", "gat"), ("ring-transfer", "gin")])
def test_narrow_networks_train(name: str, model: str) -> None:
    task = narrowed(registry.task(name), model, Target(0.1))
    run = Run(
        RunState(task, build(task, model, 0), task.recipe("smoke", model), Target(1.0), task.data(Path()).train, 0)
    )
    run.train(2)
    assert all(weight.isfinite().all() for weight in run.weights.values())
