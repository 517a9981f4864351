"""The contract battery: every built-in plug-in keeps every rule, and every rule finds the plug-in that breaks it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest import SkipTest

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmark import Run, Splits, Task, TensorData, algorithm, keep_top
from benchmark.contract import algorithm_rules, check, task_rules, trial
from benchmark.contract.algorithm_rules import ALGORITHM_RULES
from benchmark.contract.finding import Broken, Rule, rule_name
from benchmark.contract.pace import hurried
from benchmark.contract.task_rules import TASK_RULES
from benchmark.contract.toy import toy
from benchmark.contract.toy_graph import Aggregating, graph
from benchmark.data.folders import DataFolders
from benchmark.plugins import catalog, registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.results.record import Record
from tests.support.battery import shorter, whole
from tests.support.command import ROOT
from tests.support.outside import plant

pytestmark = pytest.mark.runs

ALGORITHMS = [name for name, plugin in catalog.plugins("algorithm").items() if plugin.distribution == "prunebench"]
TASKS = [name for name, plugin in catalog.plugins("task").items() if plugin.distribution == "prunebench"]
IN_ONE_PROCESS = [rule for rule in ALGORITHM_RULES if rule is not algorithm_rules.gives_the_same_bits_again]

# --- what is built in -------------------------------------------------------------------------------------------------

real_record = trial.record


def record(name: str, pattern: str = "", sparsity: float = 0.8, model: str = "") -> Record:
    """Of a whole training under its first pattern, and else of one that is over soon."""
    return real_record(name, pattern, sparsity, model, "full" if pattern in ("", "global") else "smoke")


_run, _record, _dense = cache(trial.run), cache(record), cache(trial.dense)
_whole_run, _whole_record, _whole_dense = cache(trial.run), cache(real_record), cache(trial.dense)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that look at the same run of a built-in look at one run, and it is a short one."""
    monkeypatch.setattr(trial, "_task", shorter)
    monkeypatch.setattr(trial, "run", _run)
    monkeypatch.setattr(trial, "record", _record)
    monkeypatch.setattr(trial, "dense", _dense)


@pytest.fixture
def shared_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, with steps enough on every network for all that a method does."""
    monkeypatch.setattr(trial, "_task", whole)
    monkeypatch.setattr(trial, "run", _whole_run)
    monkeypatch.setattr(trial, "record", _whole_record)
    monkeypatch.setattr(trial, "dense", _whole_dense)


LONGER = [
    algorithm_rules.keeps_exactly_what_is_asked,
    algorithm_rules.equals_dense_training_at_density_one,
    algorithm_rules.leaves_no_trace_when_it_looks,
]
"""Rules that look at every network. The slow tests try them on every built-in, with whole trainings."""

COSTLY = {"continuous-sparsification", "fisher", "instability", "ntk-sap", "soft-threshold", "synflow", "taylor"}
"""Algorithms whose runs take seconds each."""


def is_quick(name: str, rule: Rule) -> bool:
    """Whether a rule is tried on an algorithm by the other tests, too."""
    return rule is not algorithm_rules.leaves_no_trace_when_it_looks and not (name in COSTLY and rule in LONGER)


CASES = [
    pytest.param(name, rule, id=f"{name}-{rule_name(rule)}")
    for name in ALGORITHMS
    for rule in IN_ONE_PROCESS
    if is_quick(name, rule)
]


@pytest.mark.parametrize(("name", "rule"), CASES)
def test_built_in_algorithm(name: str, rule: Rule, shared: None) -> None:
    with hurried(rule in LONGER):  # few steps, and of most patterns one network
        rule(name)


@pytest.mark.slow
@pytest.mark.parametrize("rule", LONGER, ids=rule_name)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_built_in_algorithm_on_whole_trainings(name: str, rule: Rule, shared_whole: None) -> None:
    rule(name)


ANEW = """
import sys, torch
from benchmark.contract import trial
from tests.support.battery import shorter

torch.set_num_threads(1)
trial._task = shorter
for name in sys.argv[1:]:
    print(name, trial.run(name, 0.2).everything())
