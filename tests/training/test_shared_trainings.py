"""Trainings that cells have in common: whoever takes one has the bits, the cost and the seconds of whoever made it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmark import Recipe, Run, Target, TensorData, algorithm, keep_top
from benchmark.contract.toy import toy
from benchmark.errors import Diverged
from benchmark.harness.answer import answer
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.training import shared_trainings
from benchmark.training.run_state import RunState
from benchmark.training.shared_trainings import LocalLedger, Made, SharedTrainings, Sharing, packed, unpacked
from benchmark.training.step import Snapshot
from tests.support.runs import ADAM, SGD

pytestmark = pytest.mark.runs

CELL = Cell(algorithm="imp", task="toy", model="net", sparsity=0.5, budget="smoke", seed=0)
CPU = torch.device("cpu")


@pytest.fixture
def sharing(tmp_path: Path) -> Sharing:
    return Sharing(tmp_path, LocalLedger())


def record_of(cell: Cell, sharing: Sharing | None) -> Record:
    chosen = registry.algorithm(cell.algorithm)
    cell = cell.model_copy(update={"options": chosen.resolve(cell.options)})
    record = answer(Question(cell, chosen, toy, sharing=sharing))
    assert record.status == "ok", record.error
    return record


def found(record: Record) -> dict[str, Any]:
    """Everything that a record says, but how long it took and who trained."""
    told = record.model_dump()
    told["where"].pop("shared_steps", None)
    del told["cost"]["seconds"], told["cost"]["peak_bytes"]
    return told


def at(sparsity: float, **other: Any) -> Cell:
    return CELL.model_copy(update={"sparsity": sparsity, **other})


@pytest.mark.parametrize("model", ["net", pytest.param("residual", marks=pytest.mark.slow)])
def test_a_cell_that_takes_trainings_has_the_record_of_one_that_trains(model: str, sharing: Sharing) -> None:
    long, short = at(0.9, model=model), at(0.8, model=model)
    alone = record_of(short, None)
    first, then = record_of(long, sharing), record_of(short, sharing)
    assert found(then) == found(alone)
    assert found(first) == found(record_of(long, None))
    assert "shared_steps" not in first.provenance
    steps = toy.recipe("smoke", model).steps
    assert steps * 6 <= then.provenance["shared_steps"] < alone.cost.training_steps


def test_the_seconds_are_those_of_the_training_that_was_made(sharing: Sharing) -> None:
    made = record_of(at(0.9), sharing).cost.seconds
    assert record_of(at(0.9), sharing).cost.seconds > made / 2


@pytest.mark.parametrize("name", ["imp", "magnitude", "dense", "snip", "gem-miner", "granet", "imp:control=reinit"])
def test_every_kind_of_method_has_its_own_record_after_others(name: str, sharing: Sharing) -> None:
    name, _, control = name.partition(":control=")
    cell = at(0.8, algorithm=name, options={"control": control} if control else {})
    for other in ("dense", "imp", "magnitude", name):
        record_of(at(0.9, algorithm=other), sharing)
    assert found(record_of(cell, sharing)) == found(record_of(cell, None))


def test_the_curve_of_a_training_goes_with_it(sharing: Sharing) -> None:
    followed = at(0.8, options={"curve": 4})
    record_of(at(0.9), sharing)
    assert "shared_steps" not in record_of(at(0.9, options={"curve": 4}), sharing).provenance
    then = record_of(followed, sharing)
    assert found(then) == found(record_of(followed, None))
    assert then.provenance["shared_steps"] > 0


def test_dense_training_is_where_imp_begins(sharing: Sharing) -> None:
    record_of(at(0.5, algorithm="dense"), sharing)
    steps = toy.recipe("smoke", "net").steps
    assert record_of(CELL, sharing).provenance["shared_steps"] == steps


# --- how tensors lie in memory ----------------------------------------------------------------------------------------


def convolution() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 4))


def cross_entropy(model: nn.Module, batch: Any) -> Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def images_run(recipe: Recipe, shared: Sharing | None = None) -> Run:
    """A convolution, whose weights have the layout that `build` gives them: channels last."""
    draws = torch.Generator().manual_seed(0)
    data = TensorData(torch.randn(96, 3, 6, 6, generator=draws), torch.arange(96) % 4)
    task = replace(toy, models={"conv": convolution}, loss=cross_entropy)
    trainings = SharedTrainings(shared, "images", CPU) if shared else None
    return Run(RunState(task, build(task, "conv", 0), recipe, Target(0.3), data, 0, shared_trainings=trainings))


@pytest.mark.parametrize("recipe", [SGD, ADAM], ids=["momentum", "adam"])
def test_a_training_of_convolutions_that_is_taken_goes_on_with_its_own_memory(recipe: Recipe, sharing: Sharing) -> None:
    """Files have tensors in one layout, and fused optimizers read memory in the layout of the parameter."""
    images_run(recipe, sharing).train(6)
    ends = []
    for shared, reused in ((None, 0), (sharing, 6), (sharing, 12)):
        run = images_run(recipe, shared)
        run.train(6)
        run.prune(keep_top({name: weight.abs() for name, weight in run.weights.items()}, run.target))
        run.train(6)
        assert run._state.meter.reused_steps == reused
        assert all(not weight[~run.masks[name]].any() for name, weight in run.weights.items())
        ends.append({name: value.tolist() for name, value in run.snapshot().state.items()})
    assert ends[0] == ends[1] == ends[2]


@pytest.mark.parametrize("recipe", [SGD, ADAM], ids=["momentum", "adam"])
def test_a_gradient_of_ones_own_may_have_any_layout(recipe: Recipe) -> None:
    """That of a parameter which had none: its gradient in a pause is of zeros."""
    ends = []
    for layout in (torch.channels_last, torch.contiguous_format):
        run = images_run(recipe)
        draws = torch.Generator().manual_seed(1)
        for step in run.steps(3):
            own = torch.randn(8, 3, 3, 3, generator=draws).contiguous(memory_format=layout)
            run._state.engine.parameters["0.weight"].grad = None
            run._state.engine.set_gradients({"0.weight": own})
            assert step.index < 3
        ends.append({name: value.tolist() for name, value in run.snapshot().state.items()})
    assert ends[0] == ends[1]


@pytest.mark.parametrize("change", [{"seed": 1}, {"model": "residual"}, {"budget": "short"}], ids=str)
def test_another_seed_network_or_recipe_shares_nothing(change: dict[str, Any], sharing: Sharing) -> None:
    record_of(CELL, sharing)
    assert "shared_steps" not in record_of(at(0.5, **change), sharing).provenance


class Slow(LocalLedger):
    """A ledger of a sweep in which another cell is at every training for a while."""

    def claim(self, name: str) -> Made | None:
        time.sleep(1)
        return super().claim(name)


def test_the_time_that_goes_by_while_another_cell_is_at_it_is_nobodys(tmp_path: Path) -> None:
    waits = Sharing(tmp_path, Slow())
    first, second = run_of(waits), run_of(waits)
    first.train()
    before, start = second._state.meter.seconds, time.perf_counter()
    second.train()
    went_by = time.perf_counter() - start
    assert second._state.meter.reused_steps == first._state.meter.training_steps
    assert second._state.meter.seconds - before < went_by - 0.5 + first._state.meter.seconds
    assert all(torch.equal(weight, second.weights[name]) for name, weight in first.weights.items())


@pytest.mark.parametrize("content", [b"", b"not a training", None])
def test_a_training_that_is_not_the_one_that_was_made_is_made_again(
    sharing: Sharing, tmp_path: Path, content: bytes | None
) -> None:
    """The file was cut or rewritten, or another cell's training lies in its place."""
    plain, first, second = run_of(None), run_of(sharing), run_of(sharing)
    first.train()
    [ending] = tmp_path.glob("*.whole")
    if content is None:
        other = run_of(sharing)
        other.train(5)
        [content] = [file.read_bytes() for file in tmp_path.glob("*.whole") if file != ending]
    ending.write_bytes(content)
    second.train()
    plain.train()
    assert second._state.meter.reused_steps == 0
    assert state(second.snapshot()) == state(plain.snapshot())


