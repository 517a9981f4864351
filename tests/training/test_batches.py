"""Batches, augmentation and random streams of a run: functions of the seed and the step alone."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from benchmark import TensorData
from benchmark.random_streams import stream_seed
from benchmark.training.order import Order
from tests.support.runs import (
    PLAIN,
    SGD,
    Camera,
    network,
    same,
    smallest,
    toy_run,
)

pytestmark = pytest.mark.runs


def test_the_same_seed_sees_the_same_batches_whatever_is_scored_pruned_and_rewound_in_between():
    plain, busy = Camera(), Camera()
    toy_run(replace(SGD, augment=plain)).train()
    run = toy_run(replace(SGD, augment=busy))
    run.gradients(3)
    for step in run.steps(6):
        run.loss(run.batches(2)[1])
        if step.index == 3:
            run.prune(smallest(run))
            step.skip()
    run.rewind(2)
    run.rewind(6)
    run.train()
    assert all(torch.equal(a, b) for a, b in zip(plain.batches, busy.batches, strict=True))
    assert plain.seeds == busy.seeds


def test_the_batch_of_a_step_is_that_of_the_order():
    camera = Camera()
    run = toy_run(replace(SGD, augment=camera), seed=5)
    run.train()
    order = Order(len(run.data), 32, seed=5)
    for step, batch in enumerate(camera.batches):
        assert torch.equal(batch, run.data.batch(order[step])[0])


def test_augmentation_draws_from_the_stream_of_its_step():
    camera = Camera()
    toy_run(replace(SGD, augment=camera), seed=5).train()
    assert camera.seeds == [stream_seed(5, "augmentation", step) for step in range(12)]


def test_augmentation_reaches_the_network_and_never_the_scoring_batches():
    def blank(batch: tuple[Tensor, Tensor], rng: torch.Generator) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(batch[0]), batch[1]

    run, twin = toy_run(replace(PLAIN, augment=blank)), toy_run(PLAIN)
    assert torch.equal(run.batches(1)[0][0], twin.batches(1)[0][0])
    for step in run.steps(1):
        assert not step.grads["0.weight"].any()


def test_scoring_batches_come_one_after_the_other_from_a_stream_of_their_own():
    run, twin = toy_run(), toy_run()
    ahead = [points for points, _ in run.batches(3)]
    twin.train(2)
    one_by_one = [twin.batches(1)[0][0] for _ in range(3)]
    assert all(torch.equal(a, b) for a, b in zip(ahead, one_by_one, strict=True))
    assert not torch.equal(ahead[0], ahead[1])
    assert not torch.equal(ahead[0], run.data.batch(Order(len(run.data), 32, 0)[0])[0])


def test_the_random_stream_of_an_algorithm_is_its_own():
    run, twin = toy_run(seed=4), toy_run(seed=4)
    run.train(3)
    run.gradients(1)
    assert torch.equal(torch.rand(5, generator=run.rng), torch.rand(5, generator=twin.rng))
    assert not torch.equal(torch.rand(5, generator=run.rng), torch.rand(5, generator=toy_run(seed=5).rng))


class Begun(TensorData):
    """Data that note what was read, and what they were told to read next."""

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        told.append(("batch", index.tolist()))
        return super().batch(index)

    def ahead(self, index: Tensor) -> None:
        told.append(("ahead", index.tolist()))


told: list[tuple[str, list[int]]] = []


@pytest.mark.parametrize("augment", [None, Camera()])
def test_a_training_tells_its_data_which_batch_comes_next(augment):
    """Over the ends of epochs, too, and in a part of a training after another."""
    recipe = replace(SGD, steps=40, augment=augment)
    plain, run = toy_run(recipe), toy_run(recipe)
    run._state.engine.change(data=Begun(run.data.inputs, run.data.targets, run.data.transform))
    told.clear()
    for one in (plain, run):
        one.train(15)
        one.train()
    batches, begun = ([index for kind, index in told if kind == which] for which in ("batch", "ahead"))
    assert [kind for kind, _ in told] == ["batch", "ahead"] * 40
    assert begun[:-1] == batches[1:]
    assert len(run.data) // 32 < 40
    assert same(network(run), network(plain))


def test_processes_that_train_together_are_told_their_parts(monkeypatch):
    run = toy_run()
    run._state.engine.change(data=Begun(run.data.inputs, run.data.targets, run.data.transform))
    shares = SimpleNamespace(rows=lambda *_: slice(8, 16))
    monkeypatch.setattr(run._state.engine.batches, "_shares", shares)
    told.clear()
    run.train(2)
    order = Order(len(run.data), 32, seed=0)
    assert [index for _, index in told] == [order[step][8:16].tolist() for step in (0, 1, 1, 2)]
