"""Trainings that cells have in common: whoever takes one has the bits, the cost and the seconds of whoever made it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark import Run, Target, algorithm, keep_top
from benchmark.contract.toy import toy
from benchmark.harness.answer import answer
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.records.cell import Cell
from benchmark.records.record import Record
from benchmark.sweep.started import Started
from benchmark.sweep.workers import _next
from benchmark.training.run_state import RunState
from benchmark.training.shared_trainings import LocalLedger, Made, SharedTrainings, Sharing
from benchmark.training.step import Snapshot

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


def test_dense_training_is_where_imp_begins(sharing: Sharing) -> None:
    record_of(at(0.5, algorithm="dense"), sharing)
    steps = toy.recipe("smoke", "net").steps
    assert record_of(CELL, sharing).provenance["shared_steps"] == steps


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
    [ending] = tmp_path.glob("*.pt")
    if content is None:
        other = run_of(sharing)
        other.train(5)
        [content] = [file.read_bytes() for file in tmp_path.glob("*.pt") if file != ending]
    ending.write_bytes(content)
    second.train()
    plain.train()
    assert second._state.meter.reused_steps == 0
    assert state(second.snapshot()) == state(plain.snapshot())


# --- within a run -----------------------------------------------------------------------------------------------------


def run_of(sharing: Sharing | None, optimizer: str = "sgd", limit: int = 10**9) -> Run:
    recipe = replace(toy.recipe("smoke", "net"), optimizer=optimizer, rate=0.01)
    shared = SharedTrainings(sharing, "toy", CPU, limit) if sharing else None
    return Run(
        RunState(toy, build(toy, "net", 0), recipe, Target(0.3), toy.data(Path()).train, 0, shared_trainings=shared)
    )


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
    (first,) = tmp_path.glob("*.pt")
    size = first.stat().st_size
    run_of(sharing, limit=int(2.5 * size)).train(2)
    run_of(sharing).train(1)  # of use again
    run_of(sharing, limit=int(2.5 * size)).train(3)
    assert first.exists()
    assert len([*tmp_path.glob("*.pt")]) == 2


def test_a_folder_that_is_gone_costs_nothing_but_the_training(tmp_path: Path) -> None:
    run, plain = run_of(Sharing(tmp_path / "gone", LocalLedger())), run_of(None)
    run.train()
    plain.train()
    assert state(run.snapshot()) == state(plain.snapshot())


# --- which cell starts next -------------------------------------------------------------------------------------------


def test_cells_that_can_share_start_one_after_the_other() -> None:
    shuffled = {"control": "shuffle"}
    waiting = [
        at(share, seed=seed, options=chosen) for seed in (0, 1) for share, chosen in ((0.5, {}), (0.8, shuffled))
    ]
    running: list[Started] = []
    order = []
    for _ in range(4):
        cell = _next(waiting, running)
        order.append((cell.seed, cell.sparsity))
        question = Question(cell, registry.algorithm("imp"), toy)
        running = [*running[-1:], Started(question, process=None, channel=None, folder=Path(), since=0)]  # type: ignore[arg-type]
    assert order == [(0, 0.5), (1, 0.5), (0, 0.8), (1, 0.8)]
