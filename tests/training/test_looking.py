"""What only looks at a run leaves no trace, and shows copies."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark import Run, Target
from benchmark.contract.toy import toy
from benchmark.training.run_state import RunState
from tests.support.masks import digest
from tests.support.runs import (
    SGD,
    leaves,
    network,
    same,
    smallest,
    toy_run,
)


def everything(run: Run) -> tuple[object, ...]:
    """All that scoring could leave a trace on."""
    return (
        {name: value.tolist() for name, value in run._state.model.state_dict().items()},
        {name: None if p.grad is None else p.grad.tolist() for name, p in run._state.model.named_parameters()},
        {name: p.requires_grad for name, p in run._state.model.named_parameters()},
        {name: module.training for name, module in run._state.model.named_modules()},
        torch.get_rng_state().tolist(),
        random.getstate(),
        repr(np.random.get_state()),
        run.clock,
        digest(run.masks),
    )


LOOKS = {
    "weights": lambda run: run.weights,
    "parameters": lambda run: run.parameters,
    "masks": lambda run: run.masks,
    "batches": lambda run: run.batches(2),
    "loss": lambda run: run.loss(run.batches(1)[0]),
    "loss at weights": lambda run: run.loss(run.batches(1)[0], {"0.weight": torch.zeros(16, 6)}),
    "loss backward": lambda run: run.loss(run.batches(1)[0], leaves(run)).backward(),
    "second order": lambda run: torch.autograd.grad(
        torch.autograd.grad(run.loss(run.batches(1)[0], w := leaves(run)), w["0.weight"], create_graph=True)[0].sum(),
        w["0.weight"],
    ),
    "loss at a temperature": lambda run: run.loss(run.batches(1)[0], leaves(run), temperature=200.0).backward(),
    "flow": lambda run: run.flow(leaves(run)).backward(),
    "balanced": lambda run: run.balanced(2),
    "gradients": lambda run: run.gradients(2),
    "outputs": lambda run: run.outputs(run.batches(1)[0], leaves(run), norms="batch").sum().backward(),
    "outputs of noise": lambda run: run.outputs(run.batches(1)[0], noise=1),
    "statistics": lambda run: run.statistics(run.batches(2)),
    "moments": lambda run: run.moments(2),
    "moments of two orders": lambda run: run.moments(2, order=(1, 2)),
    "inputs": lambda run: list(run.inputs(2)),
    "gram": lambda run: run.gram(2),
    "example gradients": lambda run: list(run.example_gradients(3, 2)),
    "evaluate": lambda run: (run.evaluate(), run.evaluate("train")),
    "note": lambda run: run.note("what", [1, 2.5, "three"]),
    "snapshot": lambda run: run.snapshot(),
}


@pytest.mark.runs
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("paused", [False, True], ids=["between", "in a pause"])
def test_looking_leaves_no_trace(look, paused):
    """The toy has batch norm and dropout; some gradients and a pruned weight are there to be spoilt."""
    run = toy_run()
    run.prune(smallest(run))
    run.train(2)
    for _ in run.steps(1) if paused else [None]:
        before = everything(run)
        look(run)
        assert everything(run) == before
    run.train()
    run._state.finish()


def test_what_one_is_shown_are_copies():
    run = toy_run()
    before = network(run)
    for value in [*run.weights.values(), *run.parameters.values()]:
        value.zero_()
    for value in run.snapshot().state.values():
        value.zero_()
    run.batches(1)[0][0].zero_()
    assert same(network(run), before)
    run._state.finish()


def test_parameters_are_all_that_is_trained():
    model = toy_run()._state.model
    model.get_parameter("1.bias").requires_grad_(False)
    run = Run(RunState(toy, model, SGD, Target(0.3), toy.data(Path()).train, 0))
    assert list(run.parameters) == [name for name, _ in model.named_parameters() if name != "1.bias"]
    assert same(run.parameters, {name: value for name, value in network(run).items() if name in run.parameters})


def test_weights_are_the_prunable_tensors_in_the_models_order():
    assert {name: tuple(weight.shape) for name, weight in toy_run().weights.items()} == {
        "0.weight": (16, 6),
        "4.weight": (16, 16),
        "6.weight": (2, 16),
    }
