"""On a device that is pretended every method has the masks and metrics that it has on the CPU; see its module.

No kernel of a GPU runs in these tests: those with `-m gpu` need one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmark.contract import trial
from benchmark.data.folders import DataFolders
from benchmark.harness.answer import answer
from benchmark.harness.network import build
from benchmark.plugins import catalog, registry
from benchmark.pruning.target import Target
from benchmark.training.run_state import RunState
from tests.support.pretended import PRETENDED, pretended

ALGORITHMS = [name for name, plugin in catalog.plugins("algorithm").items() if plugin.distribution == catalog.BUILT_IN]
QUICK = {"granet", "spectral", "packnet"}
TASKS = ["digits", "mnist", "cifar10", "sst2", "mlm", "text-lm", "split-mnist", "teacher", "cora", "crossed-ring"]
"""At least one of each family: others of a family differ in data."""
PATTERNS = ["layer", "channels", "2:4", "blocks:2x2", "fan-in"]


def require_the_same(name: str, pattern: str = "", model: str = "") -> None:
    question = trial.question(name, pattern, 0.5, model, budget="smoke")
    with pretended():
        there = answer(replace(question, device=PRETENDED))
    here = answer(question)
    assert (there.status, here.status) == ("ok", "ok"), there.error
    assert (there.mask_digest, there.metrics) == (here.mask_digest, here.metrics)


@pytest.mark.runs
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in ALGORITHMS]
)
def test_a_method_ends_as_on_the_cpu(name: str) -> None:
    require_the_same(name)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_so_does_one_that_keeps_a_pattern(pattern: str) -> None:
    require_the_same("magnitude", pattern, model="residual")


@pytest.mark.runs
@pytest.mark.parametrize(
    ("name", "in_each_step"), [("dense", 0), ("granet", 0), ("imp", 0), ("acdc", 0), ("sr-ste", 3), ("top-kast", 6)]
)
def test_a_longer_training_is_waited_for_no_more_often_unless_each_step_ranks_weights(
    name: str, in_each_step: int
) -> None:
    counts = []
    for steps in (20, 40):
        with pretended() as waits:
            answer(replace(trial.question(name, "", 0.5, "net", f"{steps}-steps"), device=PRETENDED))
        counts.append(len(waits))
    assert counts[1] - counts[0] == 20 * in_each_step


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_task_trains_there_and_no_step_is_waited_for(name: str, real_data: Path) -> None:
    task = registry.task(name)
    if task.source.files and not DataFolders(real_data).holding(task.source):
        pytest.skip(f"{name} is not in {real_data}: looked for {task.source.files[0]}")
    data = task.data(DataFolders(real_data).locate(name, task.source)).train
    model, *_ = task.models
    network, recipe = build(task, model, 0), task.recipe("3-steps", model, len(data))
    with pretended() as waits:
        state = RunState(task, network.to(PRETENDED), recipe, Target(1.0), data.to(PRETENDED), 0)
        state.engine.backward()
        before = len(waits)
        loss = state.engine.backward()
        state.engine.update()
        assert waits[before:] == []
    assert loss.device == PRETENDED


@pytest.mark.parametrize(
    "mixed",
    [
        lambda there, here: there + here,
        lambda there, here: torch.cat([there, here]),
        lambda there, here: here[there.long()],
        lambda there, here: here.index_select(0, there.long()),
        lambda there, here: there.numpy(),
    ],
)
def test_tensors_of_two_devices_do_not_meet(mixed: Callable[[Tensor, Tensor], Tensor]) -> None:
    here = torch.zeros(3)
    with pretended(), pytest.raises((RuntimeError, TypeError)):
        mixed(here.to(PRETENDED), here)


@pytest.mark.parametrize(
    ("read", "is_waited_for"),
    [
        (lambda there: there + 1, False),
        (lambda there: there * torch.tensor(2.0), False),
        (lambda there: there[torch.tensor([0, 2])], False),
        (lambda there: float(there.sum()), True),
        (lambda there: there.cpu(), True),
        (lambda there: there.nonzero(), True),
        (lambda there: there.tolist(), True),
        (lambda there: there[there > 0], True),
        (lambda there: there.long().bincount(), True),
        (lambda there: there.unique(), True),
    ],
)
def test_what_is_read_back_is_waited_for(read: Callable[[Tensor], object], is_waited_for: bool) -> None:
    with pretended() as waits:
        read(torch.arange(3.0, device=PRETENDED))
    assert bool(waits) == is_waited_for


def test_gradients_and_updates_are_those_of_the_cpu() -> None:
    values = []
    for context, device in ((pretended(), PRETENDED), (nullcontext(), torch.device("cpu"))):
        with context:
            weight = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0], device=device))
            optimizer = torch.optim.SGD([weight], lr=0.1, fused=True)
            (weight**2).sum().backward()
            optimizer.step()
            values.append(weight.tolist())
    assert values[0] == values[1] == pytest.approx([0.8, -1.6, 2.4])
