"""Recorded steps: with a recorder that merely remembers what to do, everything around a CUDA graph runs on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from benchmark.tasks.nodes.planted_partition import planted_partition
from torch.optim.optimizer import _global_optimizer_post_hooks

from benchmark import Masks, Recipe, Run, Target, Task, TensorData, keep_top
from benchmark.contract import toy_graph
from benchmark.contract.toy import toy
from benchmark.harness.determinism import counted_updates
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.pruning.patterns import Layer
from benchmark.training.cuda_graphs import agree, never_waiting, recordable
from benchmark.training.engine import Engine
from benchmark.training.run_state import RunState

pytestmark = pytest.mark.runs

RECIPE = Recipe(steps=24, batch_size=32, rate=0.1, momentum=0.9, weight_decay=1e-3, milestones=(12,))
RECIPES = {
    "sgd": RECIPE,
    "nesterov": replace(RECIPE, nesterov=True, cosine=True),
    "adam": replace(RECIPE, optimizer="adam", rate=0.01),
    "clipped": replace(RECIPE, clip=0.1),
}
records = 0


def remembering(work: Callable[[], Any]) -> Callable[[], Any]:
    """In the place of a CUDA graph: a replay does the work, and leaves its results where the first ones lay."""
    global records
    records += 1
    kept: list[torch.Tensor] = []

    def replay() -> Any:
        result = work()
        if not isinstance(result, torch.Tensor):
            return result
        if not kept:
            kept.append(result.clone())
        return kept[0].copy_(result)

    return replay


def like_a_device(engine: Engine) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """As a GPU records: Python is executed once, and changes no number; replays are of numbers alone."""

    def record(work: Callable[[], Any]) -> Callable[[], Any]:
        before = [value.clone() for value in engine._tensors()]
        work()
        for value, old in zip(engine._tensors(), before, strict=True):
            value.copy_(old)
        replay = remembering(work)

        def unseen() -> Any:
            own = engine._optimizer._optimizer_step_post_hooks
            with patch.dict(_global_optimizer_post_hooks, clear=True), patch.dict(own, clear=True):
                return replay()

        return unseen

    return record


def forgetting_masks(work: Callable[[], Any]) -> Callable[[], Any]:
    """A broken recorder: it does every other thing."""
    calls = iter(range(10**9))
    return lambda: work() if next(calls) % 2 else torch.zeros(())


def run_of(recipe: Recipe, record: Any = None, model: str = "residual", density: float = 0.3, task: Task = toy) -> Run:
    run = Run(RunState(task, build(task, model, 0), recipe, Target(density), task.data(Path()).train, 0))
    run._state.engine.capture(list(run._state.model.buffers()), record)
    return run


def state(run: Run) -> dict[str, Any]:
    return {name: value.tolist() for name, value in run.snapshot().state.items()}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("model", ["net", "residual"])
def test_recorded_training_has_the_bits_of_plain_training(recipe: Recipe, model: str) -> None:
    """With dropout, batch norm and a schedule; pruned in the middle, rewound at the end."""
    runs = {}
    for name, record in (("plain", None), ("captured", remembering)):
        run = runs[name] = run_of(recipe, record, model)
        early = run.snapshot()
        run.train(10)
        run.prune(keep_top({n: w.abs() for n, w in run.weights.items()}, run.target))
        run.train()
        run.restore(early)
        run.train()
    assert runs["captured"]._state.engine.mode == "captured"
    assert runs["plain"]._state.engine.mode == "plain"
    assert state(runs["captured"]) == state(runs["plain"])


@pytest.mark.parametrize("name", ["gmp", "rigl", "granet", "set", "imp", "snip", "edge-popup", "gem-miner"])
def test_methods_find_the_same_masks_and_weights_either_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    method = registry.algorithm(name)
    options = {"interval": 4} if "interval" in method.options else {"fraction": 0.5} if name == "imp" else {}
    plain, recorded = run_of(RECIPE), run_of(RECIPE, remembering)
    for run in (plain, recorded):
        method(run, **options)
    assert recorded.masks == plain.masks
    assert state(recorded) == state(plain)


def test_gradients_that_are_kept_or_edited_are_the_algorithms_own() -> None:
    """A recorded step writes over its gradients; what a pause has shown stays what it was, and edits count."""
    shown = {}
    for name, record in (("plain", None), ("captured", remembering)):
        run, kept = run_of(RECIPE, record), []
        for step in run.steps():
            kept.append(step.grads)
            for grad in step.grads.values():
                grad.mul_(0.5)
        shown[name] = [{n: g.tolist() for n, g in grads.items()} for grads in kept], state(run)
    assert shown["captured"] == shown["plain"]


def test_one_recording_serves_until_the_pruned_tensors_or_the_optimizer_change() -> None:
    global records
    records = 0
    run = run_of(RECIPE, remembering)
    run.train(12)
    assert records == 2  # forward and backward, and update
    half = keep_top({n: w.abs() for n, w in run.weights.items()}, Target(0.5))
    run.prune(half)
    run.train(6)
    run.prune(keep_top({n: w.abs() for n, w in run.weights.items()}, Target(0.3)))
    run.train(6)
    assert records == 4
    assert all(int((w != 0).sum()) <= int(run.masks[n].sum()) for n, w in run.weights.items())


def smallest(run: Run, density: float) -> Masks:
    return keep_top({name: weight.abs() for name, weight in run.weights.items()}, Target(density, Layer()))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_one_recording_serves_all_rounds_that_prune_the_same_tensors(recipe: Recipe) -> None:
    global records
    records = 0
    plain, recorded = run_of(recipe), run_of(recipe, remembering)
    for run in (plain, recorded):
        early = run.snapshot()
        for density in (0.8, 0.6, 0.4):
            run.train()
            run.prune(smallest(run, density))
            run.restore(early)
        run.rewind(5)
        run.train()
    assert records == 4  # of the dense network, and of the pruned one
    assert state(recorded) == state(plain)


def test_trainings_after_a_rewind_are_known_to_be_the_same_whether_their_steps_are_recorded() -> None:
    plain, recorded = run_of(RECIPE), run_of(RECIPE, remembering)
    digests = []
    for run in (plain, recorded):
        early = run.snapshot()
        run.train(12)
        digests.append(run._state.engine.start_digest(12, run._state.tamper_check.mark))
        run.restore(early)
        digests.append(run._state.engine.start_digest(12, run._state.tamper_check.mark))
    before, after, *others = digests
    assert others == [before, after]
    assert before != after


@pytest.mark.parametrize("clock", [0, 10, 20])
def test_a_rewind_to_where_another_loss_is_trained_drops_the_recording(clock: int) -> None:
    task = replace(toy, early=lambda model, batch: 0.5 * toy.loss(model, batch))
    recipe = replace(RECIPE, early=12)
    plain, recorded = run_of(recipe, task=task), run_of(recipe, remembering, task=task)
    for run in (plain, recorded):
        run.train(20)
        run.rewind(clock)
        assert bool(run._state.engine.recording.captured) == (run is recorded and clock == 20)
        run.train()
    assert state(recorded) == state(plain)


def test_a_recording_that_leads_elsewhere_is_given_up_and_leaves_no_trace() -> None:
    plain, other = run_of(RECIPE), run_of(RECIPE, forgetting_masks)
    for run in (plain, other):
        run.train()
    assert other._state.engine.mode.startswith("plain: RuntimeError: a recorded step gives other results")
    assert state(other) == state(plain)


def test_what_cannot_be_recorded_trains_on_and_says_why() -> None:
    def refusing(work: Callable[[], Any]) -> Callable[[], Any]:
        raise RuntimeError("operation not permitted when stream is capturing")

    plain, other = run_of(RECIPE), run_of(RECIPE, refusing)
    for run in (plain, other):
        run.train()
    assert "not permitted when stream is capturing" in other._state.engine.mode
    assert state(other) == state(plain)


def test_a_recorded_step_reads_its_batch_by_the_index() -> None:
    run = run_of(RECIPE, remembering)
    run.train()
    (index,) = run._state.engine.recording.captured._inputs
    assert torch.equal(index, run._state.engine.batches.index(RECIPE.steps - 1))


class ReadsOnce(TensorData):
    """Its batch is the one that it was recorded over, in every replay."""

    kept: Any = None
    recording = False

    def batch(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        batch = super().batch(index)
        if type(self).recording:
            type(self).kept = type(self).kept or batch
            return type(self).kept
        return batch


def test_a_reading_that_is_frozen_in_the_recording_is_found_and_left_out_of_it() -> None:
    def freezing(work: Callable[[], Any]) -> Callable[[], Any]:
        replay = remembering(work)

        def frozen() -> Any:
            with patch.object(ReadsOnce, "recording", True):
                return replay()

        with patch.object(ReadsOnce, "recording", True), torch.enable_grad():
            recorded.batches.data.batch(recorded.batches.index(recorded.clock + 1))
        return frozen

    data = toy.data(Path()).train
    plain, other = run_of(RECIPE), run_of(RECIPE)
    recorded = other._state.engine
    recorded.change(data=ReadsOnce(data.inputs, data.targets, data.transform))
    recorded.capture(list(other._state.model.buffers()), freezing)
    for run in (plain, other):
        run.train()
    assert len(recorded.recording.captured._inputs) == 2
    assert recorded.recording.rehearsals == 4
    assert recorded.mode == "captured"
    assert state(other) == state(plain)


@pytest.mark.parametrize("task", [toy_graph.graph, planted_partition(nodes=80)], ids=["toy", "planted-partition"])
def test_steps_on_a_single_graph_are_recorded_anew_after_it_is_edited(task: Task) -> None:
    global records
    recipe = replace(RECIPE, batch_size=1, optimizer="adam", rate=0.01)
    runs = [run_of(recipe, record, next(iter(task.models)), task=task) for record in (None, remembering)]
    records = 0
    for run in runs:
        run.train(8)
        run.rewrite(without_some_edges)
        run.train(8)
        run.rewrite(without_some_edges)
        run.train(2)
    assert records == 4  # the last two steps only warm up
    assert runs[1]._state.engine.mode == "captured"
    assert state(runs[1]) == state(runs[0])


def without_some_edges(graph: Any) -> Any:
    keep = (graph.edge_index.sum(dim=0) + graph.edge_index.prod(dim=0)) % 5 > 0
    graph.edge_index = graph.edge_index[:, keep]
    return graph


@pytest.mark.parametrize("model", ["net", "residual"])
def test_an_augmentation_comes_before_a_recorded_step(model: str) -> None:
    def noisy(batch: Any, draw: torch.Generator) -> Any:
        return batch[0] + torch.randn(batch[0].shape, generator=draw), batch[1]

    plain, recorded = run_of(RECIPE, model=model), run_of(RECIPE, remembering, model)
    for run in (plain, recorded):
        run.train(8)
        run.augment(noisy)
        run.train()
    assert len(recorded._state.engine.recording.captured._inputs) == 2
    assert state(recorded) == state(plain)


def test_waiting_for_a_gpu_is_an_error_in_a_rehearsal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[object] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)

    @never_waiting()
    def wait() -> None:
        modes.append("waits")
        raise RuntimeError("called a synchronizing operation")

    with pytest.raises(RuntimeError, match="synchronizing"):
        wait()
    assert modes == ["error", "waits", 1]


def test_rehearsals_are_counted_apart_from_training() -> None:
    run = run_of(RECIPE, remembering)
    run.train()
    assert run._state.meter.updates == RECIPE.steps
    assert run._state.engine.recording.rehearsals == 2


def test_updates_are_counted_whether_torch_sees_them() -> None:
    """So that those of an optimizer that is not the engine's do not hide behind replays."""
    run = run_of(RECIPE)
    engine, own = run._state.engine, torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    engine.capture(list(run._state.model.buffers()), like_a_device(engine))
    with counted_updates() as updates:
        run.train(12)
        run.prune(smallest(run, 0.5))
        run.train()
        assert engine.recording.rehearsals == 4
        assert updates == [run._state.meter.updates + engine.recording.rehearsals]
        own.step()
    assert updates == [run._state.meter.updates + engine.recording.rehearsals + 1]


def test_an_update_before_a_recording_that_fails_is_counted() -> None:
    def refusing(work: Callable[[], Any]) -> Callable[[], Any]:
        raise RuntimeError("no")

    run = run_of(RECIPE, refusing)
    with counted_updates() as updates:
        run.train()
    assert run._state.engine.recording.rehearsals == 2  # with the reading of the batch, and without it
    assert updates == [run._state.meter.updates + 2]


@pytest.mark.parametrize(
    ("batch", "fine"),
    [((torch.zeros(2), torch.zeros(2)), True), ((torch.zeros(2), "text"), False), ({"x": torch.zeros(2)}, False)],
)
def test_batches_of_tensors_alone_are_recorded(batch: Any, fine: bool) -> None:
    assert recordable(batch) is fine


def test_states_agree_within_a_tolerance_of_their_largest_entry() -> None:
    one = torch.tensor([1.0, 0.0, 100.0])
    assert agree([one], [one + 1e-3])
    assert not agree([one], [one + 0.1])
    assert not agree([torch.tensor([1])], [torch.tensor([2])])
    assert agree([torch.zeros(0)], [torch.zeros(0)])
