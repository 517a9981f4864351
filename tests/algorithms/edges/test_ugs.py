"""UGS: masks of edges and weights, what they cost, and how much is left of both."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from benchmark.algorithms.edges.ugs import PACE, lasso, learn_masks, slots, smallest, ugs

from benchmark import Run, Target
from benchmark.errors import Inapplicable
from benchmark.graphs.edges import Graph, graph_of
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.training.run_state import RunState
from tests.support.graphs import TOY

pytest.importorskip("torch_geometric")


def run_on(name: str, density: float = 0.5) -> Run:
    task = registry.task(name)
    model = next(iter(task.models))
    return Run(RunState(task, build(task, model, 0), task.recipe("smoke"), Target(density), task.data(Path()).train, 0))


def test_the_penalty_is_the_derivative_of_the_sum_of_absolute_values():
    mask = torch.tensor([0.5, -2.0, 0.0], requires_grad=True)
    (lasso(mask, 0.1) ** 2).sum().backward()
    torch.testing.assert_close(mask.grad, torch.tensor([1.0 + 0.1, -4.0 - 0.1, 0.0]))


def test_both_directions_of_an_edge_have_one_mask():
    index = torch.tensor([[0, 1, 3, 0, 7], [1, 0, 0, 3, 6]])
    assert slots(TOY, index).tolist() == [0, 0, 1, 1, 8]
    assert TOY.ends[[0, 1, 8]].tolist() == [[0, 1], [0, 3], [6, 7]]


def test_the_smallest_masks_go_first_and_equal_ones_in_order():
    square = Graph.of(4, [(0, 1), (1, 2), (2, 3), (0, 3)])
    scores = torch.tensor([0.5, 0.1, 0.5, 0.1])  # of 0-1, 0-3, 1-2, 2-3
    assert smallest(square, scores, 3) == [(0, 3, -1), (2, 3, -1), (0, 1, -1)]
    assert smallest(square, scores, 0) == []


@pytest.mark.runs
def test_learning_masks_moves_every_mask_and_leaves_the_network_alone():
    run = run_on("planted-partition")
    graph, before = graph_of(run.batches(1)[0]), run.snapshot().state
    masks = learn_masks(run, graph, 1e-2, 1e-2)
    assert all(torch.equal(value, before[name]) for name, value in run.snapshot().state.items())
    assert set(masks) == {*run.masks, *(f"{name} mask" for name in run.masks), "edges"}
    assert masks["edges"].shape == (graph.size,)
    for name, mask in masks.items():
        if name not in run.masks:
            assert (mask - 1).abs().max() > 1e-3
    assert run._state.meter.training_steps == run.recipe.steps


PAIRS = [("mask", None), ("proxy", 0.3), ("eldan", 40)]
OTHERS = [(name, edges) for name, _ in PAIRS for _, edges in PAIRS if (name, edges) not in PAIRS]
"""How many edges are asked for, and how they are ranked, have nothing to do with each other."""


@pytest.mark.runs
@pytest.mark.parametrize(
    ("criterion", "edges"), [*PAIRS, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in OTHERS)]
)
def test_as_many_edges_and_weights_are_left_as_were_asked_for(criterion, edges):
    run = run_on("planted-partition")
    size = graph_of(run.batches(1)[0]).size
    ugs(run, edges=edges, criterion=criterion, fraction=0.3)
    run._state.finish()
    left = {None: round(size * 0.5**PACE), 0.3: size - round(0.3 * size), 40: size - 40}[edges]
    assert graph_of(run.batches(1)[0]).size == run.data.edges == left
    assert run.masks.kept == round(0.5 * run.masks.total)
    assert run._state.meter.training_steps == (math.ceil(math.log(0.5) / math.log(0.7)) + 1) * run.recipe.steps


def test_the_pace_is_that_of_the_authors():
    """20 rounds leave 1.15 % of the weights and 35.8 % of the edges."""
    assert pytest.approx(0.0115, abs=5e-5) == 0.8**20
    assert pytest.approx(0.358, abs=5e-4) == (0.8**20) ** PACE


@pytest.mark.runs
def test_with_nothing_to_prune_it_is_one_dense_training():
    run = run_on("planted-partition", density=1.0)
    ugs(run)
    other = run_on("planted-partition", density=1.0)
    other.train()
    assert all(torch.equal(value, other.snapshot().state[name]) for name, value in run.snapshot().state.items())


def test_a_task_of_many_graphs_is_passed_over_with_a_reason():
    with pytest.raises(Inapplicable, match="learns the mask of one graph, and this task has"):
        ugs(run_on("ring-transfer"))


@pytest.mark.runs
def test_masks_multiply_the_weights_that_edges_have():
    task, seen = registry.task("planted-partition"), []

    def loss(model, batch):
        seen.append(batch.edge_weight.detach().clone())
        return task.loss(model, batch)

    def halved(data):
        data.edge_weight = torch.full((data.num_edges,), 0.5)
        return data

    data, noting = task.data(Path()).train.rewrite(halved), replace(task, loss=loss)
    run = Run(RunState(noting, build(task, "gcn", 0), task.recipe("smoke"), Target(0.5), data, 0))
    seen.clear()
    learn_masks(run, graph_of(run.batches(1)[0]), 1e-2, 1e-2)
    assert seen[0] == pytest.approx(torch.full_like(seen[0], 0.5), abs=1e-4)
    assert seen[-1].std() > 1e-3
