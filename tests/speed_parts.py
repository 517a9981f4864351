"""How fast the parts around a training step are: `OMP_NUM_THREADS=1 python -m tests.speed_parts --data-root DIR`.

Each part stands beside what does the same work, in turns, in one process and on one thread: exact global selection
beside torch's `kthvalue` and numpy's sort; SNIP's and GraSP's scores beside one forward and backward of the same batch;
an augmented batch of CIFAR-10 beside torchvision's transforms, image by image; a network without half of its channels
beside the whole one; the digest of a training's start beside one of all its tensors; a worker forked from the warm
server beside a process that imports torch. The table gives medians over the rounds of processor time, of wall time for
workers, and medians of ratios.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from benchmark.tasks.images._models import mlp
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmark import Run, Target, keep_top, noise
from benchmark.cli.output import emit
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.pruning.ranking import top
from benchmark.training.channel_tracing import cut, trace
from benchmark.training.engine import Engine
from benchmark.training.run_state import RunState
from benchmark.training.state import digest_of
from tests.support.arguments import at_least, carry_out

SIZES = {"100 thousand": 10**5, "1 million": 10**6, "10 million": 10**7, "100 million": 10**8}
"""From a small network to one of four times ResNet-50's weights."""

DENSITY = 0.1
Work = Callable[[], object]


def selection(folder: Path) -> Iterator[tuple[str, Work, str, Work]]:
    """The best of many scores."""
    for name, size in SIZES.items():
        scores, kept = torch.rand(size, generator=torch.Generator().manual_seed(0)), round(DENSITY * size)

        def select(scores: Tensor = scores, kept: int = kept) -> Tensor:
            return top(scores, kept, None)

        def by_kthvalue(scores: Tensor = scores, kept: int = kept) -> Tensor:
            return scores > scores.kthvalue(len(scores) - kept)[0]

        def by_sort(scores: Tensor = scores, kept: int = kept) -> Any:
            return scores.numpy() > np.sort(scores.numpy())[-kept]

        yield f"keep 10 % of {name}", select, "torch.kthvalue, compare", by_kthvalue
        yield f"keep 10 % of {name}", select, "numpy.sort, compare", by_sort


def scoring(folder: Path) -> Iterator[tuple[str, Work, str, Work]]:
    """Scores of one batch, with everything that looking without a trace takes."""
    for task_name, model in (("mnist", "lenet-300-100"), ("cifar10", "resnet-20")):
        run, batch = _run(task_name, model, folder), None
        batch = run.batches(1)[0]

        def passes(run: Run = run, batch: Any = batch) -> None:
            run._state.objective(batch).backward()  # type: ignore[no-untyped-call]

        def snip(run: Run = run, batch: Any = batch) -> None:
            leaves = {name: weight.requires_grad_() for name, weight in run.weights.items()}
            torch.autograd.grad(run.loss(batch, leaves), list(leaves.values()))

        def grasp(run: Run = run, batch: Any = batch) -> None:
            leaves = {name: weight.requires_grad_() for name, weight in run.weights.items()}
            gradients = torch.autograd.grad(run.loss(batch, leaves), list(leaves.values()), create_graph=True)
            flow = torch.stack([(gradient * gradient.detach()).sum() for gradient in gradients]).sum()
            torch.autograd.grad(flow, list(leaves.values()))

        yield f"SNIP's score, {model}", snip, "forward and backward", passes
        yield f"GraSP's score, {model}", grasp, "forward and backward", passes


def batches(folder: Path) -> Iterator[tuple[str, Work, str, Work]]:
    """128 images of CIFAR-10, cropped, flipped and normalised."""
    run = _run("cifar10", "resnet-20", folder)
    draw, augment = torch.Generator().manual_seed(0), run.recipe.augment
    assert augment

    def ours() -> object:
        return augment(run.data.batch(torch.randint(len(run.data), (128,), generator=draw)), draw)

    steps = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, 4), transforms.ToTensor()]
    steps.append(transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)))
    images = datasets.CIFAR10(folder, train=True, transform=transforms.Compose(steps))
    loader = iter(DataLoader(images, 128, shuffle=True))
    yield "a batch of CIFAR-10", ours, "DataLoader over transforms", lambda: next(loader)