# --- within a run -----------------------------------------------------------------------------------------------------


def run_of(sharing: Sharing | None, optimizer: str = "sgd", limit: int = 10**9, rate: float = 0.01) -> Run:
    recipe = replace(toy.recipe("smoke", "net"), optimizer=optimizer, rate=rate)
    shared = SharedTrainings(sharing, "toy", CPU, limit) if sharing else None
    data = toy.data(Path())
    more = {"shared_trainings": shared, "validation": data.validation}
    return Run(RunState(toy, build(toy, "net", 0), recipe, Target(0.3), data.train, 0, **more))


def state(snapshot: Snapshot) -> dict[str, Any]:
    return {name: value.tolist() for name, value in snapshot.state.items()}


def in_parts(run: Run) -> None:
    run.train(5)
    run.prune(keep_top({name: weight.abs() for name, weight in run.weights.items()}, run.target))
    run.train(7)
    run.train()
    run.train(3)


def with_pauses(run: Run) -> None:
    run.train(5)
    for step in run.steps(6):
        if step.index == 8:
            step.skip()
    run.train()


@pytest.mark.parametrize("method", [in_parts, with_pauses])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_training_goes_on_with_the_memory_of_the_optimizer(
    method: Callable[[Run], None], optimizer: str, sharing: Sharing
) -> None:
    runs = run_of(None, optimizer), run_of(sharing, optimizer), run_of(sharing, optimizer)
    for run in runs:
        method(run)
        run._state.finish()
    plain, first, second = runs
    assert state(plain.snapshot()) == state(first.snapshot()) == state(second.snapshot())
    assert plain.clock == first.clock == second.clock
    assert first._state.meter.reused_steps == 0 < second._state.meter.reused_steps
    assert plain._state.meter.counts(24)["training_flops"] == second._state.meter.counts(24)["training_flops"]


