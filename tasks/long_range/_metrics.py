"""Losses and metrics of the long-range graph benchmark."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data as Graph

from ..graphs.data import inputs

Direction = Literal["max", "min"]
AP: dict[str, Direction] = {"ap": "max", "loss": "min"}
MAE: dict[str, Direction] = {"mae": "min"}
F1: dict[str, Direction] = {"macro_f1": "max", "accuracy": "max"}
MRR: dict[str, Direction] = {"mrr": "max", "mrr_filtered": "max", "mrr_extended": "max", "loss": "min"}


# --- graphs -----------------------------------------------------------------------------------------------------------


def binary(model: nn.Module, batch: Graph) -> Tensor:
    """Mean logistic loss over graphs and labels."""
    return F.binary_cross_entropy_with_logits(model(**inputs(batch)), batch.y)


def precision(model: nn.Module, batches: Iterable[Graph]) -> dict[str, float]:
    """Average precision, by `mean_precision`, and the logistic loss."""
    answers = [(model(**inputs(batch)), batch.y) for batch in batches]
    logits, labels = torch.cat([one for one, _ in answers]), torch.cat([one for _, one in answers])
    loss = F.binary_cross_entropy_with_logits(logits.double(), labels.double())
    return {"ap": mean_precision(labels.cpu().numpy(), logits.cpu().numpy()), "loss": float(loss)}


def mean_precision(labels: NDArray[np.float32], scores: NDArray[np.float32]) -> float:
    """Average precision, averaged over labels: [n, labels] twice.

    As the Open Graph Benchmark has it: what is NaN is left out, and labels without a positive or a negative are.
    """
    parts = []
    for truth, score in zip(labels.T, scores.T, strict=True):
        known = ~np.isnan(truth)
        if 0 < truth[known].sum() < known.sum():
            parts.append(average_precision_score(truth[known], score[known]))
    return float(np.mean(parts))


def absolute(model: nn.Module, batch: Graph) -> Tensor:
    """Mean absolute error over graphs and targets, which are standardised."""
    return F.l1_loss(model(**inputs(batch)), batch.y)


def absolute_error(model: nn.Module, batches: Iterable[Graph]) -> dict[str, float]:
    """Mean absolute error over all graphs and targets."""
    errors = torch.cat([(model(**inputs(batch)).double() - batch.y).abs() for batch in batches])
    return {"mae": float(errors.mean())}


# --- nodes ------------------------------------------------------------------------------------------------------------


def weighted(model: nn.Module, batch: Graph) -> Tensor:
    """Cross-entropy over the nodes; a class weighs the share of the batch's nodes that are not of it, absent ones 0."""
    logits = model(**inputs(batch))
    counts = F.one_hot(batch.y, logits.shape[1]).sum(dim=0).to(logits.dtype)
    weights = torch.where(counts > 0, (len(batch.y) - counts) / len(batch.y), 0)
    return F.cross_entropy(logits, batch.y, weight=weights)


def macro_f1(model: nn.Module, batches: Iterable[Graph]) -> dict[str, float]:
    """F1, averaged over the classes that occur, and accuracy, over the nodes of all graphs together."""
    answers = [(model(**inputs(batch)).argmax(dim=1), batch.y) for batch in batches]
    guesses = torch.cat([one for one, _ in answers]).cpu().numpy()
    labels = torch.cat([one for _, one in answers]).cpu().numpy()
    return {
        "macro_f1": float(f1_score(labels, guesses, average="macro", zero_division=0)),
        "accuracy": float((guesses == labels).mean()),
    }


# --- pairs ------------------------------------------------------------------------------------------------------------


def pairs(model: nn.Module, batch: Graph) -> Tensor:
    """Mean logistic loss over the labelled pairs; a pair's logit is the scalar product of its nodes."""
    return _pairs(model(**inputs(batch)), batch)


def _pairs(z: Tensor, batch: Graph) -> Tensor:
    heads, tails = batch.pair_index
    return F.binary_cross_entropy_with_logits((z[heads] * z[tails]).sum(dim=1), batch.y.to(z.dtype))


def reciprocal_rank(model: nn.Module, batches: Iterable[Graph]) -> dict[str, float]:
    """The three mean reciprocal ranks of `ranks`, averaged over graphs, and the logistic loss averaged over pairs.

    A graph without a true pair has no rank, and does not count.
    """
    reciprocal: list[Tensor] = []
    loss, count = 0.0, 0
    for batch in batches:
        z = model(**inputs(batch))
        loss, count = loss + float(_pairs(z.double(), batch)) * len(batch.y), count + len(batch.y)
        true = batch.pair_index[:, batch.y == 1]
        for first, last in zip(batch.ptr[:-1].tolist(), batch.ptr[1:].tolist(), strict=True):
            mine = true[:, (true[0] >= first) & (true[0] < last)] - first
            if mine.shape[1]:
                reciprocal.append((1 / ranks(z[first:last], mine)).mean(dim=1))
    raw, filtered, extended = torch.stack(reciprocal).double().mean(dim=0).tolist()
    return {"mrr": raw, "mrr_filtered": filtered, "mrr_extended": extended, "loss": loss / count}


def ranks(z: Tensor, true: Tensor) -> Tensor:
    """The rank of every true pair's tail among the nodes of the graph, by scalar product with the head: [3, pairs].

    Raw: among all nodes. Filtered: among those that are not other true tails. Extended: nor the head itself. A tie is
    half a rank.

    Args:
        z: [n, d], of one graph.
        true: int64 [2, pairs], heads and tails.
    """
    heads, tails = true
    scores = z[heads] @ z.t()
    reached = scores.gather(1, tails.unsqueeze(1))
    beaten = (scores > reached).double() + 0.5 * (scores == reached).double()
    others = torch.zeros(len(z), len(z), dtype=torch.bool, device=z.device)
    others[heads, tails] = True
    rivals = torch.ones_like(beaten, dtype=torch.bool).scatter_(1, tails.unsqueeze(1), False)
    filtered = rivals & ~others[heads]
    extended = filtered.scatter(1, heads.unsqueeze(1), False)
    return torch.stack([1 + (beaten * kept).sum(dim=1) for kept in (rivals, filtered, extended)])
