"""Every built-in method on networks of every kind: it prunes, or it is skipped and says why."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.plugins import catalog, registry
from benchmark.results.validity import problems_of
from tests.support.networks import KINDS, WITHOUT, record_of

pytestmark = pytest.mark.runs

METHODS: dict[str, dict[str, Any]] = {
    "random": {},
    "magnitude": {"score": "lamp"},
    "imp": {"fraction": 0.5},
    "snip": {},
    "force": {"rounds": 2},
    "grasp": {"samples": 2},
    "synflow": {"rounds": 3},
    "gmp": {"interval": 1},
    "set": {"interval": 1},
    "rigl": {"interval": 1},
    "granet": {"interval": 1},
    "sr-ste": {},
    "edge-popup": {},
    "biprop": {},
    "gem-miner": {"rounds": 1},
    "greg": {},
    "plasticity": {},
    "acdc": {},
    "continuous-sparsification": {},
    "curvature": {},
    "dsnot": {},
    "early-bird": {},
    "fisher": {"examples": 16},
    "mest": {"interval": 1},
    "movement": {},
    "ntk-sap": {"rounds": 2},
    "obc": {},
    "phew": {},
    "prospr": {},
    "soft-threshold": {"trials": 2},
    "sparse-momentum": {"interval": 1},
    "sparsegpt": {},
    "srigl": {"interval": 1},
    "taylor": {"rounds": 2},
    "top-kast": {},
    "wanda": {},
}


def test_every_method_that_prunes_weights_is_tried() -> None:
    weighty = {name for name in catalog.plugins("algorithm") if registry.algorithm(name).prunes == {"weights"}}
    asked_otherwise = {
        name for name in weighty if registry.algorithm(name).only or "streams" in registry.algorithm(name).needs
    }
    of_a_record = {"ticket", "instability"}
    assert weighty - asked_otherwise - of_a_record - METHODS.keys() == set()


@pytest.mark.parametrize(
    "model", [next(iter(KINDS)), *(pytest.param(kind, marks=pytest.mark.slow) for kind in [*KINDS][1:])]
)
def test_every_method_prunes_it(model: str) -> None:
    for name, options in METHODS.items():
        record = record_of(name, model, **options)
        if (name, model) == ("synflow", "half"):
            assert (record.status, (record.error or "")[:23]) == ("skipped", "no signal can be sent t")
            continue
        assert (record.status, record.error) == ("ok", None), name
        assert problems_of(record) == [], name
        assert record.cost.training_flops > 0


@pytest.mark.parametrize("model", [*KINDS, *WITHOUT])
def test_dense_trains_it(model: str) -> None:
    record = record_of("dense", model, sparsity=0.0)
    assert (record.status, problems_of(record)) == ("ok", [])


@pytest.mark.parametrize("model", WITHOUT)
def test_where_nothing_is_prunable_methods_are_skipped_with_the_reason(model: str) -> None:
    for name, options in METHODS.items():
        record = record_of(name, model, **options)
        assert record.status == "skipped"
        assert record.error is not None
        assert record.error.startswith("this network has no prunable weight (")


@pytest.mark.parametrize(
    "model", ["bare", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("lstm", "attention", "transposed"))]
)
def test_matrices_that_are_left_out_are_pruned_where_they_are_named(model: str) -> None:
    for name, options in METHODS.items():
        record = record_of(name, model, prunable="*", **options)
        assert (record.status, record.error, problems_of(record)) == ("ok", None, []), name
        assert record.prunable is not None
        assert record.prunable.matrices == 1
        assert set(record.prunable.names) == set(record.layers)


def test_training_at_density_one_is_dense_training_where_weights_have_no_gradient() -> None:
    for model in ("unused-head", "dropped-block", "frozen-layer"):
        dense = record_of("dense", model, sparsity=0.0)
        for name in ("rigl", "granet", "snip", "grasp"):
            assert record_of(name, model, sparsity=0.0).metrics == dense.metrics


def test_what_cannot_be_diagnosed_is_absent_with_a_note() -> None:
    record = record_of("magnitude", "half")
    assert record.density is not None
    assert record.density.effective is None
    assert {layer.effective for layer in record.layers.values()} == {None}
    assert [note[:13] for note in record.notes] == ["no live paths"]


def test_outputs_in_a_dictionary_have_live_paths() -> None:
    record, same = (record_of("magnitude", model, sparsity=0.8) for model in ("dictionary", "plain"))
    assert record.density is not None
    assert same.density is not None
    assert record.density.effective == same.density.effective
    assert record.notes == []


@pytest.mark.parametrize("pattern", ["2:4", "blocks:2x2"])
def test_patterns_along_input_channels_refuse_a_transposed_convolution(pattern: str) -> None:
    record = record_of("magnitude", "transposed", pattern=pattern, prunable="*")
    assert record.status == "skipped"
    assert "'2.weight' has none in its second dimension" in (record.error or "")


def test_a_record_says_what_was_prunable() -> None:
    prunable = record_of("magnitude", "lstm").prunable
    assert prunable is not None
    assert prunable.names == ["out.weight"]
    assert prunable.left_out == {"rnn.weight_ih_l0": "recurrent layer", "rnn.weight_hh_l0": "recurrent layer"}
    matrices, others = 4 * 8 * 4 + 4 * 8 * 8 + 8 * 3, 2 * 4 * 8 + 3
    assert prunable.matrices == 24 / matrices
    assert prunable.share == 24 / (matrices + others)