def test_a_rewound_run_does_not_take_the_training_of_one_with_momentum(sharing: Sharing) -> None:
    """From the same weights at the same step, but with a fresh optimizer."""
    ends = []
    for where in (None, sharing):
        going, fresh = run_of(where), run_of(where)
        for run in (going, fresh):
            run.train(5)
        fresh.restore(fresh.snapshot())
        for run in (going, fresh):
            run.train()
        ends.append((state(going.snapshot()), state(fresh.snapshot())))
    plain, shared = ends
    assert plain == shared
    assert plain[0] != plain[1]


def augmented(run: Run) -> None:
    def louder(batch: tuple[Tensor, Tensor], draws: torch.Generator) -> tuple[Tensor, Tensor]:
        return batch[0] * 2, batch[1]

    run.augment(louder)
    run.train()


def learned(run: Run) -> None:
    with run.learning({n: torch.ones_like(w) for n, w in run.weights.items()}, lambda scores: scores):
        run.train()


@pytest.mark.parametrize("method", [augmented, learned])
def test_training_of_another_kind_is_not_shared(method: Callable[[Run], None], sharing: Sharing) -> None:
    run_of(sharing).train()
    for _ in range(2):
        run = run_of(sharing)
        method(run)
        assert run._state.meter.reused_steps == 0


def test_a_network_changed_by_hand_after_a_shared_training_is_found(sharing: Sharing) -> None:
    @algorithm()
    def cheat(run: Run) -> None:
        """Cheat: changes weights by hand (Nobody, 2026)."""
        run.train()
        with torch.no_grad():
            next(run._state.model.parameters()).add_(1)

    cell = at(0.0, algorithm="cheat")
    for _ in range(2):
        record = answer(Question(cell, cheat, toy, sharing=sharing))
        assert record.status == "failed"
        assert "outside the verbs" in record.error


# --- room -------------------------------------------------------------------------------------------------------------


