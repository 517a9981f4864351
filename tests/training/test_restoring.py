"""`run.snapshot`, `restore` and `rewind`: parameters, buffers, optimizer, rates and batches come back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from benchmark import Run, Snapshot
from benchmark.contract.toy import toy
from tests.support.runs import (
    RECIPES,
    SGD,
    Camera,
    memory,
    network,
    same,
    smallest,
    toy_run,
)

pytestmark = pytest.mark.runs


def rewinds_to_the_early_weights(run: Run) -> None:
    """A round of IMP: afterwards live weights are the early ones bit for bit, and pruned ones zero."""
    run.train(4)
    early = network(run)
    ticket = run.snapshot()
    run.train()
    run.prune(smallest(run))
    run.restore(ticket)
    for name, weight in run.weights.items():
        assert torch.equal(weight, early[name] * run.masks[name]), f"{name} was not rewound"
    for name in early.keys() - run.weights.keys():
        assert torch.equal(run._state.model.state_dict()[name], early[name]), f"{name} was not rewound"
    assert run.clock == 4


@RECIPES
def test_restoring_brings_back_parameters_and_buffers_and_pruned_weights_stay_zero(recipe):
    rewinds_to_the_early_weights(toy_run(recipe))


def test_a_snapshot_that_aliases_the_network_would_be_noticed(monkeypatch):
    """The classic: a `state_dict` saved without cloning is the trained network by the time it is loaded."""

    def aliased(run: Run) -> Snapshot:
        return Snapshot({name: value.detach() for name, value in run._state.model.state_dict().items()}, run.clock)

    monkeypatch.setattr(Run, "snapshot", aliased)
    with pytest.raises(AssertionError, match="was not rewound"):
        rewinds_to_the_early_weights(toy_run())


def test_the_network_does_not_share_memory_with_a_snapshot():
    run = toy_run()
    taken = run.snapshot()
    before = {name: value.clone() for name, value in taken.state.items()}
    run.restore(taken)
    run.train()
    assert same(dict(taken.state), before)


def test_buffers_come_back():
    run = toy_run()
    start = run.snapshot()
    run.train()
    assert int(run._state.model[1].num_batches_tracked) == 12
    run.restore(start)
    assert int(run._state.model[1].num_batches_tracked) == 0
    assert torch.equal(run._state.model[1].running_mean, torch.zeros(16))


class Counting(nn.Sequential):
    """Counts its calls in a buffer that is not saved."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(6, 2))
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def forward(self, points: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(points)


def test_buffers_that_are_not_persistent_come_back_too():
    run = toy_run(task=replace(toy, models={"net": Counting}))
    start = run.snapshot()
    run.train(3)
    run.restore(start)
    assert run._state.model.calls == 0


@RECIPES
def test_restoring_the_start_and_training_again_repeats_the_training(recipe):
    run = toy_run(recipe)
    start = run.snapshot()
    run.train()
    first = network(run)
    run.restore(start)
    run.train()
    assert same(network(run), first)


def test_the_optimizer_is_fresh_after_restore_and_after_rewind():
    run = toy_run(SGD)
    taken = run.snapshot()
    for back in (lambda: run.restore(taken), lambda: run.rewind(3)):
        run.train(2)
        assert all(slots for slots in memory(run).values())
        back()
        assert not any(slots for slots in memory(run).values())


def test_rewind_keeps_the_weights_and_repeats_rates_and_batches():
    camera = Camera()
    run = toy_run(replace(SGD, augment=camera))
    run.train()
    trained = network(run)
    run.rewind(4)
    assert same(network(run), trained)
    assert run.clock == 4
    run.train()
    assert run.clock == 12
    assert all(torch.equal(a, b) for a, b in zip(camera.batches[4:12], camera.batches[12:], strict=True))
    assert camera.seeds[4:12] == camera.seeds[12:]


@pytest.mark.parametrize("clock", [-1, 13])
def test_rewind_stays_on_the_schedule(clock):
    with pytest.raises(ValueError, match=rf"clock must lie in \[0, 12\], got {clock}"):
        toy_run().rewind(clock)
