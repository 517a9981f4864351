import math
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark import Amount, Inapplicable, Run, Share, algorithm, keep_top
from benchmark.graphs.edges import Edit, Graph, asked, graph_of, rebuilt, slots
from benchmark.scores import magnitude

from ._greedy import Rule, spectral_edits
from ._rewriting import Edges

PACE = math.log(0.95) / math.log(0.8)
"""Exponent from weight to edge density: the authors prune 5 % of the edges for every 20 % of the weights."""


@algorithm(paper="arXiv:2102.06790", prunes=("edges", "weights"), trains_once=False, family="data edits", edges="edges")
def ugs(
    run: Run,
    *,
    edges: Edges = None,
    fraction: Share = 0.2,
    criterion: Literal["mask", "proxy", "eldan"] = "mask",
    edge_penalty: Amount = 1e-2,
    weight_penalty: Amount = 1e-2,
) -> None:
    """UGS: learn masks of edges and weights, prune both where they are smallest, rewind, repeat (Chen et al., 2021).

    Only for tasks with a single graph. An edge has one mask for both directions, so that the graph stays undirected.
    Masks are taken at the end of a training; the authors take those with the best validation score. Biases and norms
    keep their initial values while masks are learned.

    Options:
        edges: edges to prune in total, as a share or a number; none: 5 % per round that prunes 20 % of the weights
        fraction: approximate share of the surviving weights that a round prunes; all rounds prune the same share
        criterion: prune the edges with the smallest masks; or, without edge masks, those whose deletion most raises the
            spectral gap by its first-order change or by Eldan's criterion (Jamadandi et al., 2024)
        edge_penalty: weight of the sum of absolute edge masks in the loss
        weight_penalty: weight of the sum of absolute weight masks in the loss
    """
    if len(run.data) != 1:
        raise Inapplicable(f"'ugs' learns the mask of one graph, and this task has {len(run.data):,} graphs")
    size, density = _graph(run).size, run.target.density
    kept = density**PACE if edges is None else 1 - min(asked(edges, 1 - density, size), size) / max(size, 1)
    rounds = max(math.ceil(math.log(density) / math.log(1 - fraction) - 1e-9), int(kept < 1))
    for done in range(1, rounds + 1):
        graph = _graph(run)
        masks = learn_masks(run, graph, edge_penalty if criterion == "mask" else None, weight_penalty)
        run.prune(
            keep_top(
                {n: masks[f"{n} mask"].abs() for n in run.masks}, run.target.at_progress(done / rounds), among=run.masks
            )
        )
        surplus = graph.size - round(size * kept ** (done / rounds))
        if criterion == "mask":
            log = smallest(graph, magnitude({"edges": masks["edges"]})["edges"], surplus)
        else:
            log = spectral_edits(
                graph, surplus, Rule(criterion=criterion, connectivity="free", period=max(surplus, 1), verify=0)
            )
        delete(run, log)
    run.train()


def learn_masks(run: Run, graph: Graph, edge_penalty: float | None, weight_penalty: float) -> dict[str, Tensor]:
    """Train weights and masks together, starting from the current network, and leave the network unchanged.

    Args:
        edge_penalty: weight of the edge masks in the loss; None trains without edge masks.

    Returns:
        All trained tensors, among them the masks `edges` and `NAME mask` for each weight tensor NAME.
    """
    weights = run.weights
    start = weights | {f"{name} mask": _ones(run, weight) for name, weight in weights.items()}
    start["edges"] = _ones(run, next(iter(weights.values())).new_empty(graph.size))
    live: dict[str, Tensor] = {}

    def effective(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: scores[name] * lasso(scores[f"{name} mask"], weight_penalty) for name in weights}

    def masked(batch: Any, draws: torch.Generator) -> Any:
        batch = run.recipe.augment(batch, draws) if run.recipe.augment else copy(batch)
        if edge_penalty is not None:
            masks = lasso(live["edges"], edge_penalty)[slots(graph, batch.edge_index)]
            batch.edge_weight = masks if batch.get("edge_weight") is None else masks * batch.edge_weight
        return batch

    with run.learning(start, effective, replace(run.recipe, augment=masked)) as scores:
        live.update(scores)
        run.train()
        return {name: score.detach().clone() for name, score in scores.items()}


def lasso(mask: Tensor, strength: float) -> Tensor:
    """Return the mask with a gradient as if strength * sum |mask| were part of the loss."""
    used = mask.clone()
    if used.requires_grad:
        used.register_hook(lambda grad: grad + strength * mask.detach().sign())  # type: ignore[no-untyped-call]
    return used


def smallest(graph: Graph, scores: Tensor, count: int) -> list[Edit]:
    """Return deletions of the `count` edges with the lowest scores [m]; the first of equal ones."""
    order = torch.sort(scores.cpu(), stable=True).indices[:count]
    return [(int(i), int(j), -1) for i, j in graph.ends[order.numpy()]]


def delete(run: Run, log: list[Edit]) -> None:
    """Apply these deletions to the graph of the run."""
    run.rewrite(lambda data: rebuilt(data, log, len(log)))


def _graph(run: Run) -> Graph:
    return graph_of(run.batches(1)[0])


def _ones(run: Run, like: Tensor) -> Tensor:
    """Return ones with a little noise, which breaks ties."""
    noise = torch.rand(like.shape, generator=run.rng, dtype=torch.float64).to(like.device, like.dtype)
    return 1 + 1e-5 * (2 * noise - 1)
