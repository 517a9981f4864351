"""Methods that look at the inputs of layers: Wanda, SparseGPT and OBC, against dense formulas and each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from benchmark.algorithms import _layerwise, _obs, obc, sparsegpt, wanda
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark import Anywhere, Inapplicable, Masks, NofM, Target
from benchmark.contract import trial
from benchmark.pruning.patterns import Layer
from benchmark.training.run_state import RunState
from tests.support.runs import toy_run


def drawn(seed: int, rows: int = 4, columns: int = 6, examples: int = 40) -> tuple[Tensor, Tensor]:
    """A weight, and the mean of x x^T of correlated inputs, [1, columns, columns]."""
    draw = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=draw)
    mixed = torch.randn(columns, columns, generator=draw, dtype=torch.float64)
    inputs = torch.randn(examples, columns, generator=draw, dtype=torch.float64) @ mixed
    return weight, (inputs.T @ inputs / examples)[None]


def error(weight: Tensor, other: Tensor, gram: Tensor) -> float:
    """tr((W - V) X X^T (W - V)^T)."""
    change = weight.double() - other.double()
    return float((change @ gram[0] @ change.T).trace())


def test_wanda_on_four_numbers():
    weight, squares = torch.tensor([[1.0, -2.0], [3.0, -0.5]]), torch.tensor([[4.0, 0.25], [4.0, 0.25]])
    assert _layerwise.product(weight, squares).tolist() == [[2.0, 1.0], [6.0, 0.25]]


def test_relative_importance_on_four_numbers():
    weight, squares = torch.tensor([[1.0, -3.0], [3.0, -1.0]]), torch.tensor([[16.0, 1.0], [16.0, 1.0]])
    # columns sum to 4 and 4, rows to 4 and 4; |x|^0.5 is 2 and 1
    torch.testing.assert_close(wanda.relative(weight, squares), torch.tensor([[1.0, 1.5], [3.0, 0.5]]))


def test_ranks_within_outputs():
    scores = torch.tensor([[0.3, 0.1, 0.2], [9.0, 8.0, 9.0]])
    assert _layerwise.within_outputs(scores).tolist() == [[2, 0, 1], [1, 0, 2]]


@pytest.mark.runs
def test_wanda_keeps_the_same_number_of_every_output():
    record = trial.record("wanda", sparsity=0.5)
    assert record.status == "ok"
    run = trial.run("wanda", 0.5)
    for mask in run.masks.values():
        kept = mask.flatten(1).sum(dim=1)
        assert kept.max() - kept.min() <= 1


def test_budgets_of_outliers_meet_the_total_and_give_more_to_layers_with_outliers():
    run = toy_run(density=0.5)
    scores = {name: torch.ones_like(weight) for name, weight in run.weights.items()}
    scores["4.weight"][0, :5] = 1000.0
    counts = wanda.outliers(run, scores)
    shares = {name: count / run.masks[name].numel() for name, count in counts.items()}
    assert sum(counts.values()) == 192
    assert shares["4.weight"] - shares["0.weight"] == pytest.approx(0.16, abs=0.01)


@settings(max_examples=25)
@given(st.integers(0, 2**16), st.integers(1, 23))
def test_with_uncorrelated_inputs_sparsegpt_is_magnitude_and_moves_nothing(seed, count):
    weight, _ = drawn(seed)
    eye = torch.eye(6, dtype=torch.float64)[None]
    layer = _obs.Rows.of(weight, eye, 0.01, Target(count / 24))
    values, kept = sparsegpt.swept(layer, count, 128, Target(count / 24))
    largest = weight.abs().flatten().sort(descending=True).values[count - 1]
    assert torch.equal(layer.shaped(kept), weight.abs() >= largest)
    torch.testing.assert_close(layer.shaped(values), weight.double() * (weight.abs() >= largest))


@settings(max_examples=25)
@given(st.integers(0, 2**16), st.integers(4, 20))
def test_the_corrections_of_obc_are_the_best_for_its_mask(seed, count):
    """The least squares solution on the weights that are kept, row by row."""
    weight, gram = drawn(seed)
    layer = _obs.Rows.of(weight, gram, 1e-9, Target(count / 24))
    values, kept = (layer.shaped(value) for value in obc.removed(layer, count, Target(count / 24)))
    assert int(kept.sum()) == count
    for row, value, mask in zip(weight.double(), values, kept, strict=True):
        best = torch.linalg.solve(gram[0][mask][:, mask], (gram[0] @ row)[mask])
        torch.testing.assert_close(value[mask], best, rtol=1e-4, atol=1e-5)


def test_errors_are_in_order_over_many_layers():
    """OBC's, SparseGPT's, SparseGPT's without corrections and Wanda's at equal counts, summed over 60 drawn layers.

    A single layer may go otherwise: a correction is lost where the corrected weight is pruned later.
    """
    errors = dict.fromkeys(("obc", "sparsegpt", "uncorrected", "wanda"), 0.0)
    for seed in range(60):
        weight, gram = drawn(seed)
        target = Target(0.5)
        layer = _obs.Rows.of(weight, gram, 1e-9, target)
        errors["obc"] += error(weight, layer.shaped(obc.removed(layer, 12, target)[0]), gram)
        values, kept = (layer.shaped(value) for value in sparsegpt.swept(layer, 12, 128, target))
        errors["sparsegpt"] += error(weight, values, gram)
        errors["uncorrected"] += error(weight, weight * kept, gram)
        scores = _layerwise.within_outputs(_layerwise.product(weight, gram[0].diagonal().expand(4, 6)))
        errors["wanda"] += error(weight, weight * (scores >= 3), gram)
    assert errors["obc"] < errors["sparsegpt"] < min(errors["uncorrected"], errors["wanda"])


def test_each_step_of_obc_is_the_best_one_and_its_correction_the_least_squares_solution():
    """Against brute force: for a row, all positions are tried, and the rest is solved for."""
    weight, gram = drawn(3, rows=1, columns=5)
    hessian, row = 2 * gram[0], weight[0].double()
    (losses,), (order,) = obc.traced(row[None], torch.linalg.inv(hessian), 5, 5)

    def solved(gone: list[int]) -> tuple[float, Tensor]:
        kept = [at for at in range(5) if at not in gone]
        value = torch.zeros(5, dtype=torch.float64)
        value[kept] = torch.linalg.solve(hessian[kept][:, kept], (hessian @ row)[kept])
        return float((row - value) @ hessian @ (row - value)), value

    first = min(range(5), key=lambda at: solved([at])[0])
    second = min((at for at in range(5) if at != first), key=lambda at: solved([first, at])[0])
    assert order[:2].tolist() == [first, second]
    mask = torch.tensor([at not in (first, second) for at in range(5)])
    torch.testing.assert_close(obc.solved(row, hessian, mask), solved([first, second])[1][mask])
    assert float(losses[0]) == pytest.approx(solved([first])[0])


@pytest.mark.parametrize(("competing", "most"), [(12, 12), (4, 2), (4, 3)])
@pytest.mark.parametrize(("panel", "at_once"), [(2, 2**24), (64, 12 * 12), (5, 2 * 12 * 12)])
def test_how_many_rows_and_steps_go_together_changes_nothing(monkeypatch, competing, most, panel, at_once):
    weight, gram = drawn(11, rows=3, columns=12)
    once = obc.traced(weight.double(), torch.linalg.inv(gram[0]), competing, most)
    monkeypatch.setattr(obc, "PANEL", panel)
    monkeypatch.setattr(obc, "AT_ONCE", at_once)
    parts = obc.traced(weight.double(), torch.linalg.inv(gram[0]), competing, most)
    torch.testing.assert_close(parts[0], once[0])
    assert parts[1].equal(once[1])


def test_the_last_column_gets_no_correction_and_the_first_gives_all_its_error_away():
    weight, gram = drawn(5)
    layer = _obs.Rows.of(weight, gram, 0.01, Target(0.5))
    values, kept = sparsegpt.swept(layer, 12, 128, Target(0.5))
    untouched = kept[0, :, 0]
    torch.testing.assert_close(values[0, untouched, 0], weight.double()[untouched, 0])


def test_under_n_of_m_the_columns_that_compete_are_neighbours():
    weight = torch.arange(2 * 4 * 3.0).view(2, 4, 3)
    layer = _obs.Rows.of(weight, torch.eye(12, dtype=torch.float64)[None], 0.01, Target(0.5, NofM(2, 4)))
    assert layer.weights[0, 0].tolist() == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]
    torch.testing.assert_close(layer.shaped(layer.weights), weight.double())


def test_columns_that_are_never_fed_are_pruned_first():
    weight, gram = drawn(7)
    gram[:, 2], gram[:, :, 2] = 0, 0
    layer = _obs.Rows.of(weight, gram, 0.01, Target(0.5))
    _, kept = sparsegpt.swept(layer, 12, 128, Target(0.5))
    assert not kept[0, :, 2].any()


def test_the_unit_of_the_inputs_changes_nothing_though_a_column_is_never_fed():
    """Damping is a share of the mean of the diagonal; the number that stands for an absent input must not count."""
    weight, gram = drawn(7)
    gram[:, 2], gram[:, :, 2] = 0, 0
    layers = [_obs.Rows.of(weight, gram * scale, 0.1, Target(0.5)) for scale in (1e-6, 1.0)]
    (small, kept_small), (one, kept_one) = (sparsegpt.swept(layer, 12, 128, Target(0.5)) for layer in layers)
    assert kept_small.equal(kept_one)
    torch.testing.assert_close(small, one)


@pytest.mark.runs
@pytest.mark.parametrize("method", ["sparsegpt", "obc"])
@pytest.mark.parametrize("pattern", [Anywhere(), Layer(), NofM(2, 4)], ids=["global", "layer", "2:4"])
def test_density_one_leaves_the_weights_of_dense_training(method, pattern):
    run, dense = toy_run(density=1.0), toy_run(density=1.0)
    run._state.target = Target(1.0, pattern)
    dense.train()
    {"sparsegpt": sparsegpt.sparsegpt, "obc": obc.obc}[method](run)
    for name, weight in dense.weights.items():
        torch.testing.assert_close(run.weights[name], weight, rtol=1e-6, atol=1e-7)


@pytest.mark.runs
@pytest.mark.parametrize("method", ["sparsegpt", "obc"])
@pytest.mark.parametrize("pattern", ["global", "2:4"])
def test_the_record_says_that_weights_were_corrected(method, pattern):
    record = trial.record(method, pattern, 0.5)
    assert (record.status, record.error) == ("ok", None)
    assert any("tensors were set to values that the method made" in note for note in record.notes)


def test_a_network_that_comes_trained_is_not_trained_before():
    run = toy_run(density=0.5)
    state: RunState = run._state
    state.trained = True
    state.recipe = replace(state.recipe, steps=0)
    state.engine.recipe = state.recipe
    wanda.wanda(run, batches=1)
    assert state.meter.training_steps == 0
    assert isinstance(run.masks, Masks)
    assert run.masks.kept == 192


WEIGHT = torch.tensor([[3.0, -1.0, 2.0, 0.5], [1.0, 2.0, -4.0, 1.5]])
FED = torch.tensor(
    [[1.0, 2.0, 0.0, 1.0], [0.0, 1.0, 1.0, -1.0], [2.0, 0.0, 1.0, 1.0], [1.0, -1.0, 2.0, 0.0], [0.0, 1.0, -1.0, 2.0]]
)
"""Five inputs of the layer. What the authors' code makes of it, in float64, are the numbers of the tests below."""