def channels(folder: Path) -> Iterator[tuple[str, Work, str, Work]]:
    """A forward pass of 128 digits through two hidden layers, and through those with half of their units, at random."""
    task, network = registry.task("digits"), mlp(64, 1024, 1024, 10)
    batch = task.data(folder).train.batch(torch.arange(128))
    weights = {name: weight for name, weight in network.named_parameters() if name in task.prunable(network)}
    scores = noise(weights, torch.Generator().manual_seed(0))
    smaller = cut(network, task, batch, keep_top(scores, Target(0.5, trace(network, task, batch))))
    yield "half of 1,024 channels, twice", lambda: smaller(batch[0]), "all of them", lambda: network(batch[0])


FORK = """
import time
from statistics import median
import torch
from benchmark.sweep import fork_server
context, times = fork_server.start([]), []
for _ in range(20):
    start = time.perf_counter()
    process = context.Process(target=torch.ones, args=(8, 8))
    process.start()
    process.join()
    times.append(time.perf_counter() - start)
print(median(times))
"""
"""In a process of its own: workers import the main module, and this one is heavier than the command."""


def workers(folder: Path) -> Iterator[tuple[str, Work, str, Work]]:
    """From nothing to the first tensor, and to the end."""

    def forked() -> float:
        done = subprocess.run([sys.executable, "-c", FORK], check=True, capture_output=True, text=True)
        return float(done.stdout)

    def fresh() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import torch; torch.ones(8, 8)"], check=True)
        return time.perf_counter() - start

    yield "a worker for a cell", forked, "a process that imports torch", fresh


def digests(folder: Path) -> Iterator[tuple[str, Work, str, Work]]:
    """What a training is known by to cells that may share it: the verb has a digest of the network already."""
    for task_name, model in (("mnist", "lenet-300-100"), ("cifar10", "resnet-20")):
        run = _run(task_name, model, folder)
        run.prune(keep_top({name: weight.abs() for name, weight in run.weights.items()}, Target(DENSITY)))
        engine, known = run._state.engine, run._state.tamper_check.mark

        def whole(engine: Engine = engine) -> str:
            return digest_of("", [*engine._tensors(), *engine.fixed._floats])

        yield (
            f"digest of a start, {model}",
            lambda engine=engine, known=known: engine.start_digest(1, known),
            "SHA-256 of all its tensors",
            whole,
        )


def _run(task_name: str, model: str, folder: Path) -> Run:
    task = registry.task(task_name)
    return Run(
        RunState(task, build(task, model, 0), task.recipe("full", model), Target(1.0), task.data(folder).train, 0)
    )


PARTS = {
    "selection": selection,
    "scoring": scoring,
    "batches": batches,
    "channels": channels,
    "digests": digests,
    "workers": workers,
}


def measured(part: str, work: Work, beside: str, other: Work, rounds: int) -> dict[str, Any]:
    """One row of the table."""
    work(), other()
    times = [(_seconds(work), _seconds(other)) for _ in range(rounds)]
    own, others = zip(*times, strict=True)
    return {
        "part": part,
        "ours, ms": round(1000 * median(own), 2),
        "beside": beside,
        "its, ms": round(1000 * median(others), 2),
        "its / ours": round(median(b / a for a, b in times), 2),
    }


def _seconds(work: Work) -> float:
    """Of processor time that it takes; or what it says."""
    start = time.process_time()
    told = work()
    return told if isinstance(told, float) else time.process_time() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", type=Path, default=Path(os.environ.get("PRUNEBENCH_DATA", "data")))
    parser.add_argument("--rounds", type=at_least(1), default=7)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--format", choices=["table", "md", "json"], default="table")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measured(*one, given.rounds) for part in given.part or PARTS for one in PARTS[part](given.data_root)]
    title = f"parts on a CPU, torch {torch.__version__}, 1 thread, medians of {given.rounds} rounds"
    emit(given.format, {title: rows}, rows)


if __name__ == "__main__":
    carry_out(main)
