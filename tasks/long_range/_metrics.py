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
    """Return the mean logistic loss over graphs and labels."""
    return F.binary_cross_entropy_with_logits(model(**inputs(batch)), batch.y)


def precision(model: nn.Module, batches: Iterable[Graph]) -> dict[str, float]:
    """Return the average precision of `mean_precision`, and the logistic loss."""
    answers = [(model(**inputs(batch)), batch.y) for batch in batches]
    logits, labels = torch.cat([outputs for outputs, _ in answers]), torch.cat([y for _, y in answers])
    loss = F.binary_cross_entropy_with_logits(logits.double(), labels.double())
    return {"ap": mean_precision(labels.cpu().numpy(), logits.cpu().numpy()), "loss": float(loss)}


def mean_precision(labels: NDArray[np.float32], scores: NDArray[np.float32]) -> float:
    """Return the average precision, averaged over labels. Both arguments are [n, labels].

    As in the Open Graph Benchmark, NaN entries are ignored, and so are labels without a positive or a negative example.
    """
    parts = []
    for truth, score in zip(labels.T, scores.T, strict=True):
        known = ~np.isnan(truth)
        if 0 < truth[known].sum() < known.sum():
            parts.append(average_precision_score(truth[known], score[known]))
    return float(np.mean(parts))


def absolute(model: nn.Module, batch: Graph) -> Tensor:
    """Return the mean absolute error over graphs and targets, which are standardised."""
    return F.l1_loss(model(**inputs(batch)), batch.y)


def absolute_error(model: nn.Module, batches: Iterable[Graph]) -> dict[str, float]:
    """Return the mean absolute error over all graphs and targets."""
    errors = torch.cat([(model(**inputs(batch)).double() - batch.y).abs() for batch in batches])
    return {"mae": float(errors.mean())}


# --- nodes ------------------------------------------------------------------------------------------------------------


def weighted(model: nn.Module, batch: Graph) -> Tensor:
    """Return the cross-entropy over nodes. A class has the share of the batch's other nodes as weight; 0 if absent."""
    logits = model(**inputs(batch))
    counts = F.one_hot(batch.y, logits.shape[1]).sum(dim=0).to(logits.dtype)
    weights = torch.where(counts > 0, (len(batch.y) - counts) / len(batch.y), 0)
    return F.cross_entropy(logits, batch.y, weight=weights)


def macro_f1(model: nn.Module, batches: Iterable[Graph]) -> dict[str, float]:
    """Return F1 averaged over the classes present, and accuracy, over the nodes of all graphs together."""
    answers = [(model(**inputs(batch)).argmax(dim=1), batch.y) for batch in batches]
    predictions = torch.cat([classes for classes, _ in answers]).cpu().numpy()
    labels = torch.cat([y for _, y in answers]).cpu().numpy()
    return {
        "macro_f1": float(f1_score(labels, predictions, average="macro", zero_division=0)),
        "accuracy": float((predictions == labels).mean()),
    }


# --- pairs ------------------------------------------------------------------------------------------------------------


def pairs(model: nn.Module, batch: Graph) -> Tensor:
    """Return the mean logistic loss over labelled pairs. A pair's logit is the scalar product of its nodes' outputs."""
    return _pairs(model(**inputs(batch)), batch)


def _pairs(z: Tensor, batch: Graph) -> Tensor:
    heads, tails = batch.pair_index
    return F.binary_cross_entropy_with_logits((z[heads] * z[tails]).sum(dim=1), batch.y.to(z.dtype))


def reciprocal_rank(model: nn.Module, batches: Iterable[Graph]) -> dict[str, float]:
    """Return the three mean reciprocal ranks of `ranks`, averaged over graphs, and the mean logistic loss over pairs.

    Graphs without a true pair are ignored in the ranks.
    """
    reciprocal: list[Tensor] = []
    loss, count = 0.0, 0
    for batch in batches:
        z = model(**inputs(batch))
        loss, count = loss + float(_pairs(z.double(), batch)) * len(batch.y), count + len(batch.y)
        true = batch.pair_index[:, batch.y == 1]
        for first, last in zip(batch.ptr[:-1].tolist(), batch.ptr[1:].tolist(), strict=True):
            local = true[:, (true[0] >= first) & (true[0] < last)] - first
            if local.shape[1]:
                reciprocal.append((1 / ranks(z[first:last], local)).mean(dim=1))
    raw, filtered, extended = torch.stack(reciprocal).double().mean(dim=0).tolist()
    return {"mrr": raw, "mrr_filtered": filtered, "mrr_extended": extended, "loss": loss / count}


def ranks(z: Tensor, true: Tensor) -> Tensor:
    """Return the rank of every true pair's tail among the nodes, by scalar product with the head, [3, pairs].

    The three ranks are raw (among all nodes), filtered (without other true tails of the head) and extended (also
    without the head itself). A tie counts as half a rank.

    Args:
        z: outputs for the nodes of one graph, [n, d].
        true: heads and tails of the true pairs, int64 [2, pairs].
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
