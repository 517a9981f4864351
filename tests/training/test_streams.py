"""A stream comes part after part; what is frozen stays, and earlier parts keep their answers bit for bit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmark import Inapplicable, Masks, Recipe, Run, Target, TensorData, by_class, keep_top
from benchmark.contract.toy_stream import PARTS, toy_stream
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.pruning.patterns import Layer
from benchmark.training.run import state_of
from benchmark.training.run_state import RunState
from benchmark.training.state import fingerprint, tensors
from benchmark.training.stream import Stream, answered, bias_of, last_layer
from benchmark.training.task import Task
from tests.support.runs import PLAIN, RECIPES, SGD, same, toy_run

pytestmark = pytest.mark.runs

HEAD = ("4.weight", "4.bias")
LONG = replace(SGD, steps=36, milestones=())


def stream_run(recipe: Recipe = LONG, task: Task = toy_stream, model: str = "stream", sparse: float = 0.0) -> Run:
    splits, net = task.data(Path()), build(task, model, 0)
    state = RunState(
        task,
        net,
        recipe,
        Target(1.0),
        splits.train,
        0,
        validation=splits.validation,
        draw=lambda name: net,
        sparse=sparse,
    )
    return Run(state)


def half(run: Run) -> Masks:
    return keep_top({name: weight.abs() for name, weight in run.weights.items()}, Target(0.5, Layer()))


def now(run: Run) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in tensors(state_of(run).model).items()}


def outputs(run: Run, state: dict[str, Tensor], part: int) -> Tensor:
    """What the network answers with these tensors to the validation examples of a part: its own outputs alone."""
    course = state_of(run).course
    assert course is not None
    inputs, _ = course.validation[part].batch(torch.arange(20))
    with torch.no_grad():
        whole = torch.func.functional_call(state_of(run).model, answered(state, course.masks_of(part)), (inputs,))
    return whole[:, course.stream.rows(part)]


# --- parts ------------------------------------------------------------------------------------------------------------


def test_each_part_has_its_own_data_and_its_share_of_the_recipe() -> None:
    run, seen = stream_run(), []
    for part in run.parts():
        labels = run.data.classes
        assert labels is not None
        seen.append((part.number, part.count, part.rows, sorted(set(labels.tolist())), run.recipe.steps, run.clock))
        run.train()
    assert seen == [(i, PARTS, slice(2 * i, 2 * i + 2), [2 * i, 2 * i + 1], 12, 0) for i in range(PARTS)]
    assert state_of(run).meter.updates == 36


def test_scoring_and_evaluation_are_on_the_part_alone() -> None:
    run = stream_run()
    for part in run.parts():
        [(_, labels)] = run.batches(1)
        assert set((labels // 2).tolist()) == {part.number}
        assert run.evaluate("validation") == part.evaluate()


def test_a_stream_comes_once_and_first() -> None:
    run = stream_run()
    run.train(1)
    with pytest.raises(RuntimeError, match="comes once"):
        next(run.parts())
    run = stream_run()
    for _ in run.parts():
        with pytest.raises(RuntimeError, match="comes once"):
            next(run.parts())


def test_a_stream_that_is_left_early_is_no_result() -> None:
    run = stream_run()
    for _ in run.parts():
        break
    with pytest.raises(ValueError, match="has left its stream in part 1 of 3"):
        state_of(run).finish()


def test_other_tasks_have_no_parts() -> None:
    run = toy_run()
    with pytest.raises(Inapplicable, match="not a stream"):
        next(run.parts())
    with pytest.raises(Inapplicable, match="not a stream"):
        run.freeze(Masks.ones(run.weights))


def test_masks_that_do_not_fit_are_refused() -> None:
    run = stream_run()
    for part in run.parts():
        with pytest.raises(ValueError, match=r"do not fit .*: 0\.weight"):
            part.uses(Masks({"2.weight": torch.ones(16, 16, dtype=torch.bool)}))


def test_evaluating_a_part_leaves_no_trace_and_sees_its_masks() -> None:
    run = stream_run(replace(LONG, steps=240))
    for part in run.parts():
        run.train()
        everything, before = part.evaluate(), fingerprint(state_of(run).model)
        part.uses(~Masks.ones(run.weights))
        assert part.evaluate()["accuracy"] < everything["accuracy"] - 0.1
        assert fingerprint(state_of(run).model) == before


# --- what is frozen ---------------------------------------------------------------------------------------------------


@RECIPES
def test_what_is_frozen_stays_under_momentum_decay_and_adam(recipe: Recipe) -> None:
    run = stream_run(replace(recipe, steps=36, milestones=()))
    frozen, before = Masks.ones(run.weights), now(run)
    for part in run.parts():
        run.train()
        if part.number == 0:
            frozen, before = half(run), now(run)
            run.freeze(frozen)
    after = now(run)
    for name, mask in frozen.items():
        assert torch.equal(after[name][mask], before[name][mask])
        assert not torch.equal(after[name][~mask], before[name][~mask])
        bias = bias_of(name, before)
        assert bias is not None
        units = mask.any(dim=1)
        assert torch.equal(after[bias][units], before[bias][units])
    for name in HEAD:  # weight decay alone would move the head of the first part
        assert torch.equal(after[name][:2], before[name][:2])
        assert not torch.equal(after[name][2:], before[name][2:])


def test_without_freezing_even_a_head_that_no_example_reaches_moves() -> None:
    run, before = stream_run(), {}
    for part in run.parts():
        before = now(run) if part.number == 1 else before
        run.train()
    assert not torch.equal(now(run)["4.weight"][:2], before["4.weight"][:2])


def test_no_verb_moves_what_is_frozen() -> None:
    run = stream_run()
    start = run.snapshot()
    for part in run.parts():
        run.train()
        if part.number:
            continue
        frozen, before = half(run), now(run)
        run.freeze(frozen)
        run.restore(start)
        run.write({"2.weight": torch.zeros(16, 16)})
        with pytest.raises(ValueError, match=r"frozen weights cannot be pruned: 0\.weight"):
            run.prune(~frozen)
        for name, mask in frozen.items():
            assert torch.equal(now(run)[name][mask], before[name][mask])
        assert torch.equal(now(run)["0.weight"][~frozen["0.weight"]], start.state["0.weight"][~frozen["0.weight"]])


def test_copies_that_are_learned_in_place_of_parameters_are_held_too() -> None:
    run = stream_run()
    for part in run.parts():
        if part.number == 0:
            run.train()
            run.freeze(half(run))
            continue
        before, held = now(run), state_of(run).held
        with run.learning(run.parameters, dict) as values:
            run.train()
        for name, one in held.items():
            assert torch.equal(values[name].detach()[one.entries], before[name][one.entries])
        assert not torch.equal(values["0.weight"], before["0.weight"])


def test_scores_under_the_names_of_frozen_weights_are_free() -> None:
    run = stream_run()
    run.freeze(Masks.ones(run.weights))
    weights = run.weights
    for _ in run.parts():
        scores = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        with run.learning(scores, lambda given: {n: weights[n] * given[n].sigmoid() for n in weights}) as given:
            run.train()
        assert all(bool(score.detach().any()) for score in given.values())
    assert torch.equal(run.weights["0.weight"], weights["0.weight"])


def test_more_can_be_frozen_and_nothing_is_let_go() -> None:
    run = stream_run()
    for part in run.parts():
        run.train()
        whole = Masks.ones(run.weights)
        run.freeze(half(run) if part.number == 0 else whole)
        if part.number == 1:
            run.freeze(~whole)
            before = now(run)
    assert torch.equal(now(run)["2.weight"], before["2.weight"])


def test_steps_are_not_sparse_while_anything_is_frozen() -> None:
    pytest.importorskip("numba")
    run = stream_run(PLAIN, sparse=1.0)
    for part in run.parts():
        if part.number == 0:
            run.freeze(half(run))
        run.prune(half(run))
        run.train()
        assert state_of(run).mode == "plain"


def test_a_network_with_batch_norm_cannot_keep_its_answers() -> None:
    def normed() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 6))

    run = stream_run(task=replace(toy_stream, models={"normed": normed}), model="normed")
    for _ in run.parts():
        run.train()  # this can be done
        with pytest.raises(Inapplicable, match=r"'1\.weight' changes with every later part"):
            run.freeze(Masks.ones(run.weights))


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", ["magnitude", "sensitivity"])
def test_earlier_parts_keep_their_answers_bit_for_bit(score: str) -> None:
    run = stream_run()
    registry.algorithm("packnet")(run, share=0.4, tune=0.5, score=score)
    state_of(run).finish()
    course = state_of(run).course
    assert course is not None
    states = [*course.snapshots, now(run)]
    for part in range(PARTS):
        first = outputs(run, dict(states[part]), part)
        for later in states[part:]:
            assert torch.equal(outputs(run, dict(later), part), first)


def test_packnet_takes_its_share_of_what_is_free_and_keeps_what_it_has() -> None:
    run = stream_run()
    registry.algorithm("packnet")(run, share=0.5, tune=0.5, score="magnitude")
    course = state_of(run).course
    assert course is not None
    taken = [one.masks for one in course.uses]
    assert [masks.counts for masks in taken] == [
        {"0.weight": 48, "2.weight": 128},
        {"0.weight": 72, "2.weight": 192},
        {"0.weight": 84, "2.weight": 224},
    ]
    assert all((later & earlier) == earlier for earlier, later in pairwise(taken))
    assert run.masks == Masks.ones(run.weights)


def test_sequential_training_forgets_and_alone_begins_anew() -> None:
    run = stream_run(replace(LONG, steps=240))
    registry.algorithm("alone")(run)
    course = state_of(run).course
    assert course is not None
    single = stream_run(replace(LONG, steps=240))
    for part in single.parts():
        if part.number == 1:
            single.train()
            assert same(now(single), dict(course.snapshots[1]))
            break


# --- functions --------------------------------------------------------------------------------------------------------


def test_own_outputs_and_labels() -> None:
    outputs = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    own, labels = Stream(by_class(2), 2).own(outputs, torch.tensor([3, 0]))
    assert own.tolist() == [[3.0, 4.0], [5.0, 6.0]]
    assert labels.tolist() == [1, 0]


def test_a_split_divides_by_its_labels_without_a_copy() -> None:
    data = TensorData(torch.arange(5.0).view(5, 1), torch.tensor([0, 1, 2, 3, 3]))
    first, second = by_class(2)(data)
    assert isinstance(first, TensorData)
    assert first.inputs.flatten().tolist() == [0, 1]
    assert second.classes is not None
    assert second.classes.tolist() == [2, 3, 3]
    assert first.inputs.data_ptr() == data.inputs.data_ptr()
    with pytest.raises(ValueError, match="part by part"):
        by_class(2)(TensorData(torch.zeros(3, 1), torch.tensor([0, 2, 1])))


def test_a_unit_without_weights_has_no_bias_either() -> None:
    state = {"a.weight": torch.ones(2, 2), "a.bias": torch.ones(2), "b.weight": torch.ones(1, 2)}
    masks = Masks({"a.weight": torch.tensor([[True, False], [False, False]])})
    used = answered(state, masks)
    assert used["a.weight"].tolist() == [[1, 0], [0, 0]]
    assert used["a.bias"].tolist() == [1, 0]
    assert used["b.weight"] is state["b.weight"]
    assert answered(state, None) == state


def test_the_head_is_the_last_layer() -> None:
    assert last_layer(build(toy_stream, "stream", 0)) == list(HEAD)
