"""How fast spectral edits are, against a straightforward version: `OMP_NUM_THREADS=1 python -m tests.speed_graphs`.

The straightforward version solves for the lowest modes from scratch at every edit (scipy's eigsh), scores all edges or
all pairs in one vectorised pass, and tests every deletion by counting components. Both run in turns in one process;
the table gives medians of CPU seconds, their ratio, and whether both made the same edits.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from benchmark.algorithms.edges._greedy import Rule, spectral_edits
from benchmark.algorithms.edges._pairs import ranked
from benchmark.algorithms.edges._proxies import rise, scored_by, term_size
from scipy.sparse import coo_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigsh

from benchmark.graphs.edges import Edit, Graph
from benchmark.graphs.modes import Modes
from tests.support.arguments import at_least, carry_out
from tests.support.graphs import cora, heterophilous


@dataclass(frozen=True)
class Case:
    """So many edits of a graph, one at a time; `limit` is the time we want to stay under, in seconds, one thread."""

    name: str
    graph: Callable[[Path], Graph]
    count: int
    limit: float
    sign: int = -1
    dense: bool = False


CASES = [
    Case("cora, 100 deletions", cora, 100, 0.5),
    Case("cora, 50 additions", cora, 50, 1.0, sign=1),
    Case("minesweeper, 100 deletions", lambda data: heterophilous(data, "minesweeper"), 100, 3.0),
    Case("chameleon, 100 deletions", lambda data: heterophilous(data, "chameleon_filtered"), 100, 1.0),
    Case("tolokers, 20 deletions", lambda data: heterophilous(data, "tolokers"), 20, 60.0, dense=True),
]


def straightforward(case: Case, graph: Graph) -> list[Edit]:
    """The same greedy loop, written the plain way."""
    adjacency, log = graph.adjacency.copy(), list[Edit]()
    pairs = graph.ends if case.sign < 0 else np.argwhere(np.triu(adjacency.toarray() == 0, 1))
    open_ = np.ones(len(pairs), bool)
    for _ in range(case.count):
        degrees = np.asarray(adjacency.sum(axis=1)).ravel() + 1.0
        modes = cold_modes(adjacency, degrees, case.dense)
        x = scored_by(modes, degrees, "generalised")
        scores = np.where(open_, case.sign * rise(modes.gap, x, pairs[:, 0], pairs[:, 1]), -np.inf)
        for slot in ranked(scores, term_size(modes.gap, x)):
            i, j = pairs[slot].tolist()
            one = coo_array(([case.sign] * 2, ([i, j], [j, i])), adjacency.shape).tocsr()
            edited = adjacency + one
            edited.eliminate_zeros()
            open_[slot] = False
            if connected_components(edited, directed=False, return_labels=False) == 1:
                break
        adjacency = edited
        log.append((i, j, case.sign))
    return log


def cold_modes(adjacency: coo_array, degrees: np.ndarray, dense: bool) -> Modes:
    """The four lowest modes, from nothing: by shift-invert, or, where a factor fills in, by plain Lanczos."""
    root = np.sqrt(degrees)
    scaled = diags_array(1 / root) @ (adjacency + diags_array(np.ones(len(root)))) @ diags_array(1 / root)
    if dense:
        values, vectors = eigsh(scaled.tocsr(), 5, which="LA", v0=np.ones(len(root)))
        values = 1 - values
    else:
        laplacian = (diags_array(np.ones(len(root))) - scaled).tocsc()
        values, vectors = eigsh(laplacian, 5, sigma=-1e-6, which="LM", v0=np.ones(len(root)))
    order = np.argsort(values)[1:]
    return Modes(values[order], vectors[:, order] / root[:, None])


def timed(function: Callable[[], list[Edit]]) -> tuple[float, list[Edit]]:
    start = time.process_time()
    log = function()
    return time.process_time() - start, log


def main() -> None:
    parser = argparse.ArgumentParser(description="Spectral edits against a straightforward version.")
    parser.add_argument("--data-root", type=Path, default=Path(os.environ.get("PRUNEBENCH_DATA", "data")))
    parser.add_argument("--rounds", type=at_least(1), default=3, help="times that each is run")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    given = parser.parse_args()
    print(f"{'':28}{'ours':>9}{'limit':>8}{'plain':>9}{'ratio':>8}  edits")
    for case in (case for case in CASES if given.only in case.name):
        graph = case.graph(given.data_root)
        rule = Rule(mode="add" if case.sign > 0 else "delete", verify=0)
        ours, plain = [], []
        for _ in range(given.rounds):
            ours.append(timed(lambda: spectral_edits(graph, case.count, rule)))  # noqa: B023  # called at once
            plain.append(timed(lambda: straightforward(case, graph)))  # noqa: B023
        mine, other = (median(seconds for seconds, _ in runs) for runs in (ours, plain))
        first, second = ours[0][1], plain[0][1]
        same = "the same" if first == second else f"{len(set(first) & set(second))} of {case.count} in common"
        print(f"{case.name:28}{mine:8.3f}s{case.limit:7.1f}s{other:8.2f}s{other / mine:7.1f}x  {same}", flush=True)


if __name__ == "__main__":
    carry_out(main)
