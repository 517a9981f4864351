"""Slimming: what the penalty does to the scales of norm layers, and which channels stay."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from benchmark.algorithms.slimming import slimming, trained_scales

from benchmark import Inapplicable, Recipe, keep_units, norm_scales
from benchmark.contract.toy import toy
from tests.support.notebook import RECIPE, Notebook, same, state, written

residual = replace(toy, models={"net": toy.models["residual"]})


def notebook(density: float = 0.5, steps: int = 12, **recipe: float) -> Notebook:
    return Notebook(density, "channels", replace(RECIPE, steps=steps, **recipe), task=residual)


def test_the_penalty_moves_every_scale_by_its_sign_and_nothing_else():
    """One step of plain SGD: the difference to training without it is rate * penalty * sign."""
    plain = Recipe(steps=1, batch_size=32, rate=0.1)
    run, dense = (Notebook(1.0, "channels", plain, task=residual) for _ in range(2))
    before = run.parameters
    names = trained_scales(run)
    slimmed: list[dict[str, torch.Tensor]] = []
    prune = run.prune
    run.prune = lambda masks: (slimmed.append(run.parameters), prune(masks))
    slimming(run, penalty=0.5)
    dense.train(1)
    assert len(names) == 7
    for name, value in dense.parameters.items():
        moved = 0.1 * 0.5 * before[name].sign() if name in names else torch.zeros_like(value)
        torch.testing.assert_close(value - slimmed[0][name], moved)


@pytest.mark.runs
def test_channels_of_large_scales_stay_and_are_trained_again_from_what_they_are():
    run = written(slimming, notebook(), penalty=0.01)
    twin = notebook()
    for step in twin.steps():
        for name in trained_scales(twin):
            step.grads[name].add_(0.01 * twin.parameters[name].sign())
    (change,) = run.changes
    assert change.step == 12
    assert change.after == keep_units(norm_scales(twin.parameters, twin.target), twin.target, twin.masks)
    twin.prune(change.after)
    twin.rewind(0)
    twin.train()
    assert same(state(run), state(twin))
    assert run._state.meter.updates == 24


@pytest.mark.runs
def test_a_larger_penalty_leaves_smaller_scales():
    def total(penalty: float) -> float:
        run = notebook(1.0, 40)
        slimming(run, penalty=penalty)
        return float(norm_scales(run.parameters, run.target).sum())

    assert total(0.02) < 0.95 * total(0.0)


def test_it_is_for_channels_with_norm_layers():
    with pytest.raises(Inapplicable, match="slimming prunes whole channels; ask for --pattern channels"):
        slimming(Notebook(0.5, "global"))
    with pytest.raises(Inapplicable, match="16 of 32 channels have no norm layer"):
        slimming(Notebook(0.5, "channels"))