"""


@pytest.fixture(scope="module")
def fresh_process() -> dict[str, str]:
    """What a fresh interpreter, with a hash seed of its own, makes of every algorithm: by name, bit for bit.

    `gives_the_same_bits_again` starts two of them for each algorithm, and they do little but start.
    """
    command = [sys.executable, "-c", ANEW, *ALGORITHMS[::-1]]
    where = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=where, stdout=-1, text=True, check=True)
    return dict(line.split(maxsplit=1) for line in done.stdout.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("name", ALGORITHMS)
def test_built_in_algorithm_gives_the_same_bits_again(fresh_process: dict[str, str], name: str, shared: None) -> None:
    assert _run(name, 0.2).everything() == fresh_process[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dense", "snip"])
def test_built_in_algorithm_keeps_the_rule_on_bits_itself(name: str) -> None:
    algorithm_rules.gives_the_same_bits_again(name)


LONG = (
    task_rules.networks_train,
    task_rules.trains_and_measures,
    task_rules.splits_do_not_overlap,
    task_rules.models_can_be_pruned,
    task_rules.uses_edge_weights_or_refuses_them,
)
SLOW_TO_MAKE = {"tree-neighbors-match"}
TASK_CASES = [
    pytest.param(
        name,
        rule,
        id=f"{name}-{rule_name(rule)}",
        marks=[pytest.mark.slow] * (rule in LONG and bool(registry.task(name).source.files or name in SLOW_TO_MAKE)),
    )
    for name in TASKS
    for rule in TASK_RULES
]


@pytest.mark.parametrize(("name", "rule"), TASK_CASES)
def test_built_in_task(name: str, rule: Rule, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    task = registry.task(name)
    if task.source.files and rule is not task_rules.has_every_budget:
        root = request.getfixturevalue("real_data")
        if not DataFolders(root).holding(task.source):
            pytest.skip(f"{name} is not in {root}: looked for {task.source.files[0]}")
        monkeypatch.setenv("PRUNEBENCH_DATA", str(root))
    with hurried(rule is task_rules.networks_train):  # the first; cifar10 has fifteen
        rule(name)


# --- algorithms that break a rule -------------------------------------------------------------------------------------


def magnitudes(run: Run) -> dict[str, Tensor]:
    return {name: weight.abs() for name, weight in run.weights.items()}


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """`broken(rule, algorithm or task)`: what the rule says of a plug-in that nobody installed."""

    def told(rule: Rule, plugin: Algorithm | Task) -> str:
        kind = "task" if isinstance(plugin, Task) else "algorithm"
        real = getattr(registry, kind)
        monkeypatch.setattr(registry, kind, lambda name: plugin if name == "suspect" else real(name))
        with pytest.raises(Broken) as found:
            rule("suspect")
        return str(found.value)

    return told


def test_a_missing_docstring_is_told(broken: Callable[..., str]) -> None:
    @algorithm()
    def suspect(run: Run) -> None:
        run.train()

    assert broken(algorithm_rules.is_documented, suspect) == "the function has no docstring"


def test_an_option_without_a_meaning_is_told(broken: Callable[..., str]) -> None:
    @algorithm()
    def suspect(run: Run, *, known: int = 1, obscure: int = 2) -> None:
        """Suspect: does little (Nobody, 2026).

        Options:
            known: is told
        """

    assert broken(algorithm_rules.is_documented, suspect) == "the docstring does not say what 'obscure' means"


@pytest.mark.slow
def test_one_weight_too_few_is_told_with_the_pattern(broken: Callable[..., str]) -> None:
    @algorithm()
    def suspect(run: Run) -> None:
        run.prune(keep_top(magnitudes(run), replace(run.target, density=run.target.density - 1 / 384)))
        run.train()

    assert broken(algorithm_rules.keeps_exactly_what_is_asked, suspect).startswith(
        "'net' at global ends as failed: audit: 76 of 384"
    )


def test_more_than_dense_training_at_density_one_is_told(broken: Callable[..., str]) -> None:
    @algorithm()
    def suspect(run: Run) -> None:
        start = run.snapshot()
        run.train()
        run.prune(keep_top(magnitudes(run), run.target))
        run.restore(start)
        run.train(run.recipe.steps - 1)

    told = broken(algorithm_rules.equals_dense_training_at_density_one, suspect)
    assert told == "at density 1 'net' has not the weights of dense training"


def test_a_method_that_trains_more_than_once_need_not_equal_dense_training() -> None:
    assert not registry.algorithm("imp").trains_once
    with pytest.raises(SkipTest, match="trains_once=False"):
        algorithm_rules.equals_dense_training_at_density_one("imp")


DRAWS: dict[str, Callable[[], object]] = {
    "torch": lambda: torch.rand(1),
    "python": random.random,
    "numpy": np.random.rand,
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_draw_from_a_global_generator_is_told(broken: Callable[..., str], draw: Callable[[], object]) -> None:
    @algorithm(trains_once=False)
    def suspect(run: Run) -> None:
        run.train(1)
        draw()
        run.prune(keep_top(magnitudes(run), run.target))
        run.train()

    told = broken(algorithm_rules.leaves_no_trace_when_it_looks, suspect)
    assert told == "a global generator was drawn from, before prune(); draw from run.rng"


def test_a_draw_in_a_pause_of_training_is_told(broken: Callable[..., str]) -> None:
    @algorithm()
    def suspect(run: Run) -> None:
        run.prune(keep_top(magnitudes(run), run.target))
        for step in run.steps():
            if step.index == 3:
                random.random()

    assert "a global generator was drawn from" in broken(algorithm_rules.leaves_no_trace_when_it_looks, suspect)


def test_a_draw_after_the_last_verb_is_told(broken: Callable[..., str]) -> None:
    @algorithm()
    def suspect(run: Run) -> None:
        run.train()
        torch.rand(1)

    assert "after the last verb" in broken(algorithm_rules.leaves_no_trace_when_it_looks, suspect)


def test_a_draw_before_the_first_verb_is_told(broken: Callable[..., str]) -> None:
    @algorithm()
    def suspect(run: Run) -> None:
        run.prune(keep_top({name: torch.rand_like(weight) for name, weight in run.weights.items()}, run.target))
        run.train()

    assert "a global generator was drawn from" in broken(algorithm_rules.leaves_no_trace_when_it_looks, suspect)


def test_a_look_that_leaves_a_gradient_is_told(broken: Callable[..., str]) -> None:
    @algorithm()
    def suspect(run: Run) -> None:
        live = next(run._state.model.parameters())
        real = run._state.objective.at
        run._state.objective.at = lambda *words: setattr(live, "grad", torch.ones_like(live)) or real(*words)  # type: ignore
        run.gradients()
        run.train()

    assert "left a trace" in broken(algorithm_rules.leaves_no_trace_when_it_looks, suspect)


def test_a_way_to_the_test_split_is_told(broken: Callable[..., str]) -> None:
    @algorithm()
    def suspect(run: Run) -> None:
        frame: Any = sys._getframe()
        while "splits" not in frame.f_locals:
            frame = frame.f_back
        run.for_later = [frame.f_locals["splits"]]  # type: ignore[attr-defined]
        run.prune(keep_top(magnitudes(run), run.target))
        run.train()

    assert "the test split can be reached from the run" in broken(algorithm_rules.cannot_reach_the_test_split, suspect)


def test_a_method_that_hardly_trains_is_told(broken: Callable[..., str]) -> None:
    @algorithm()
    def suspect(run: Run) -> None:
        run.prune(keep_top(magnitudes(run), run.target))
        run.train(3)

    assert broken(algorithm_rules.counts_its_cost, suspect) == "only 3 training steps are counted"


BY_HASH = """
    import torch
    from benchmark import Run, algorithm, keep_top

    @algorithm()
    def by_hash(run: Run) -> None:
        draw = torch.Generator().manual_seed(hash("by-hash") % 2**31)
        run.prune(keep_top({n: torch.rand(w.shape, generator=draw) for n, w in run.weights.items()}, run.target))
        run.train()
