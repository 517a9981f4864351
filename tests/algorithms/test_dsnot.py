"""DSnoT: swaps on a few numbers, what they do to the error of outputs, and what is kept in the end."""

from __future__ import annotations

import pytest
import torch
from benchmark.algorithms._obs import Rows
from benchmark.algorithms.dsnot import dsnot, groups_of, losses, swapped
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark import Inapplicable, NofM, Target
from tests.support import notebook
from tests.support.runs import toy_run

ONES = torch.ones(1, 4, dtype=torch.float64)


def row(*values: float) -> Tensor:
    return torch.tensor([values], dtype=torch.float64)


def mask(*values: int) -> Tensor:
    return torch.tensor([values], dtype=torch.bool)


# --- on four numbers --------------------------------------------------------------------------------------------------


def test_a_swap_brings_back_what_the_error_lacks_most_and_removes_what_is_too_much():
    """Error 3 + 2 = 5. Of the pruned, 3 comes back; of the kept, only -1 lowers the error, too: 5 - 3 - 1 = 1."""
    kept = swapped(mask(0, 0, 1, 1), row(3, 2, -1, 4), ONES, row(9, 9, 9, 1), 1, 0.0, None)
    assert kept.tolist() == mask(1, 0, 0, 1).tolist()


def test_the_error_of_the_other_sign_goes_the_other_way():
    kept = swapped(mask(0, 0, 1, 1), row(-3, -2, 1, -4), ONES, row(9, 9, 9, 1), 1, 0.0, None)
    assert kept.tolist() == mask(1, 0, 0, 1).tolist()


def test_inputs_that_vary_come_back_later():
    """3 / 4 is less than 2 / 1."""
    kept = swapped(mask(0, 0, 1, 1), row(3, 2, -1, 4), row(4, 1, 1, 1), row(9, 9, 9, 1), 1, 0.0, None)
    assert kept.tolist() == mask(0, 1, 0, 1).tolist()


def test_of_those_that_lower_the_error_the_smallest_score_goes():
    """8 - 5 - 2 = 1."""
    kept = swapped(mask(0, 0, 1, 1), row(5, 3, -1, -2), ONES, row(9, 9, 3, 2), 1, 0.0, None)
    assert kept.tolist() == mask(1, 0, 1, 0).tolist()


@pytest.mark.parametrize(
    ("kept", "change", "threshold"),
    [
        (mask(0, 0, 1, 1), row(3, 2, -1, 4), 5.0),  # the error is not above the threshold
        (mask(0, 0, 1, 1), row(3, 2, 1, 4), 0.0),  # nothing that is kept lowers it
        (mask(1, 1, 1, 1), row(3, 2, -1, 4), 0.0),  # nothing is pruned
        (mask(0, 0, 1, 1), row(0, 0, -1, 4), 0.0),  # nothing is wrong
    ],
)
def test_no_swap(kept, change, threshold):
    assert swapped(kept, change, ONES, row(9, 9, 9, 1), 50, threshold, None).equal(kept)


def test_an_output_is_left_when_its_error_would_change_sign():
    """5 - 3 - 4 = -2."""
    kept = swapped(mask(0, 0, 1, 1), row(3, 2, -4, 0.5), ONES, ONES, 50, 0.0, None)
    assert kept.tolist() == mask(0, 0, 1, 1).tolist()


def test_what_was_moved_stays():
    """9 - 3 + 1 = 7 in groups of two; 1, which went, would come back next, but 3 may not go."""
    groups = torch.tensor([0, 0, 1, 1])
    kept = swapped(mask(0, 1, 1, 0), row(3, 1, 8, 6), ONES, row(1, 1, 9, 9), 1, 0.0, groups)
    assert kept.tolist() == mask(0, 1, 0, 1).tolist()
    assert swapped(mask(0, 1), row(3, 1), ONES[:, :2], ONES[:, :2], 50, 0.0, groups[:2]).tolist() == [[True, False]]