def made(method: Callable[[_obs.Rows, int, Target], tuple[Tensor, Tensor]], count: int, target: Target) -> Tensor:
    layer = _obs.Rows.of(WEIGHT, (FED.T @ FED / 5).double()[None], 0.01, target)
    return layer.shaped(method(layer, count, target)[0])


def swept(layer: _obs.Rows, count: int, target: Target) -> tuple[Tensor, Tensor]:
    return sparsegpt.swept(layer, count, 128, target)


def test_scores_of_the_released_code():
    """locuslab/wanda@8e8fc87, and the Relative-importance-and-activation-pruning of biomedical-cybernetics@7bc55b0."""
    squares = FED.square().sum(dim=0).expand(2, 4)
    products = [[7.34847, 2.64575, 5.2915, 1.32288], [2.44949, 5.2915, 10.583, 3.96863]]
    torch.testing.assert_close(wanda.product(WEIGHT, squares), torch.tensor(products), rtol=1e-5, atol=1e-5)
    relative = [[1.89616, 0.79243, 1.04268, 0.53177], [0.5754, 1.46711, 1.84983, 1.50698]]
    torch.testing.assert_close(wanda.relative(WEIGHT, squares), torch.tensor(relative), rtol=1e-5, atol=1e-5)


def test_budgets_of_the_released_code_of_owl():
    """luuyin/OWL@dddb7a4 makes .41429, .50571, .50571 and .57429 of shares of 0, 4, 4 and 7 % at density .5."""
    scores = {str(number): torch.ones(10, 10) for number in range(4)}
    for score, outliers in zip(scores.values(), (0, 4, 4, 7), strict=True):
        score.view(-1)[:outliers] = 1000.0
    assert list(wanda.outliers(toy_run(density=0.5), scores).values()) == [41, 51, 51, 57]
    with pytest.raises(Inapplicable, match=r"leave \[0, 1\] at density 0.97; take budget=uniform"):
        wanda.outliers(toy_run(density=0.97), scores)
    with pytest.raises(Inapplicable, match="pattern 2:4 sets the layer densities; budget must be 'uniform'"):
        wanda.outliers(toy_run(density=0.5, pattern="2:4"), scores)


