"""Built and searched networks: what is asked for, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from benchmark.experiments import _built_and_searched as stage

from benchmark import Study
from benchmark.results.record import Record
from benchmark.studies.points import draw
from benchmark.sweep.plan import Selection
from tests.support.generated import cell, ran
from tests.support.stands import Stand, examples, perceptron


def answer(selection: Selection) -> list[Record]:
    """Dense networks of 0.95, and edge-popup's of 0.9."""
    [choice] = selection.algorithms
    sparsities, score = selection.sparsities or [0.0], 0.95 if choice.name == "dense" else 0.9
    return [
        ran(cell(choice.name, seed, model=model, sparsity=sparsity), score)
        for model in selection.models
        for sparsity in sparsities
        for seed in selection.seeds
    ]


@pytest.fixture
def study() -> Study:
    made = Study(
        "rfss",
        answer,
        lambda points, draws: [(one, draw(one, 0, draws)) for one in points],
        lambda key: Stand(perceptron(), examples(5), key),  # type: ignore[arg-type, return-value]
    )
    stage.build(made, [10, 18], 3, "short")
    return made


@pytest.mark.runs
def test_random_networks_have_the_widths_and_densities_of_what_is_built(study: Study) -> None:
    nets, popped = study.asked[1:]
    assert sorted(set(popped.model)) == ["pairs:20", "pairs:36"]
    assert sorted(set(popped.sparsity)) == [0.75, 0.875]
    assert len(nets) == len(popped) == 12
    built = nets[nets.n == 18].groupby("share").density.mean()
    assert built.to_numpy() == pytest.approx([0.125, 0.25], abs=0.02)


@pytest.mark.runs
def test_built_networks_are_compared_with_their_targets(study: Study) -> None:
    verdicts = {one.sentence: one.finding for one in study.claims}
    near, found, better = verdicts.values()
    assert (near.n, near.bound, near.side) == (3, -0.005, "above")
    assert abs(near.estimate) < 0.1
    assert (found.estimate, found.n) == (pytest.approx(-0.05), 3)
    assert better.n == 3
    assert study.figures.keys() == {"networks"}
    [(title, table)] = study.tables
    assert title == "networks, means over 3"
    assert table["2 n"].tolist() == [20, 20, 36, 36]
    assert np.allclose(table["edge-popup"], 0.9)


def test_without_targets_nothing_is_said() -> None:
    def fail(selection: Selection) -> list[Record]:
        return [one.model_copy(update={"status": "failed"}) for one in answer(selection)]

    study = Study("rfss", fail, lambda points, draws: [])
    stage.build(study, [10], 3, "short")
    assert [one.verdict for one in study.claims] == ["incomplete"]