"""

RAISES = """
    from benchmark import Run, algorithm

    @algorithm()
    def raises(run: Run) -> None:
        raise OSError("only in a fresh process")
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Plants an algorithm where fresh processes find it."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return partial(plant, tmp_path, "algorithm")


@pytest.mark.slow
def test_results_that_depend_on_the_hash_seed_are_told(installed: Callable[[str, str], str]) -> None:
    installed("by-hash", BY_HASH)
    with pytest.raises(Broken, match="two fresh processes give different results for the same cell"):
        algorithm_rules.gives_the_same_bits_again("by-hash")


@pytest.mark.slow
def test_a_failure_in_a_fresh_process_is_told(installed: Callable[[str, str], str]) -> None:
    installed("raises", RAISES)
    with pytest.raises(Broken, match=r"it fails in a fresh process: .*only in a fresh process"):
        algorithm_rules.gives_the_same_bits_again("raises")


# --- tasks that break a rule ------------------------------------------------------------------------------------------


def data_of(edit: Callable[[Splits], Splits]) -> Task:
    """The toy task with its splits changed."""
    return replace(toy, data=lambda folder: edit(toy.data(folder)))


def test_a_missing_budget_is_told(broken: Callable[..., str]) -> None:
    task = replace(toy, recipes={"smoke": toy.recipe("smoke")})
    assert broken(task_rules.has_every_budget, task) == "its budgets are smoke"


