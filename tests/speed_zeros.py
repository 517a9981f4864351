"""What zeros are worth where a network is used: `python -m tests.speed_zeros --data-root DIR --figure FILE.svg`.

Networks as they are drawn, pruned by magnitude, are timed beside their dense parents on one thread, as `bench measure`
does it: latency does not depend on what the weights are.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmark import Target, keep_top
from benchmark.cli.output import emit
from benchmark.deployment.deployed import Deployed, as_used
from benchmark.deployment.measure import applicable, measure
from benchmark.harness.network import build
from benchmark.leaderboard.tables.formats import FORMATS
from benchmark.leaderboard.tables.measured import measured_rows
from benchmark.plugins import registry
from benchmark.results.measured import Measurement
from benchmark.training.channel_tracing import trace
from tests.support.arguments import at_least, carry_out

BATCHES = (1, 128)

COLOURS = {"torch": "#4c72b0", "onnxruntime": "#dd8452", "csr": "#55a868"}
MARKERS = {1: "o", 128: "s"}


@dataclass(frozen=True)
class Case:
    """A network and how it is pruned."""

    task: str
    model: str
    pattern: str
    sparsity: float

    def __str__(self) -> str:
        what = "channels" if self.pattern == "channels" else "weights"
        return f"{self.model}, {self.sparsity:.0%} of its {what}"

    def deployed(self, folder: Path) -> Deployed:
        """The network, pruned."""
        task = registry.task(self.task)
        model, train = build(task, self.model, 0), task.data(folder).train
        target = Target(1 - self.sparsity)
        if self.pattern == "channels":
            target = Target(target.density, trace(model, task, train.batch(torch.zeros(2, dtype=torch.int64))))
        weights = dict(model.named_parameters())
        masks = keep_top({name: weights[name].detach().abs() for name in task.prunable(model)}, target)
        with torch.no_grad():
            for name, mask in masks.items():
                weights[name].mul_(mask)
        return as_used(model, masks, build(task, self.model, 0), task, train, channels=self.pattern == "channels")


CASES = [
    *(Case("mnist", "lenet-300-100", "global", sparsity) for sparsity in (0.9, 0.95, 0.98)),
    *(Case("mnist", "lenet-5", "channels", sparsity) for sparsity in (0.5, 0.75)),
    *(Case("cifar10", "resnet-20", "channels", sparsity) for sparsity in (0.5, 0.75)),
    *(Case("cifar10", "resnet-20", "global", sparsity) for sparsity in (0.9, 0.98)),
]


def draw(found: dict[str, list[Measurement]], axes: Axes) -> None:
    """Draw a row of dots for each case: how many times as fast as its dense parent, with intervals."""
    for place, several in enumerate(found.values()):
        axes.axhline(place, color="0.92", zorder=0)
        for number, one in enumerate(several):
            height = place + 0.12 * (number - (len(several) - 1) / 2)
            colour = COLOURS[one.runtime]
            axes.plot([one.faster.low, one.faster.high], [height, height], color=colour)
            axes.plot(one.faster.median, height, MARKERS[one.batch], color=colour, markersize=5)
    axes.axvline(1, color="0.3", linewidth=1)
    axes.set_yticks(range(len(found)), labels=list(found))
    axes.invert_yaxis()
    axes.set_xscale("log")
    ticks = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
    axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("times as fast as the dense network (left of 1: slower)")
    for runtime, colour in COLOURS.items():
        axes.plot([], [], color=colour, label=runtime)
    for batch, marker in MARKERS.items():
        axes.plot([], [], marker, color="0.4", label=f"batch of {batch}")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.spines[["top", "right", "left"]].set_visible(False)


def tables(found: dict[str, list[Measurement]]) -> dict[str, list[dict[str, str]]]:
    """Times as fast as dense, and what the dense network takes, by runtime and batch."""
    faster, dense = list[dict[str, str]](), list[dict[str, str]]()
    for name, several in found.items():
        by_way = {(one.runtime, one.batch): one for one in several}
        size = min(several, key=lambda one: one.size)
        row = {"network": name, "size": f"{size.parent_size / size.size:.1f} times smaller"}
        for way in ((runtime, batch) for batch in BATCHES for runtime in COLOURS):
            one = by_way.get(way)
            row[f"{way[0]}, {way[1]}"] = (
                f"{one.faster.median:.2f} [{one.faster.low:.2f}, {one.faster.high:.2f}]" if one else ""
            )
        faster.append(row)
        took = {f"{one.runtime}, {one.batch}": f"{1e3 * one.parent_seconds.median:.3g}" for one in several}
        dense.append({"network": name.partition(",")[0]} | {way: ms for way, ms in took.items() if "csr" not in way})
    return {"times as fast as the dense network": faster, "milliseconds of the dense network": dense}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--rounds", type=at_least(6), default=21)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--format", choices=FORMATS, default="md")
    options = parser.parse_args()
    found: dict[str, list[Measurement]] = {}
    for case in CASES:
        network = case.deployed(options.data_root)
        reasons = applicable(network)
        runtimes = [name for name in COLOURS if not reasons[name]]  # those of a processor
        found[str(case)] = measure(network, runtimes, BATCHES, threads=1, rounds=options.rounds)
    every = [{"network": name} | dict(row) for name, several in found.items() for row in measured_rows(several)]
    emit(options.format, tables(found), every)
    if options.figure:
        plt.rcParams.update({"svg.hashsalt": "zeros", "svg.fonttype": "none", "font.family": "sans-serif"})
        figure, axes = plt.subplots(figsize=(8, 0.55 * len(found) + 1), layout="constrained")
        draw(found, axes)
        figure.savefig(options.figure, metadata={"Date": None})


if __name__ == "__main__":
    carry_out(main)
