"""What is known of every control: how it is held against its subject, and what the comparison says.

A control is a method with one thing changed about it, asked for by the option `control` of a cell
(`benchmark.harness.controls` has the functions).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Control:
    """One control.

    Args:
        better: what is said where the method does better than its control; `worse`, where it does worse.
        keeps_everything: its network is dense, whatever sparsity is asked for.
        trains_once: it trains once from the start, so that a method that trains otherwise is compared by way of
            its own control `retrain`, where that was run.
    """

    name: str
    better: str
    worse: str
    keeps_everything: bool = False
    trains_once: bool = False


CONTROLS = {
    control.name: control
    for control in (
        Control("retrain", "worse from the start under its own masks", "better from the start under its own masks"),
        Control("shuffle", "worse without its positions", "better without its positions", trains_once=True),
        Control(
            "erk-random",
            "better than random masks at ERK densities",
            "worse than random masks at ERK densities",
            trains_once=True,
        ),
        Control("reinit", "worse from other initial weights", "better from other initial weights", trains_once=True),
        Control("invert", "worse with its ranking turned over", "better with its ranking turned over"),
        Control("random-labels", "worse when it scores random labels", "better when it scores random labels"),
        Control(
            "dense-small",
            "better than a small dense network",
            "worse than a small dense network",
            keeps_everything=True,
        ),
        Control(
            "dense-long",
            "better than dense training as long",
            "worse than dense training as long",
            keeps_everything=True,
        ),
    )
}
"""By name, in the order in which `bench run --help` names them."""
