"""Instability: the error on the line between two networks that part while they train."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from benchmark.algorithms.instability import barrier, between, branch, errors, instability
from hypothesis import given
from hypothesis import strategies as st

from benchmark import Inapplicable, Masks, Run, Snapshot
from tests.support.runs import SGD, network, same, smallest, toy_run

SHORT = replace(SGD, steps=12)


def line(points: int) -> list[float]:
    """The places of a weight between -1 and 1."""
    ends = [Snapshot({"w": torch.tensor(value, dtype=torch.float64)}, 3) for value in (-1.0, 1.0)]
    return [float(between(*ends, place).state["w"]) for place in torch.linspace(0, 1, points).tolist()]


def test_closed_forms_between_minus_1_and_1() -> None:
    assert barrier([w**2 for w in line(30)]) == pytest.approx(0)
    assert barrier([(w**2 - 1) ** 2 for w in line(31)]) == pytest.approx(1)
    assert barrier([(w**2 - 1) ** 2 for w in line(30)]) == pytest.approx(0.997623, abs=1e-6), "1/2 is not among them"


@given(st.lists(st.floats(0, 1), min_size=2))
def test_a_barrier_is_never_negative_since_both_ends_count(line: list[float]) -> None:
    assert barrier(line) >= 0


def test_the_line_begins_and_ends_at_its_ends_and_counters_do_not_mix() -> None:
    one, other = (
        Snapshot({"w": torch.randn(50, generator=torch.Generator().manual_seed(n)), "n": torch.tensor(n)}, n)
        for n in (1, 2)
    )
    assert torch.equal(between(one, other, 0.0).state["w"], one.state["w"])
    assert torch.equal(between(one, other, 1.0).state["w"], other.state["w"])
    assert between(one, other, 1.0).state["n"] == 1
    for place in (0.1, 0.5, 0.9):
        assert torch.equal(between(one, one, place).state["w"], one.state["w"])


def noted(run: Run) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = run._state.log.noted["instability"]
    return found


@pytest.mark.runs
def test_equal_orders_end_at_equal_bits_and_have_no_barrier(monkeypatch: pytest.MonkeyPatch) -> None:
    run = toy_run(SHORT, density=1.0)
    run.train(2)
    fork = run.snapshot()
    one, again, other = (branch(run, fork, order) for order in ("one", "one", "other"))
    assert same(dict(one.state), dict(again.state))
    assert not same(dict(one.state), dict(other.state))
    reorder = Run.reorder
    monkeypatch.setattr(Run, "reorder", lambda self, name: reorder(self, "same"))
    twin = toy_run(SHORT, density=1.0)
    instability(twin, at=0.25, points=5, norms="interpolate")
    assert [noted(twin)[split]["barrier"] for split in ("validation", "train")] == [0, 0]


@pytest.mark.runs
def test_the_ends_are_measured_as_they_are_and_the_first_one_is_left() -> None:
    run, twin = toy_run(SHORT, density=1.0), toy_run(SHORT, density=1.0)
    instability(run, at=0.5, pair=2, points=4, norms="interpolate")
    twin.train(6)
    fork = twin.snapshot()
    for order, place in (("other-2", -1), ("one-2", 0)):
        branch(twin, fork, order)
        assert noted(run)["validation"]["errors"][place] == 1 - twin.evaluate()["accuracy"]
        assert noted(run)["train"]["errors"][place] == 1 - twin.evaluate("train")["accuracy"]
    assert same(network(run), network(twin))
    assert len(noted(run)["train"]["errors"]) == 4


@pytest.mark.runs
def test_parting_at_the_end_is_no_parting() -> None:
    run = toy_run(SHORT, density=1.0)
    instability(run, at=1.0, points=3, norms="interpolate")
    assert noted(run)["validation"]["barrier"] == 0


@pytest.mark.runs
def test_a_ticket_parts_where_imp_rewinds_to() -> None:
    """At the weights of the dense network, without those that the masks prune."""
    run, twin = toy_run(SHORT, density=0.3), toy_run(SHORT)
    masks = smallest(run)
    run._state._found = lambda key: Masks(dict(masks))
    instability(run, at=1.0, of="0" * 64, points=2, norms="interpolate")
    twin.train()
    twin.prune(masks)
    assert same(network(run), network(twin))


@pytest.mark.runs
def test_pruned_weights_are_zero_all_along_the_line() -> None:
    run = toy_run(SHORT, density=0.3)
    masks = smallest(run)
    run._state._found = lambda key: Masks(dict(masks))
    seen: list[float] = []
    evaluate = run._state.evaluate

    def watched(split: str, whole: bool) -> dict[str, float]:
        seen.extend(float(weight[~masks[name]].abs().sum()) for name, weight in run.weights.items())
        return evaluate(split, whole)

    run._state.evaluate = watched  # type: ignore[method-assign]
    instability(run, at=0.25, of="0" * 64, points=5)
    assert run.masks == masks
    assert len(seen) == 5 * 2 * len(masks)
    assert not any(seen)


@pytest.mark.runs
def test_statistics_are_those_of_batches_at_every_place() -> None:
    run = toy_run(SHORT, density=1.0)
    run.train(3)
    spoiled = Snapshot(
        {n: torch.full_like(v, 100.0) if n.endswith("running_mean") else v for n, v in run.snapshot().state.items()}, 3
    )
    batches = run.batches(4)
    sound = errors(run, run.snapshot(), batches)
    assert errors(run, spoiled, batches) == sound != errors(run, spoiled, [])


def test_a_sparse_network_without_a_source_is_refused() -> None:
    with pytest.raises(Inapplicable, match="give of=KEY"):
        instability(toy_run(SHORT, density=0.3))
