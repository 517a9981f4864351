"""Equal scores at a cut: how many there are, in which layers, and how many of them are kept."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmark import Masks, Target, keep_each, keep_top
from benchmark.pruning.masks import Ties
from benchmark.pruning.patterns import NofM
from benchmark.training.notes import Notes


def scores(**values: list[float]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in values.items()}


def test_ties_over_all_tensors() -> None:
    masks = keep_top(scores(a=[1.0, 5.0, 1.0], b=[1.0, 0.0, 1.0]), Target(0.5))
    assert masks.ties == Ties(kept=2, layers={"a": 2, "b": 2})
    assert (masks.ties.total, masks.ties.arbitrary) == (4, 2)
    assert masks["a"].tolist() == [True, True, True]


def test_ties_within_each_tensor() -> None:
    masks = keep_each(scores(a=[1.0, 1.0, 1.0], b=[3.0, 2.0]), {"a": 1, "b": 1})
    assert masks.ties == Ties(kept=1, layers={"a": 3})
    assert masks.ties.arbitrary == 1


def test_equal_scores_that_are_all_kept_or_all_pruned_are_no_ties() -> None:
    assert keep_top(scores(a=[2.0, 2.0, 1.0, 1.0]), Target(0.5)).ties == Ties()
    assert keep_top(scores(a=[1.0, 1.0]), Target(1.0)).ties == Ties()


def test_ties_within_groups() -> None:
    """The first group is cut through three equal scores, the second through none, the third through four."""
    rows = torch.tensor([[1.0, 1.0, 1.0, 0.0], [4.0, 3.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    assert keep_top({"a": rows}, Target(0.5, NofM(2, 4))).ties == Ties(kept=4, layers={"a": 7})
    among = Masks({"a": torch.tensor([[True, True, False, True]]).expand(3, 4)})
    assert keep_top({"a": rows}, Target(0.5, NofM(2, 4)), among).ties == Ties(kept=2, layers={"a": 3})


def test_only_candidates_are_counted() -> None:
    among = Masks({"a": torch.tensor([False, True, True, True])})
    assert keep_top(scores(a=[1.0, 1.0, 1.0, 1.0]), Target(0.5), among).ties == Ties(kept=2, layers={"a": 3})


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), st.integers(1, 29), st.integers(1, 29))
def test_ties_are_those_at_the_lowest_kept_score(values: list[int], count: int, at: int) -> None:
    count, at = min(count, len(values) - 1), min(at, len(values) - 1)
    flat = torch.tensor(values, dtype=torch.float32)
    masks = keep_top({"a": flat[:at], "b": flat[at:]}, Target(count / len(values)))
    kept = torch.cat([masks["a"], masks["b"]])
    lowest = flat[kept].min()
    tied = flat == lowest
    if bool((tied & ~kept).any()):
        layers = {"a": int(tied[:at].sum()), "b": int(tied[at:].sum())}
        assert masks.ties == Ties(int((tied & kept).sum()), {name: n for name, n in layers.items() if n})
    else:
        assert masks.ties == Ties()


def noted(ties: Ties, kept: int) -> list[str]:
    notes = Notes()
    notes.pruned(Masks({}, ties))
    notes.complete(kept)
    return notes.texts


def test_a_mass_of_ties_is_told_with_its_layers() -> None:
    [note] = noted(Ties(30, {"a": 10, "b": 90}), kept=100)
    assert note == "100 weights had the same score at a cut, and the first 30 were kept: b 90, a 10"


def test_a_few_ties_are_not_told() -> None:
    assert noted(Ties(1, {"a": 90}), kept=100) == []
    assert noted(Ties(89, {"a": 90}), kept=100) == []


def test_of_many_layers_the_largest_are_told() -> None:
    [note] = noted(Ties(30, {f"layer{place}": place + 1 for place in range(12)}), kept=10)
    assert note.endswith(": layer11 12, layer10 11, layer9 10, layer8 9, layer7 8 and 7 more")


def test_masks_that_are_combined_have_no_ties() -> None:
    masks = keep_top(scores(a=[1.0, 1.0]), Target(0.5))
    assert masks.ties.total == 2
    assert (masks & masks).ties == (~masks).ties == Ties()
