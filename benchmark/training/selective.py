"""Selective prediction: how often a classifier errs where it is most confident (El-Yaniv & Wiener, 2010)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]

COVERAGES = (1.0, 0.99, 0.98, 0.97, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""The shares of the examples (coverages) for which a record reports the risk."""

REJECTED = 0.1
"""The share of the examples that are listed individually: the least confident ones."""

TOLD = 1000
"""The most examples, evenly spaced, of which a record reports whether they are among these."""


def selective(sureness: Floats, wrong: NDArray[np.bool_]) -> dict[str, Any]:
    """The risk of a classifier that predicts only where it is confident, for each share of predictions (coverage).

    Args:
        sureness: its confidence in each example, [n]; only the order counts.
        wrong: whether it errs there, [n].

    Returns:
        `examples`, `errors`; `aurc`, the mean over i = 1..n of the risk among the i most confident ones, and `e_aurc`,
        how far it lies above that of the perfect order of the same errors (Geifman et al., 2019); `risk_at`, by
        coverage; and `rejected`, see `rejected`.
    """
    risks, best = risk(sureness, wrong), risk(-wrong.astype(float), wrong)
    at = {f"{share:g}": float(risks[max(1, round(share * len(wrong))) - 1]) for share in COVERAGES}
    area = float(risks.mean())
    counts = {"examples": len(wrong), "errors": int(wrong.sum())}
    areas = {"aurc": area, "e_aurc": area - float(best.mean())}
    return {**counts, **areas, "risk_at": at, "rejected": rejected(sureness)}


def risk(sureness: Floats, wrong: NDArray[np.bool_]) -> Floats:
    """The share of errors among the i most confident examples, for i = 1..n. Tied ones count the error rate of the tie.

    That is the mean over all orders of a tie, so that neither the order of the examples nor rounding decides.
    """
    _, tie, sizes = np.unique(-sureness, return_inverse=True, return_counts=True)
    errors = np.bincount(tie, weights=wrong)
    before, first = np.cumsum(errors) - errors, np.cumsum(sizes) - sizes
    tie = np.sort(tie)
    count = np.arange(1, len(wrong) + 1)
    found: Floats = (before[tie] + errors[tie] * ((count - first[tie]) / sizes[tie])) / count
    return found


def rejected(sureness: Floats) -> list[int]:
    """Positions of the examples that are rejected first, of at most `TOLD` evenly spaced ones.

    Where a tie would have to be split, all of it stays.
    """
    order = np.sort(sureness)
    cut = order[min(len(order) - 1, round(REJECTED * len(order)))]
    told = np.arange(0, len(sureness), -(-len(sureness) // TOLD))
    return [int(at) for at in told if sureness[at] < cut]


Doubt = tuple[Tensor, Tensor]
"""For examples [b]: how confident the network is, float64, and whether it is wrong."""


def doubt(logits: Tensor, labels: Tensor) -> Doubt:
    """From logits [b, classes] and labels, int64 [b]; sureness is the largest log of a softmax probability."""
    sure = torch.log_softmax(logits.detach().double(), dim=1).amax(dim=1)
    return sure.cpu(), (logits.argmax(dim=1) != labels).cpu()


def doubts(found: Iterable[Doubt]) -> dict[str, Any]:
    """`selective` of all batches together."""
    sure, wrong = (torch.cat(part).numpy() for part in zip(*found, strict=True))
    return selective(sure, wrong)
