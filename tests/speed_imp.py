"""A whole IMP beside OpenLTH's: `OMP_NUM_THREADS=1 python -m tests.speed_imp --data-root DIR --peer openlth=DIR`.

Twenty rounds on MNIST with LeNet-300-100, an epoch each: 21 trainings of 469 steps, with the accuracy of every level.
Ours is one `bench run` of 21 cells as a user types it, by sparse steps and by dense ones, in turn with OpenLTH's own
command; each is a process of its own, and its processor time is counted with all that it imports, reads and writes.

OpenLTH is a checkout of github.com/facebookresearch/open_lth (2ce732f). With recent versions it needs two changes:
`np.prod` in place of `np.product`, and no `Model` among the bases of `DataParallel` and `DistributedDataParallel`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import fmean, median
from typing import Any

from scipy import stats

from benchmark.cli.output import emit
from benchmark.results.store import Store
from tests.support.arguments import at_least, carry_out
from tests.support.spent import spent

LEVELS = 20
STEPS = 469
WEIGHTS = 266_200
"""Weights of LeNet-300-100."""


def sparsities(rounds: int) -> list[float]:
    """What the rounds of both reach: each removes a fifth of the weights that are left, and any fraction as one more.

    A sweep over these shares all of its rounds. Over powers of 0.8 it does not: from the third round on they ask for
    other numbers of weights, and each cell trains a last round of its own.
    """
    left = list(accumulate(range(rounds), lambda left, _: left - -(-left // 5), initial=WEIGHTS))
    return [round(1 - number / WEIGHTS, 6) for number in left[1:]]


@dataclass(frozen=True)
class Ran:
    """One run: seconds of the processor and of the clock, and the accuracy of each level, dense first."""

    cpu: float
    wall: float
    accuracies: list[float]

    @property
    def mean(self) -> float:
        """The mean accuracy over levels."""
        return fmean(self.accuracies)


def timed(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Run a command. Returns the processor time of its processes, and the time by the clock."""
    with (folder / "log").open("w") as log:
        return spent(command, cwd=folder, env=os.environ | environment, check=True, stdout=log, stderr=log)


def ours(seed: int, engine: str, data: Path) -> Ran:
    """A sweep of the dense network and of IMP to all levels, which share their rounds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sweep.yaml").write_text(
            f"task: mnist\nmodel: lenet-300-100\nsteps: {STEPS}\nseeds: [{seed}]\nparts:\n  - algo: dense\n"
            f"  - algo: imp\n    sparsity: {sparsities(LEVELS)}\n"
        )
        words = ["run", "sweep.yaml", "--engine", engine, "--jobs", "1", "--device", "cpu", "--results", "results"]
        bench = str(Path(sys.executable).with_name("bench"))
        used = timed([bench, *words, "--data-root", str(data)], folder, {})
        records = sorted(Store(folder / "results").records(), key=lambda record: record.cell.sparsity)
        return Ran(*used, [record.metrics["accuracy"] for record in records])


def openlth(checkout: Path, data: Path) -> Ran:
    """Its command for the same rounds. It keeps data and results in the home folder, so that it gets one of its own."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "open_lth_datasets").mkdir()
        (home / "open_lth_datasets" / "mnist").symlink_to(data)
        words = ["lottery", "--default_hparams=mnist_lenet_300_100", f"--levels={LEVELS}", "--training_steps=1ep"]
        used = timed([sys.executable, str(checkout / "open_lth.py"), *words], home, {"HOME": name})
        logs = {int(file.parent.parent.name.removeprefix("level_")): file for file in home.rglob("main/logger")}
        return Ran(*used, [_last_accuracy(logs[level]) for level in sorted(logs)])


def _last_accuracy(log: Path) -> float:
    lines = [line.split(",") for line in log.read_text().splitlines() if line.startswith("test_accuracy")]
    return float(lines[-1][2])


def table(ran: dict[str, list[Ran]]) -> list[dict[str, Any]]:
    """A row for each way, with ratios to OpenLTH's median."""
    peers = ran.get("OpenLTH", [])
    rows = []
    for name, runs in ran.items():
        cpu = [run.cpu for run in runs]
        rows.append(
            {
                "": name,
                "runs": len(runs),
                "CPU s": f"{median(cpu):.1f} ({min(cpu):.1f} to {max(cpu):.1f})",
                "wall s": f"{median(run.wall for run in runs):.1f}",
                "OpenLTH / it": f"{median(peer.cpu for peer in peers) / median(cpu):.1f}" if peers else "",
                "mean accuracy over levels": " ".join(f"{run.mean:.4f}" for run in runs),
            }
        )
    return rows


def difference(left: list[float], right: list[float]) -> str:
    """The mean difference of pairs, with its 95 % interval by Student's t."""
    apart = [one - other for one, other in zip(left, right, strict=True)]
    low, high = stats.ttest_1samp(apart, 0).confidence_interval(0.95)
    return f"{fmean(apart):+.4f} [{low:+.4f}, {high:+.4f}], n = {len(apart)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--peer", metavar="openlth=DIR")
    parser.add_argument("--seeds", type=at_least(1), default=5, help="of ours")
    parser.add_argument("--peer-runs", type=at_least(1), default=3, help="of OpenLTH")
    options = parser.parse_args()
    ways: dict[str, tuple[int, Callable[[int], Ran]]] = {
        "sparse steps": (options.seeds, lambda seed: ours(seed, "auto", options.data_root)),
        "dense steps": (options.seeds, lambda seed: ours(seed, "dense", options.data_root)),
    }
    if options.peer:
        checkout = Path(options.peer.partition("=")[2]).resolve()
        ways["OpenLTH"] = options.peer_runs, lambda seed: openlth(checkout, options.data_root)
    ran: dict[str, list[Ran]] = {name: [] for name in ways}
    for seed in range(max(count for count, _ in ways.values())):
        for name, (count, run) in ways.items():
            if seed < count:
                ran[name].append(run(seed))
    emit("md", {f"IMP, {LEVELS} rounds of {STEPS} steps": table(ran)})
    sparse, dense = ran["sparse steps"], ran["dense steps"]
    print(f"accuracy, sparse minus dense, of the means over levels by seed: {_by_seed(sparse, dense)}")
    every = [[accuracy for run in runs for accuracy in run.accuracies] for runs in (sparse, dense)]
    print(f"accuracy, sparse minus dense, of all levels of all seeds: {difference(*every)}")
    by_level = [fmean(s[i] - d[i] for s, d in _levels(sparse, dense)) for i in range(LEVELS + 1)]
    worst, gone = max(range(LEVELS + 1), key=lambda i: abs(by_level[i])), [0.0, *sparsities(LEVELS)]
    print(f"largest difference of a level, mean over seeds: {by_level[worst]:+.4f}, where {gone[worst]:.3f} is pruned")


def _by_seed(sparse: list[Ran], dense: list[Ran]) -> str:
    return difference([run.mean for run in sparse], [run.mean for run in dense])


def _levels(sparse: list[Ran], dense: list[Ran]) -> list[tuple[list[float], list[float]]]:
    return [(one.accuracies, other.accuracies) for one, other in zip(sparse, dense, strict=True)]


if __name__ == "__main__":
    carry_out(main)
