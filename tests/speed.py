"""How fast a training step is: `OMP_NUM_THREADS=1 python -m tests.speed --data-root DIR`.

Side by side, in turns, in one process and on one thread: our engine, dense and masked to 10 %, and this in bfloat16
(the option `precision` of every task); the bare dense loop that any harness sits on (tensors in memory, no masks, no
harness); and a loop as harnesses are usually written (a DataLoader over transformed images, `torch.nn.utils.prune` for
masks); and five networks in one batched step, where they can be, a fifth of it. The table gives medians over the rounds
of milliseconds per step, and medians of ratios: how many times the usual loop's step takes as long as ours, and the
bare loop's and the fifth of the batched one over ours, dense.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F
from torch.nn.utils import prune as torch_prune
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmark import Run, Target, keep_top
from benchmark.cli.output import emit, usable
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.training.run_state import RunState
from tests.support.arguments import at_least, carry_out

DENSITY = 0.1
CASES = {"mnist/lenet-300-100": 100, "mnist/lenet-5": 25, "cifar10/resnet-20": 2}
"""Steps in a round."""

REPLICATES = 5


def ours(
    task_name: str, model: str, folder: Path, device: torch.device, density: float, **options: str
) -> Callable[[int], None]:
    """Training by a run, as `bench run` does it."""
    task = registry.task(task_name, options)
    network, data = build(task, model, 0).to(device), task.data(folder).train.to(device)
    run = Run(RunState(task, network, task.recipe("full", model), Target(density), data, 0))
    run.prune(keep_top({name: weight.abs() for name, weight in run.weights.items()}, run.target))
    return run.train


def bare(task_name: str, model: str, folder: Path, device: torch.device) -> Callable[[int], None]:
    """Batches of resident tensors, forward, backward, update: the least that training a dense network takes."""
    task = registry.task(task_name)
    network, data = build(task, model, 0).to(device), task.data(folder).train.to(device)
    recipe = task.recipe("full", model)
    optimizer = torch.optim.SGD(network.parameters(), lr=recipe.rate, momentum=recipe.momentum, fused=True)
    draw = torch.Generator().manual_seed(0)

    def train(steps: int) -> None:
        for _ in range(steps):
            batch = data.batch(torch.randint(len(data), (recipe.batch_size,), generator=draw))
            optimizer.zero_grad()
            task.loss(network, recipe.augment(batch, draw) if recipe.augment else batch).backward()
            optimizer.step()

    return train


def together(task_name: str, model: str, folder: Path, device: torch.device) -> Callable[[int], None]:
    """REPLICATES networks of as many seeds in one batched step (`torch.func.vmap`), each on a batch of its own."""
    task = registry.task(task_name)
    data, recipe = task.data(folder).train.to(device), task.recipe("full", model)
    networks = [build(task, model, seed).to(device) for seed in range(REPLICATES)]
    weights, buffers = stack_module_state(networks)  # type: ignore[arg-type]
    optimizer = torch.optim.SGD(weights.values(), lr=recipe.rate, momentum=recipe.momentum, fused=True)
    draw = torch.Generator().manual_seed(0)

    def loss(weights: Any, buffers: Any, images: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(networks[0], (weights, buffers), (images,)), labels)

    def train(steps: int) -> None:
        for _ in range(steps):
            orders = torch.randint(len(data), (REPLICATES, recipe.batch_size), generator=draw)
            images, labels = data.batch(orders.flatten())
            shape = (REPLICATES, recipe.batch_size)
            batches = images.reshape(*shape, *images.shape[1:]), labels.reshape(shape)
            for weight in weights.values():
                weight.grad = None
            vmap(loss)(weights, buffers, *batches).sum().backward()
            optimizer.step()

    return train


def usual(task_name: str, model: str, folder: Path, device: torch.device) -> Callable[[int], None]:
    """A DataLoader without workers, images transformed one by one, masks in the forward, the loss read each step."""
    task = registry.task(task_name)
    network, recipe = (
        build(task, model, 0).to(device, memory_format=torch.contiguous_format),
        task.recipe("full", model),
    )
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            torch_prune.l1_unstructured(module, "weight", amount=1 - DENSITY)
    optimizer = torch.optim.SGD(network.parameters(), lr=recipe.rate, momentum=recipe.momentum)
    batches = _loader(task_name, folder, recipe.batch_size)

    def train(steps: int) -> None:
        for _ in range(steps):
            images, labels = next(batches)
            optimizer.zero_grad()
            loss = F.cross_entropy(network(images.to(device)), labels.to(device))
            loss.backward()
            optimizer.step()
            loss.item()

    return train


def _loader(task: str, folder: Path, size: int) -> Iterator[Any]:
    if task == "mnist":
        steps = [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
        images: Any = datasets.MNIST(folder, train=True, transform=transforms.Compose(steps))
    else:
        steps = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, 4), transforms.ToTensor()]
        steps.append(transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)))
        images = datasets.CIFAR10(folder, train=True, transform=transforms.Compose(steps))
    while True:
        yield from DataLoader(images, size, shuffle=True, drop_last=True)


def rate_of_arithmetic(device: torch.device) -> float:
    """Operations per second of a large matrix product here and now: what no step can pass in float32."""
    a, b = (torch.rand(1024, 1024, device=device) for _ in range(2))
    return 2 * 1024**3 / min(_seconds(lambda: a @ b, device) for _ in range(20))


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    now = time.perf_counter if device.type == "cuda" else time.process_time  # others may be using the processor
    start = now()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return now() - start


def measured(case: str, folder: Path, device: torch.device, rounds: int) -> dict[str, Any]:
    """One row of the table."""
    task, _, model = case.partition("/")
    loops = {
        "ours": ours(task, model, folder, device, DENSITY),
        "ours, dense": ours(task, model, folder, device, 1.0),
        "ours, bfloat16": ours(task, model, folder, device, DENSITY, precision="bfloat16"),
        "bare": bare(task, model, folder, device),
        "usual": usual(task, model, folder, device),
    }
    if not any(True for _ in build(registry.task(task), model, 0).buffers()):  # vmap cannot write running statistics
        loops["together"] = together(task, model, folder, device)
    for train in loops.values():
        train(5)
    steps = CASES[case] * (1 if device.type == "cpu" else 25)  # a GPU is as many times as fast
    times = {name: list[float]() for name in loops}
    for _ in range(rounds):
        for name, train in loops.items():
            nets = REPLICATES if name == "together" else 1
            turns = max(1, steps // nets)
            times[name].append(_seconds(lambda train=train, turns=turns: train(turns), device) / turns / nets)  # type: ignore[misc]
    own = registry.task(task)
    recipe, profile = own.recipe("full", model), _flops(task, model, folder)
    masks = _ratio(times["ours"], times["ours, dense"])
    return {
        "case": case,
        **{f"{name}, ms": round(1000 * median(values), 2) for name, values in times.items()},
        "images per second": round(recipe.batch_size / median(times["ours"])),
        "usual / ours": _ratio(times["usual"], times["ours"]),
        "usual / ours, bfloat16": _ratio(times["usual"], times["ours, bfloat16"]),
        "bare / ours, dense": _ratio(times["bare"], times["ours, dense"]),
        "masks cost": f"{100 * (masks - 1):+.1f} %",
        "5 at once / ours, dense": _ratio(times["together"], times["ours, dense"]) if "together" in times else None,
        "of the arithmetic": f"{100 * profile / rate_of_arithmetic(device) / median(times['ours']):.0f} %",
    }


def _ratio(left: Sequence[float], right: Sequence[float]) -> float:
    """The median ratio of two loops' times in the same round."""
    return round(median(a / b for a, b in zip(left, right, strict=True)), 3)


def _flops(task: str, model: str, folder: Path) -> float:
    """Operations of one dense step, as the meter counts them."""
    own = registry.task(task)
    run = Run(RunState(own, build(own, model, 0), own.recipe("full", model), Target(1.0), own.data(folder).train, 0))
    run.train(1)
    return run._state.meter.training_flops


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", type=Path, default=Path(os.environ.get("PRUNEBENCH_DATA", "data")))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=at_least(1), default=7)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--format", choices=["table", "md", "json"], default="table")
    given = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(usable(given.device))
    rows = [measured(case, given.data_root, device, given.rounds) for case in given.case or CASES]
    title = f"a step of training on {device}, torch {torch.__version__}, 1 thread, medians of {given.rounds} rounds"
    emit(given.format, {title: rows}, rows)


if __name__ == "__main__":
    carry_out(main)
