"""Calls without effect are told, never passed over in silence."""

from __future__ import annotations

from benchmark import Run
from benchmark.results.record import Record
from tests.support.runs import PLAIN, smallest, toy_run

AT_ITS_END = "a training to the end of the schedule made no step: the schedule was at its end already"


def notes(run: Run) -> list[str]:
    run._state.finish()
    return run._state.notes


def short() -> Run:
    return toy_run(PLAIN, density=0.3)


def learn(run: Run, updates: int = 2) -> None:
    scores = {name: weight.abs() for name, weight in run.weights.items()}
    weights = run.weights
    with run.learning(scores, lambda learned: {n: weights[n] * learned[n] for n in learned}):
        run.train(updates)


def test_an_ordinary_run_has_no_notes() -> None:
    run = short()
    run.prune(smallest(run))
    run.train(2)
    assert notes(run) == []


def test_a_training_at_the_end_of_the_schedule_is_told_once() -> None:
    run = short()
    run.rewind(PLAIN.steps)
    run.train()
    for _ in run.steps():
        raise AssertionError("there is no step left")
    assert notes(run) == [AT_ITS_END]


def test_steps_that_are_asked_for_by_number_are_made_after_the_end() -> None:
    run = short()
    run.rewind(PLAIN.steps)
    run.train(1)
    run.train(0)
    assert notes(run) == []


def test_scores_that_are_thrown_away_are_told() -> None:
    run = short()
    learn(run)
    run.train(1)
    assert notes(run) == ["2 updates of scores were thrown away: no masks or weights followed"]


def test_scores_that_masks_or_weights_follow_from_are_not() -> None:
    for follow in (lambda run: run.prune(smallest(run)), lambda run: run.restore(run.snapshot())):
        run = short()
        learn(run, updates=1)
        follow(run)
        assert notes(run) == []


def test_a_record_without_notes_has_the_bytes_of_an_older_one() -> None:
    fields = {
        "key": "0",
        "cell": {"algorithm": "imp", "task": "toy", "model": "net", "sparsity": 0.5, "budget": "full", "seed": 0},
        "status": "skipped",
        "ranking": {"metric": "accuracy", "direction": "max"},
    }
    cell = Record.model_construct(**fields).cell
    from benchmark.results.cell import Cell

    fields["key"] = Cell.model_validate(cell).key
    plain = Record.model_validate(fields)
    assert b"notes" not in plain.to_bytes()
    assert b"prunable" not in plain.to_bytes()
    noted = Record.model_validate({**fields, "notes": ["a word"]})
    assert Record.model_validate_json(noted.to_json()) == noted
    assert noted.remarked
