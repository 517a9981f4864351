"""Where masks of LeNet-300-100 put their first-layer weights: `python results/first_layer.py --data-root DIR`.

For each method and control at one sparsity, means over seeds: the share of kept first-layer weights that lie on pixels
which are lit in more than 1 % of the training images (chance: their share of the pixels), the hidden units with any,
effective over kept weights of the network, and test accuracy. Reads records, and those of their masks that are there.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from torchvision import datasets

from benchmark.cli.output import emit
from benchmark.results import saved_masks
from benchmark.results.record import Record
from benchmark.results.store import Store


def label(record: Record) -> str:
    """A method with the options that tell it from its other selves."""
    telling = ("control", "distribution", "when", "interval", "power")
    options = [f"{name}={record.cell.options[name]}" for name in telling if name in record.cell.options]
    return ":".join([record.cell.algorithm, ",".join(options)]).rstrip(":")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--sparsity", type=float, default=0.98)
    parser.add_argument("--format", choices=["table", "md", "json"], default="table")
    given = parser.parse_args()
    images = datasets.MNIST(given.data_root, train=True).data.numpy().reshape(60_000, -1)
    lit = (images > 0).mean(axis=0) > 0.01
    store, found = Store(given.results), defaultdict(list)
    for record in store:
        cell = record.cell
        asked = (cell.task, cell.network, cell.schedule, cell.sparsity) == (
            "mnist",
            "lenet-300-100",
            "short",
            given.sparsity,
        )
        diagnosed = record.density is not None and record.density.effective is not None
        if asked and diagnosed and record.score is not None and saved_masks.where(store, record):
            first = saved_masks.bits(store, record)["fc1.weight"]
            live = record.density.effective / record.density.weights
            on_lit = first[:, lit].sum() / max(1, first.sum())
            found[label(record)].append((on_lit, first.any(axis=1).sum(), live, record.score))
    means = {name: (len(rows), *np.mean(rows, axis=0)) for name, rows in found.items()}
    rows = [
        {
            "method": name,
            "n": n,
            "on lit pixels": f"{on_lit:.2f}",
            "hidden units": f"{units:.0f}",
            "effective / kept": f"{live:.2f}",
            "accuracy": f"{score:.4f}",
        }
        for name, (n, on_lit, units, live, score) in sorted(means.items(), key=lambda item: -item[1][-1])
    ]
    emit(
        given.format,
        {f"first layer at sparsity {given.sparsity:g}; {lit.mean():.2f} of the pixels are lit": rows},
        rows,
    )


if __name__ == "__main__":
    main()
