"""What is prunable: declared, chosen and said."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmark.training.prunable import chosen, conv_and_linear, prunable_of
from tests.support.networks import KINDS, WITHOUT, Tied, scripted


def three() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4), nn.Linear(4, 5))


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("all", ["0.weight", "1.weight", "2.weight"]),
        ("no-first", ["1.weight", "2.weight"]),
        ("no-last", ["0.weight", "1.weight"]),
        ("no-ends", ["1.weight"]),
        ("[02].*", ["0.weight", "2.weight"]),
        ("nothing", []),
    ],
)
def test_a_choice_takes_a_part(choice: str, names: list[str]) -> None:
    assert chosen(choice, conv_and_linear)(three()) == names


def test_choosing_twice_is_choosing_once() -> None:
    once = chosen("no-first", conv_and_linear)
    assert chosen("no-first", once)(three()) == once(three())


def test_shares_are_of_all_parameters_and_of_all_matrices() -> None:
    policy = prunable_of(chosen("no-first", conv_and_linear), three())
    assert (policy.matrices, policy.share) == (32 / 38, 32 / 50)
    assert policy.left_out == {"0.weight": "not in --prunable no-first"}


@pytest.mark.parametrize(
    ("model", "name", "reason"),
    [
        ("lstm", "rnn.weight_hh_l0", "recurrent layer"),
        ("attention", "attention.in_proj_weight", "packed attention"),
        ("transposed", "2.weight", "transposed convolution"),
        ("weight-norm", "1.parametrizations.weight.original1", "parametrised: the weight is computed from it"),
        ("empty-layer", "none.weight", "it has no weights"),
        ("tied", "second.weight", "tied: the same tensor as 'first.weight', which counts once"),
        ("bare", "first", "a parameter of Bare, which is not a known layer"),
        ("query", "query", "a parameter of Query, which is not a known layer"),
    ],
)
def test_what_is_left_out_has_a_reason(model: str, name: str, reason: str) -> None:
    policy = prunable_of(conv_and_linear, {**KINDS, **WITHOUT}[model]())
    assert policy.left_out[name] == reason
    assert name not in policy.names


def test_every_matrix_is_taken_or_left_out() -> None:
    for build in (*KINDS.values(), *WITHOUT.values(), scripted):
        network = build()
        policy = prunable_of(conv_and_linear, network)
        matrices = {name for name, parameter in network.named_parameters() if parameter.dim() > 1}
        assert matrices <= set(policy.names) | policy.left_out.keys()
        assert not set(policy.names) & policy.left_out.keys()


def test_a_pattern_takes_no_matrix_that_a_weight_is_computed_from() -> None:
    assert chosen("*", conv_and_linear)(KINDS["weight-norm"]()) == ["3.weight"]
    assert chosen("*", conv_and_linear)(KINDS["lstm"]()) == ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "out.weight"]


def test_a_tied_weight_counts_once() -> None:
    policy = prunable_of(conv_and_linear, Tied())
    assert policy.names == ("first.weight", "out.weight")
    assert policy.matrices == 1


def test_a_policy_of_the_task_is_named() -> None:
    policy = prunable_of(lambda model: ["1.weight"], three())
    assert policy.left_out == dict.fromkeys(["0.weight", "2.weight"], "the task does not prune it")


def test_linear_layers_of_torch_geometric_are_prunable() -> None:
    conv = pytest.importorskip("torch_geometric.nn").GCNConv(3, 2)
    assert conv_and_linear(conv) == ["lin.weight"]


def test_names_are_looked_up_without_values() -> None:
    with torch.device("meta"):
        assert prunable_of(conv_and_linear, three()).matrices == 1