def test_budgets_out_of_order_are_told(broken: Callable[..., str]) -> None:
    task = replace(toy, recipes=dict(zip(toy.recipes, reversed(toy.recipes.values()), strict=True)))
    assert broken(task_rules.has_every_budget, task).startswith("its budgets are not in order of length: [")


def test_recipes_of_a_model_that_is_not_there_are_told(broken: Callable[..., str]) -> None:
    task = replace(toy, model_recipes={"nett": toy.recipes})
    assert broken(task_rules.has_every_budget, task) == "it has recipes of models that it has not: nett"


def test_a_validation_split_that_is_the_training_split_is_told(broken: Callable[..., str]) -> None:
    task = data_of(lambda s: Splits(s.train, s.train, s.test))
    assert broken(task_rules.splits_do_not_overlap, task) == "two splits hold the same examples"


def test_an_empty_split_is_told(broken: Callable[..., str]) -> None:
    task = data_of(lambda s: Splits(s.train, TensorData(torch.empty(0, 6), torch.empty(0)), s.test))
    with pytest.raises(ValueError, match="the validation split is empty"):
        broken(task_rules.splits_do_not_overlap, task)


def test_splits_that_are_drawn_anew_are_told(broken: Callable[..., str]) -> None:
    def draws(splits: Splits) -> Splits:
        assert isinstance(splits.train, TensorData)
        order = torch.randperm(200)
        return Splits(
            TensorData(splits.train.inputs[order], splits.train.targets[order]), splits.validation, splits.test
        )

    assert broken(task_rules.splits_do_not_overlap, data_of(draws)) == "train differs between two loads"


def slices(*ends: tuple[int, int]) -> Task:
    """The toy task with splits cut out of one tensor."""
    points, labels = torch.randn(300, 6, generator=torch.Generator().manual_seed(1)), torch.arange(300) % 2
    return replace(toy, data=lambda folder: Splits(*(TensorData(points[a:b], labels[a:b]) for a, b in ends)))


def test_splits_that_share_examples_are_told(broken: Callable[..., str]) -> None:
    broken(task_rules.splits_do_not_overlap, slices((0, 200), (180, 240), (240, 300)))


def test_splits_that_share_memory_are_told(broken: Callable[..., str]) -> None:
    broken(task_rules.splits_do_not_overlap, slices((0, 200), (200, 240), (240, 300)))


def tiny(weight: Tensor) -> nn.Module:
    """One linear layer that starts from given weights."""
    layer = nn.Linear(6, 2)
    with torch.no_grad():
        layer.weight.copy_(weight)
        nn.init.zeros_(layer.bias)
    return layer


def test_a_model_that_draws_from_nowhere_is_told(broken: Callable[..., str]) -> None:
    same, clock = torch.ones(2, 6), iter(range(1, 100))
    stuck = replace(toy, models={"net": lambda: tiny(same)})
    assert broken(task_rules.models_can_be_pruned, stuck) == "net is the same for every seed"
    wild = replace(toy, models={"net": lambda: tiny(same * next(clock))})
    assert broken(task_rules.models_can_be_pruned, wild) == "net differs for the same seed"


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], "net has no prunable tensor, or names a wrong one"),
        (["0.weight", "nowhere.weight"], "net has no prunable tensor, or names a wrong one"),
        (["0.weight", "0.bias"], "net: '0.bias' is not a weight matrix"),
    ],
)
def test_a_wrong_prunable_policy_is_told(broken: Callable[..., str], names: list[str], says: str) -> None:
    assert broken(task_rules.models_can_be_pruned, replace(toy, prunable=lambda model: names)) == says


def test_a_weight_without_a_gradient_is_told(broken: Callable[..., str]) -> None:
    class Idle(nn.Sequential):
        def forward(self, points: Tensor) -> Tensor:
            return self[0](points)  # type: ignore[no-any-return]

    task = replace(toy, models={"net": lambda: Idle(nn.Linear(6, 2), nn.Linear(6, 2))})
    assert broken(task_rules.models_can_be_pruned, task) == "net: '1.weight' gets no gradient"


