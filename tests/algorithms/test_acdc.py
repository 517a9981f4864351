"""AC/DC: when phases change, what a compressed one keeps, and what a dense one starts from."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from benchmark.algorithms.acdc import acdc, phases

from benchmark import Masks, keep_top
from tests.support.notebook import RECIPE, Notebook, after, same, state, written

LONG = replace(RECIPE, steps=40)


def epochs(found: list[tuple[float, bool]], total: int) -> tuple[list[int], list[int]]:
    """The epochs in which compressed and dense phases begin."""
    return tuple([round(begin * total) for begin, is_ in found if is_ is kind] for kind in (True, False))


def test_the_phases_are_the_authors_for_imagenet():
    """configs/neurips/iht_imagenet_resnet50_insta_cosinelr_s90_ep100.yaml"""
    compressed, dense = epochs(phases(0.1, 0.05, 0.85), 100)
    assert compressed == [10, 20, 30, 40, 50, 60, 70, 85]
    assert dense == [15, 25, 35, 45, 55, 65, 75]


def test_the_phases_are_the_authors_for_cifar():
    """configs/neurips/iht_cifar10_resnet20_unstructured_insta_prune_freq20_90_constant.yaml"""
    compressed, dense = epochs(phases(0.05, 0.1, 0.85), 200)
    assert compressed == [10, 50, 90, 130, 170]
    assert dense == [30, 70, 110, 150]


def test_without_room_for_a_phase_there_is_one_pruning():
    assert phases(0.3, 0.2, 0.6) == [(0.6, True)]


def test_a_last_phase_before_the_first_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"option settle, 0\.2, must not lie before warmup, 0\.5"):
        phases(0.5, 0.1, 0.2)


@pytest.mark.runs
@pytest.mark.parametrize(("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5), ("blocks:2x2", 0.5)])
def test_the_largest_weights_stay_and_all_come_back(pattern, density):
    run = written(acdc, Notebook(density, pattern, LONG), warmup=0.1, phase=0.1, settle=0.8)
    assert [change.step for change in run.changes] == [4, 8, 12, 16, 20, 24, 32]
    for change in run.changes[::2]:
        magnitudes = {name: weight.abs() for name, weight in change.weights.items()}
        assert change.after == keep_top(magnitudes, run.target)
    for change in run.changes[1::2]:
        assert change.after == Masks.ones(run.weights)
        assert all(not change.weights_after[name][~change.before[name]].any() for name in change.before)
    assert run.target.pattern.breach(run.masks, density) is None
    assert run._state.ever_trained.share == 1


@pytest.mark.runs
@pytest.mark.parametrize("reset", [True, False])
def test_what_a_dense_phase_remembers_of_the_compressed_one(reset):
    """Nothing, or the momentum of what was kept; never that of what was pruned."""
    run = written(acdc, Notebook(0.5, recipe=LONG), warmup=0.1, phase=0.1, settle=0.8, reset=reset)
    for change in run.changes[1::2]:
        for name, memory in change.memory_after.items():
            assert not memory[:, ~change.before[name]].any()
            assert bool(memory[:, change.before[name]].any()) is not reset


@pytest.mark.runs
def test_a_compressed_phase_trains_what_is_kept_alone():
    run = written(acdc, Notebook(0.2, recipe=LONG), warmup=0.1, phase=0.1, settle=0.8)
    for begin, end in zip(run.changes[::2], run.changes[1::2], strict=False):
        for name, mask in begin.after.items():
            assert not end.weights[name][~mask].any()
            assert not torch.equal(end.weights[name], begin.weights_after[name])


@pytest.mark.runs
def test_it_is_one_training_and_dense_phases_cost_as_dense_ones():
    run, dense = written(acdc, Notebook(0.2, recipe=LONG)), Notebook(recipe=LONG)
    dense.train()
    assert run.clock == run._state.meter.updates == LONG.steps
    compressed = (7 * 2 + 6) / 40  # seven phases of two steps and the last one of six
    share = run._state.meter.training_flops / dense._state.meter.training_flops
    assert share == pytest.approx(1 - 0.8 * compressed, abs=0.06)


@pytest.mark.runs
def test_at_density_one_it_is_dense_training_bit_for_bit():
    run, dense = written(acdc, Notebook(1.0, recipe=LONG)), Notebook(1.0, recipe=LONG)
    dense.train()
    assert same(state(run), state(dense))


@pytest.mark.runs
def test_a_phase_shorter_than_a_step_is_no_error():
    assert after(acdc, 0.2, phase=0.01).masks.kept == 77