def test_in_groups_the_smallest_of_the_group_goes_unless_the_sign_would_change():
    """2:4 with groups of two: 5 comes back for its neighbour of 1: 7 - 5 + 1 = 3; then 2 for 3: 3 - 2 + 3 = 4."""
    groups = torch.tensor([0, 0, 1, 1])
    kept = swapped(mask(0, 1, 0, 1), row(5, 1, 2, 3), ONES, ONES, 50, 0.0, groups)
    assert kept.tolist() == mask(1, 0, 1, 0).tolist()
    kept = swapped(mask(0, 1, 0, 1), row(5, -9, 2, 3), ONES, ONES, 50, 0.0, groups)  # 7 - 5 - 9 = -7
    assert kept.tolist() == mask(0, 1, 0, 1).tolist()


def test_groups_are_neighbours_along_the_input_channels():
    run = toy_run()
    assert groups_of(torch.zeros(2, 4), run) is None
    run._state.target = Target(0.5, NofM(1, 2))
    assert groups_of(torch.zeros(2, 4), run).tolist() == [0, 0, 1, 1]
    assert groups_of(torch.zeros(2, 4, 1, 3), run).tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]


def test_sparsegpts_scores_of_uncorrelated_inputs_are_squares():
    weight = torch.tensor([[1.0, -2.0], [3.0, 0.5]])
    gram = torch.diag(torch.tensor([2.0, 2.0], dtype=torch.float64))[None]  # H = 4 (1 + damping)
    found = losses(Rows.of(weight, gram, 0.0, Target(0.5)))
    torch.testing.assert_close(found, 4.0 * weight.double() ** 2)


# --- on many ----------------------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.integers(0, 2**16), st.integers(1, 11), st.integers(0, 20))
def test_rows_keep_as_many_and_come_nearer_and_one_swap_is_as_by_hand(seed, count, cycles):
    draw = torch.Generator().manual_seed(seed)
    change, spread, sizes, scores = torch.rand(4, 3, 12, generator=draw, dtype=torch.float64) + 0.1
    change = change - 0.6
    kept = scores >= scores.sort(dim=1, descending=True).values[:, count - 1 : count]
    assert swapped(kept, change, spread, sizes, cycles, 0.01, None).sum(dim=1).tolist() == [count] * 3
    once, last = (swapped(kept, change, spread, sizes, most, 0.0, None) for most in (1, cycles))
    before, after = ((change * ~mask).sum(dim=1).abs() for mask in (kept, last))
    assert bool((after <= before + 1e-12).all())
    for before, found, *row in zip(kept, once, change, spread, sizes, strict=True):
        assert found.tolist() == by_hand(before.tolist(), *(values.tolist() for values in row))


def by_hand(kept: list[bool], change: list[float], spread: list[float], sizes: list[float]) -> list[bool]:
    """One swap in a row, as the paper says it."""
    error = sum(value for value, stays in zip(change, kept, strict=True) if not stays)
    sign = (error > 0) - (error < 0)
    back = [at for at, stays in enumerate(kept) if not stays and sign * change[at] > 0]
    gone = [at for at, stays in enumerate(kept) if stays and sign * change[at] < 0]
    if not back or not gone:
        return kept
    more, less = max(back, key=lambda at: sign * change[at] / spread[at]), min(gone, key=lambda at: sizes[at])
    if sign * (error - change[more] + change[less]) <= 0:
        return kept
    return [(stays or at == more) and at != less for at, stays in enumerate(kept)]


@pytest.mark.runs
@pytest.mark.parametrize(("pattern", "density"), [("global", 0.5), ("layer", 0.3), ("2:4", 0.5)])
@pytest.mark.parametrize("first", ["wanda", "magnitude", "sparsegpt"])
def test_every_pattern_of_single_weights_is_kept(pattern, density, first):
    run = notebook.after(dsnot, density, pattern, first=first, batches=2)
    assert run.target.pattern.breach(run.masks, density) is None


def test_swaps_bring_the_means_of_wide_outputs_back():
    draw = torch.Generator().manual_seed(0)
    change, scores = torch.randn(2, 20, 400, generator=draw, dtype=torch.float64)
    kept, ones = scores > scores.median(dim=1, keepdim=True).values, torch.ones_like(change)
    before, after = (
        (change * ~mask).sum(dim=1).abs() for mask in (kept, swapped(kept, change, ones, ones, 50, 0.1, None))
    )
    assert after.mean() < before.mean() / 5


@pytest.mark.runs
def test_channels_are_refused():
    with pytest.raises(Inapplicable, match="removes single weights"):
        notebook.after(dsnot, 0.5, "channels")