@pytest.mark.parametrize(
    ("pattern", "count", "expected"),
    [
        (Layer(), 3, [[0, 0, 4.4145, 0], [0, 2.10465, -3.23565, 0]]),
        (NofM(2, 4), 4, [[3, 0, 2.17704, 0], [0, 2.10465, -3.23565, 0]]),
    ],
)
def test_weights_of_the_released_code_of_sparsegpt(pattern, count, expected):
    """IST-DASLab/sparsegpt@147d215; at sparsity .5 its threshold removes int(.5 * 8) + 1 weights of a block of 8."""
    values = made(swept, count, Target(count / 8, pattern))
    torch.testing.assert_close(values, torch.tensor(expected, dtype=torch.float64), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("pattern", "count", "expected"),
    [
        (Layer(), 6, [[3.53692, -0.98888, 1.55777, 0], [0, 2.10465, -3.23565, 2.09635]]),
        (Layer(), 4, [[4.40091, 0, 0, 0], [0, 2.10465, -3.23565, 2.09635]]),
        (Layer(), 2, [[4.40091, 0, 0, 0], [0, 0, -4.42448, 0]]),
        (NofM(2, 4), 4, [[2.98266, 0, 2.15131, 0], [0, 2.88948, -3.6068, 0]]),
    ],
)
def test_weights_of_the_released_code_of_obc(pattern, count, expected):
    """IST-DASLab/OBC@9b7979b."""
    values = made(obc.removed, count, Target(count / 8, pattern))
    torch.testing.assert_close(values, torch.tensor(expected, dtype=torch.float64), rtol=1e-5, atol=1e-5)


def test_a_cheap_step_waits_for_the_dear_one_before_it():
    """Two inputs that almost cancel out: a first weight costs .38 in the first row, and the second one only .02 then.

    The second row costs .18 in all. Sorted losses, as in the authors' code, would remove one weight of each row.
    """
    weight = torch.tensor([[1.0, 1.0], [0.0, 0.3]])
    gram = torch.tensor([[[1.0, -0.9], [-0.9, 1.0]]], dtype=torch.float64)
    layer = _obs.Rows.of(weight, gram, 1e-9, Target(0.5))
    losses, _ = obc.traced(layer.weights[0], layer.inverse[0], 2, 2)
    torch.testing.assert_close(losses, torch.tensor([[0.38, 0.38], [0, 0.18]], dtype=torch.float64))
    assert obc.removed(layer, 2, Target(0.5))[1].tolist() == [[[True, True], [False, False]]]