def test_a_metric_that_was_not_declared_is_told(broken: Callable[..., str]) -> None:
    def evaluate(model: nn.Module, batches: Iterable[Any]) -> dict[str, float]:
        list(batches)
        return {"accuracy": 0.5, "surprise": 1.0}

    assert (
        broken(task_rules.trains_and_measures, replace(toy, evaluate=evaluate)) == "net: it measures accuracy, surprise"
    )


def test_a_network_that_diverges_is_told(broken: Callable[..., str]) -> None:
    wild = replace(toy, recipes={budget: replace(recipe, rate=1e14) for budget, recipe in toy.recipes.items()})
    task = replace(wild, models={"net": lambda: tiny(torch.randn(2, 6))}, loss=lambda *of: toy.loss(*of) ** 4)
    assert broken(task_rules.networks_train, task).startswith("net: the training loss was not finite")


def test_every_network_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    same = torch.ones(2, 6)
    task = replace(toy, models={name: lambda: tiny(same) for name in ("one", "two")})
    monkeypatch.setattr(registry, "task", lambda name: task)
    with pytest.raises(Broken, match="one is the same for every seed") as told:
        task_rules.models_can_be_pruned("suspect")
    assert told.value.__notes__ == ["also two is the same for every seed", task_rules.DRAW]


def test_a_network_that_raises_is_named_with_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> nn.Module:
        raise ZeroDivisionError("of the plug-in")

    task = replace(toy, models=dict(toy.models) | {"other": broken})
    monkeypatch.setattr(registry, "task", lambda name: task)
    monkeypatch.setitem(check.RULES, "task", [task_rules.models_can_be_pruned])
    [found] = check.check("suspect", "task")
    assert found.problem == "other: ZeroDivisionError: of the plug-in"
    assert found.notes == (f"raised at {__file__}:{broken.__code__.co_firstlineno + 1}",)


def test_the_line_of_the_plugin_that_raises_is_told_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @algorithm()
    def suspect(run: Run) -> None:
        raise OSError("of the plug-in")

    real = registry.algorithm
    monkeypatch.setattr(registry, "algorithm", lambda name: suspect if name == "suspect" else real(name))
    monkeypatch.setitem(
        check.RULES,
        "algorithm",
        [algorithm_rules.keeps_exactly_what_is_asked, algorithm_rules.cannot_reach_the_test_split],
    )
    told, untried = check.check("suspect", "algorithm", fast=True)
    line = suspect.function.__code__.co_firstlineno + 2
    assert told.problem == "'net' at global ends as failed: OSError: of the plug-in"
    assert told.notes[-1] == f"raised at {__file__}:{line}"
    assert algorithm_rules.KEEP not in told.notes, "it is told how to select, and has not come to that"
    assert untried.idle == "its run does not come to its end, as above: OSError: of the plug-in"
    assert capsys.readouterr().err == ""


# --- the battery as a whole -------------------------------------------------------------------------------------------


def test_check_goes_on_after_a_broken_rule_and_tells_of_any_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(name: str) -> None:
        raise Broken("so it is")

    def falls(name: str) -> None:
        raise ZeroDivisionError("by accident")

    def holds(name: str) -> None:
        assert zlib.crc32(name.encode())

    monkeypatch.setitem(check.RULES, "algorithm", [breaks, falls, holds])
    found = {finding.rule: finding.problem for finding in check.check("dense", "algorithm")}
    assert found == {"breaks": "so it is", "falls": "ZeroDivisionError: by accident", "holds": ""}


class Doubling(Aggregating):
    """A network for which an edge with a weight is two."""

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        return super().forward(x, edge_index, None if edge_weight is None else 2 * edge_weight)


def test_edges_of_weight_1_that_count_otherwise_than_edges_without_weights_are_told(broken: Callable[..., str]) -> None:
    task = replace(graph, models={"graph": Doubling})
    says = "graph: edges of weight 1 are not as edges without weights"
    assert broken(task_rules.uses_edge_weights_or_refuses_them, task) == says


def test_networks_that_use_no_weights_of_edges_keep_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(Aggregating):
        def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
            return super().forward(x, edge_index)

    monkeypatch.setattr(registry, "task", lambda name: replace(graph, models={"graph": Deaf}))
    task_rules.uses_edge_weights_or_refuses_them("deaf")
    monkeypatch.setattr(registry, "task", lambda name: toy)
    with pytest.raises(SkipTest, match="not graphs"):
        task_rules.uses_edge_weights_or_refuses_them("toy")
