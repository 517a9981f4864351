"""What an author of a method sees of a run: looks and verbs, and nothing that the harness counts with."""

from __future__ import annotations

from benchmark import Run
from benchmark.training.meter import Meter
from benchmark.training.run_state import RunState
from benchmark.training.tamper_check import TamperCheck
from tests.support.runs import toy_run

LOOKS = {"task", "recipe", "target", "trained", "data", "weights", "parameters", "masks", "rng", "clock"}
LOOKS |= {"batches", "balanced", "loss", "flow", "gradients", "redraw", "outputs", "statistics", "moments", "gram"}
LOOKS |= {"example_gradients", "evaluate", "note", "inputs", "found"}
VERBS = {
    "prune",
    "train",
    "steps",
    "snapshot",
    "restore",
    "write",
    "rewind",
    "learning",
    "rewrite",
    "augment",
    "reorder",
    "parts",
    "freeze",
}


def public(run: Run) -> set[str]:
    return {name for name in dir(run) if not name.startswith("_")}


def test_a_run_has_looks_and_verbs_and_no_more() -> None:
    assert public(toy_run()) == LOOKS | VERBS


def test_each_of_them_is_documented() -> None:
    assert not [name for name in LOOKS | VERBS if not getattr(Run, name).__doc__]


def test_no_public_name_leads_to_what_is_counted() -> None:
    run = toy_run()
    found = [getattr(run, name) for name in public(run)]
    found += [value for one in found if hasattr(one, "__dict__") for value in vars(one).values()]
    assert not [one for one in found if isinstance(one, RunState | Meter | TamperCheck)]


def test_what_is_looked_at_cannot_be_set() -> None:
    run = toy_run()
    for name in ("target", "recipe", "masks", "task", "clock"):
        try:
            setattr(run, name, None)
        except AttributeError:
            continue
        raise AssertionError(f"run.{name} can be set")