def test_what_was_of_no_use_for_longest_makes_room(tmp_path: Path, sharing: Sharing) -> None:
    run_of(sharing).train(1)
    (first,) = tmp_path.glob("*.whole")
    size = first.stat().st_size
    run_of(sharing, limit=int(2.5 * size)).train(2)
    run_of(sharing).train(1)  # of use again
    run_of(sharing, limit=int(2.5 * size)).train(3)
    assert first.exists()
    assert len([*tmp_path.glob("*.whole")]) == 2


def test_a_folder_that_is_gone_costs_nothing_but_the_training(tmp_path: Path) -> None:
    run, plain = run_of(Sharing(tmp_path / "gone", LocalLedger())), run_of(None)
    run.train()
    plain.train()
    assert state(run.snapshot()) == state(plain.snapshot())


# --- a training that is killed ----------------------------------------------------------------------------------------


class Killed(Exception):
    """The process is gone."""


def followed(run: Run) -> Run:
    """The run, with the curve of its last training."""
    run._state.follow(5)
    return run


def killed_at(run: Run, step: int) -> None:
    """Train, and lose the process before a step."""
    engine = run._state.engine
    real = engine.advance

    def advance() -> None:
        if engine.clock == step:
            raise Killed
        real()

    engine.advance = advance  # type: ignore[method-assign]
    with pytest.raises(Killed):
        run.train()


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("deaths", [(13,), (1,), (5, 9, 23)])
def test_a_killed_training_goes_on_where_it_was(
    optimizer: str, deaths: tuple[int, ...], sharing: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_trainings, "EVERY", 0.0)
    monkeypatch.setattr(shared_trainings, "FEW", 4)
    for step in deaths:
        killed_at(followed(run_of(sharing, optimizer)), step)
    again, plain = followed(run_of(sharing, optimizer)), followed(run_of(None, optimizer))
    again.train()
    plain.train()
    assert again._state.curve.noted() == plain._state.curve.noted()
    assert state(again.snapshot()) == state(plain.snapshot())
    assert again._state.meter.reused_steps == deaths[-1] // 4 * 4
    assert again._state.meter.counts(24) == plain._state.meter.counts(24)
    third = followed(run_of(sharing, optimizer))
    third.train()
    assert third._state.curve.rows == plain._state.curve.rows
    assert third._state.meter.reused_steps == 24, "the whole training is known in the end"
    assert not [*sharing.folder.glob("*.part")]


def test_a_loss_that_is_not_finite_is_no_training_for_others(sharing: Sharing) -> None:
    for _ in range(2):
        run = run_of(sharing, rate=1e30)
        with pytest.raises(Diverged):
            run.train()
        assert run._state.meter.reused_steps == 0


def test_what_is_packed_reads_the_same() -> None:
    run = run_of(None, "adam")
    run.train(3)
    before = run._state.engine.state() | {"curve": {"rows": [{"step": 1, "loss": 0.1}], "done": 2, "losses": [0.3]}}
    after = unpacked(packed(before), CPU)
    assert (after["mode"], after["curve"]) == (before["mode"], before["curve"])
    for kind in ("parameters", "buffers"):
        assert all(torch.equal(one, other) for one, other in zip(after[kind], before[kind], strict=True))
    for one, other in zip(after["memory"], before["memory"], strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(torch.as_tensor(one[slot]), torch.as_tensor(other[slot])) for slot in one)


@pytest.mark.parametrize(
    "content", [b"", b"x" * 100, (2).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]"]
)
def test_what_its_maker_wrote_wrongly_is_made_again(sharing: Sharing, content: bytes) -> None:
    first, second, plain = run_of(sharing), run_of(sharing), run_of(None)
    first.train()
    [ending] = sharing.folder.glob("*.whole")
    ending.write_bytes(content)
    sharing.ledger.made(ending.stem, hashlib.sha256(content).hexdigest())
    second.train()
    plain.train()
    assert state(second.snapshot()) == state(plain.snapshot())
