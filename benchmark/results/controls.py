"""Describes the controls: how each is compared with its method, and how the result is worded.

A control is a method with one thing changed, selected by the option `control` of a cell. `benchmark.harness.controls`
implements them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Control:
    """One control.

    Args:
        better, worse: verdict if the method does better, or worse, than its control.
        keeps_everything: whether its network is dense at every sparsity.
        trains_once: whether it trains once, from the start. A method that trains differently is then compared through
            its own control `retrain`, if that was run.
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
        Control(
            "relayer", "worse from a start with its layers exchanged", "better from a start with its layers exchanged"
        ),
    )
}
"""All controls by name, in the order of `bench run --help`."""
