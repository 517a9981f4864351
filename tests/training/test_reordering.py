"""`run.reorder`: another order of data, augmentation and dropout, which is a pure function of the seed and the name."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmark import Run, Task
from benchmark.contract.toy import toy
from tests.support.runs import SGD, Camera, network, same, toy_run

pytestmark = pytest.mark.runs


def seen(name: str, steps: int = 3, seed: int = 0) -> tuple[Camera, Run]:
    """The batches and the streams of some steps in an order of this name; empty: the run's own."""
    camera = Camera()
    run = toy_run(replace(SGD, augment=camera), seed=seed)
    if name:
        run.reorder(name)
    run.train(steps)
    return camera, run


def test_a_name_gives_other_batches_and_other_noise_and_the_same_ones_again() -> None:
    own, one, again, other = (seen(name)[0] for name in ("", "one", "one", "other"))
    assert all(map(torch.equal, one.batches, again.batches))
    assert one.seeds == again.seeds
    for left, right in ((own, one), (one, other)):
        assert not any(map(torch.equal, left.batches, right.batches))
        assert not set(left.seeds) & set(right.seeds)


def test_seeds_have_orders_of_their_own() -> None:
    assert not any(map(torch.equal, seen("one")[0].batches, seen("one", seed=1)[0].batches))


def test_an_epoch_still_has_every_example_once() -> None:
    steps = len(toy_run().data) // SGD.batch_size
    points = torch.cat(seen("one", steps)[0].batches)
    assert len(points.unique(dim=0)) == len(points)


def test_weights_and_clock_stay_and_restoring_keeps_the_order() -> None:
    run = toy_run()
    before, start = network(run), run.snapshot()
    run.reorder("one")
    assert same(network(run), before)
    assert run.clock == 0
    run.train(1)
    after = network(run)
    run.restore(start)
    run.train(1)
    assert same(network(run), after)


def test_what_is_learned_follows_the_order_too() -> None:
    def ended(names: list[str]) -> dict[str, torch.Tensor]:
        run = toy_run()
        for name in names:
            run.reorder(name)
        with run.learning(run.parameters, dict) as learned:
            run.train(2)
        return {name: value.detach() for name, value in learned.items()}

    assert same(ended(["other", "one"]), ended(["one"]))
    assert not same(ended([]), ended(["one"]))


def test_in_a_pause_there_is_no_other_order() -> None:
    run = toy_run()
    for _ in run.steps(1):
        with pytest.raises(RuntimeError, match="reorder"):
            run.reorder("one")


def test_another_order_takes_no_training_from_cells_with_this_one() -> None:
    task: Task = toy
    one, other = toy_run(task=task), toy_run(task=task)
    other.reorder("one")
    assert one._state.engine.start_digest(3, "the same") != other._state.engine.start_digest(3, "the same")
