"""Options of tasks: typed and validated as those of algorithms are, part of the cell, and never mixed in a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import PluginError, UsageError
from benchmark.plugins import catalog, registry
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.results.spelling import Choice, bracketed, choices, only_choice, spelled
from benchmark.results.store import Store
from tests.support.command import Bench
from tests.support.outside import plant

FLIPS = '''
    from dataclasses import replace
    from typing import Literal

    import torch

    from benchmark import Count, Fraction, Task
    from benchmark import task
    from benchmark.contract.toy import toy


    @task
    def flips(*, protocol: Literal["kind", "harsh"] = "kind", width: Count = 4, noise: Fraction = 0) -> Task:
        """Flips: the toy task, with options (Nobody, 2026).

        Options:
            protocol: how hard it is
            width: of the network
            noise: of the labels,
                in two lines
        """
        return replace(toy, models={f"net-{width}": lambda: torch.nn.Linear(6, 2)}, sparsity=0.5)
'''


@pytest.fixture
def flips(tmp_path: Path, known: Callable[[Path], None]) -> Path:
    plant(tmp_path / "site", "task", "flips", FLIPS)
    known(tmp_path / "site")
    return tmp_path / "site"


# --- reading ----------------------------------------------------------------------------------------------------------


def test_names_and_options_are_told_apart() -> None:
    assert choices(["a:x=1,y=2,b", " c "]) == [Choice("a", {"x": "1", "y": "2"}), Choice("b"), Choice("c")]


def test_values_of_one_name_may_be_lists() -> None:
    assert only_choice("a:x=1,2, 3,y=mnist:recipe=snip") == Choice("a", {"x": "1,2,3", "y": "mnist:recipe=snip"})
    assert only_choice("a") == Choice("a")
    assert only_choice("a:x=[1,2],y=[s:n=1,m=2;t],z=[3]") == Choice("a", {"x": "1,2", "y": "s:n=1,m=2;t", "z": "3"})
    for wrong in ("a,b", "a,b:x=1", "a:1", "a:x=", "a:x=[", "a:x=1]", "a:x=]1[", "a:x=[[1]]"):
        with pytest.raises(UsageError):
            only_choice(wrong)


VALUES = st.text("ab12=:;,", min_size=1).filter(lambda text: all(text.split(",")))


@given(st.dictionaries(st.sampled_from("xyz"), VALUES))
def test_values_with_options_of_their_own_are_written_as_they_are_read(options: dict[str, str]) -> None:
    assert only_choice(spelled("a", {name: bracketed(value) for name, value in options.items()})).options == options


def test_a_task_is_made_of_its_options(flips: Path) -> None:
    assert list(registry.task("flips").models) == ["net-4"]
    assert list(registry.task("flips", {"width": "9"}).models) == ["net-9"]


def test_a_plain_task_is_a_family_without_options() -> None:
    assert registry.family("digits").options == {}
    assert registry.family("digits").resolve({}) == {}
    assert registry.task("digits", {}) is registry.task("digits")


def test_the_docstring_says_what_options_mean(flips: Path) -> None:
    family = registry.family("flips")
    assert {name: option.meaning for name, option in family.options.items()} == {
        "protocol": "how hard it is",
        "width": "of the network",
        "noise": "of the labels, in two lines",
    }
    assert (
        family.summary == catalog.find("task", "flips").summary == "Flips: the toy task, with options (Nobody, 2026)."
    )


def test_a_label_shows_what_is_not_at_its_default_and_imports_nothing(flips: Path) -> None:
    options = registry.family("flips").resolve({"width": "5"})
    assert options == {"protocol": "kind", "width": 5, "noise": 0.0}
    assert catalog.label("flips", options) == "flips:width=5"
    assert catalog.label("flips", registry.family("flips").resolve({})) == "flips"
    assert catalog.label("uninstalled", {"width": 5}) == "uninstalled:width=5"


WRONG = {
    "unknown": ({"widht": "5"}, "no option of 'flips' named 'widht'. Did you mean 'width'?"),
    "no count": ({"width": "0"}, "option 'width' of 'flips' cannot be '0'; it takes whole number >= 1"),
    "no literal": ({"protocol": "mean"}, "option 'protocol' of 'flips' cannot be 'mean'; it takes kind | harsh"),
}


FOLLOWS = '''
    from typing import Annotated

    from benchmark import Follows, Task, task
    from benchmark.contract.toy import toy


    @task
    def books(*, corpus: str = "a", vocabulary: Annotated[str, Follows("corpus", "{}:40")] = "a:40") -> Task:
        """Books: the toy task, whose vocabulary is that of its corpus (Nobody, 2026)."""
        return toy
'''


@pytest.mark.parametrize(
    ("given", "vocabulary", "label"),
    [
        ({}, "a:40", "books"),
        ({"corpus": "b"}, "b:40", "books:corpus=b"),
        ({"corpus": "b", "vocabulary": "a:40"}, "a:40", "books:corpus=b,vocabulary=a:40"),
        ({"vocabulary": "b:40"}, "b:40", "books:vocabulary=b:40"),
    ],
)
def test_an_option_that_is_left_out_may_follow_another_one(
    given: dict[str, str], vocabulary: str, label: str, tmp_path: Path, known: Callable[[Path], None]
) -> None:
    plant(tmp_path / "site", "task", "books", FOLLOWS)
    known(tmp_path / "site")
    values = registry.family("books").resolve(given)
    assert values == {"corpus": given.get("corpus", "a"), "vocabulary": vocabulary}
    assert registry.family("books").written(values) == values, "cells have the value"
    assert catalog.label("books", values) == label
    [typed] = choices([label])
    assert registry.family("books").resolve(typed.options) == values, "a label means its cells"


@pytest.mark.parametrize(
    "options", ['corpus: str = "b", vocabulary: {} = "a:40"', 'vocabulary: {} = "a:40", corpus: str = "a"']
)
def test_an_option_follows_one_before_it_and_fits_its_default(
    options: str, tmp_path: Path, known: Callable[[Path], None]
) -> None:
    signature = options.format('Annotated[str, Follows("corpus", "{}:40")]')
    _, _, tail = FOLLOWS.partition("def books(*")
    source = f"{FOLLOWS.partition('def books(*')[0]}def books(*, {signature}) -> Task:{tail.partition('-> Task:')[2]}"
    plant(tmp_path / "site", "task", "books", source)
    known(tmp_path / "site")
    with pytest.raises(PluginError, match="option 'vocabulary' must come after 'corpus' and fit its default"):
        registry.family("books")


@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_option_is_a_usage_error(flips: Path, options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as told:
        registry.task("flips", options)
    assert words in str(told.value)


def test_a_plain_task_has_no_option_to_give() -> None:
    common = r"no option of 'digits' named 'width'. \(its options: rate, warmup, part, examples, precision, loss\)"
    with pytest.raises(UsageError, match=common):
        registry.task("digits", {"width": "5"})


BROKEN = {
    "gives-nothing": (
        "from benchmark import task\n\n@task\ndef gives_nothing(*, x: int = 1): return x\n",
        "its function returns int, not a Task",
    ),
    "fails": (
        "from benchmark import task\n\n@task\ndef fails(*, x: int = 1): raise ValueError('no such x')\n",
        "ValueError: no such x",
    ),
    "positional": (
        "from benchmark import task\n\n@task\ndef positional(x: int = 1): ...\n",
        "its signature must be positional(*, option: type = default, ...)",
    ),
    "renamed": (
        "from benchmark import task\n\n@task\ndef other(*, x: int = 1): ...\n\nrenamed = other\n",
        "its function is called 'other'",
    ),
    "undecorated": ("def undecorated(*, x: int = 1): ...\n", "is neither a Task nor a function under @task"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_family_is_named_with_what_is_wrong(name: str, tmp_path: Path, known: Callable[[Path], None]) -> None:
    source, words = BROKEN[name]
    plant(tmp_path, "task", name, source)
    known(tmp_path)
    with pytest.raises(PluginError) as told:
        registry.task(name)
    assert words in str(told.value)


# --- cells and records ------------------------------------------------------------------------------------------------


def a_cell(**changes: Any) -> Cell:
    values = {"algorithm": "snip", "task": "flips", "model": "net-4", "sparsity": 0.5, "budget": "smoke", "seed": 0}
    return Cell.model_validate(values | changes)


def test_a_cell_without_task_options_has_the_key_it_always_had() -> None:
    assert "task_options" not in a_cell().model_dump()
    assert "task_options" not in json.loads(a_cell().model_dump_json())
    assert a_cell().key == a_cell(task_options={}).key


def test_task_options_tell_cells_and_groups_apart_and_survive_the_file() -> None:
    one, other = (a_cell(task_options={"width": width}) for width in (4, 5))
    assert len({a_cell(), one, other}) == 3
    assert len({a_cell().group, one.group, other.group}) == 3
    assert one.group == a_cell(task_options={"width": 4}, seed=7).group
    assert Cell.model_validate_json(one.model_dump_json()) == one
    assert str(one) == "snip on flips:width=4/net-4 at 0.5 global, smoke, 0"


# --- the command line -------------------------------------------------------------------------------------------------


def records_of(store: Store) -> list[Record]:
    return sorted(store, key=lambda record: str(record.cell))


@pytest.mark.runs
def test_a_run_of_two_settings_has_two_tables_and_says_what_differs(flips: Path, own: Store, bench: Bench) -> None:
    words = ["run", "--algo", "snip", "--task", "flips:width=5,noise=0.5,flips", "--budget", "smoke", "--jobs", "0"]
    ended = bench(*words)
    assert ended.code == 0, ended.err
    assert "flips / net-4, budget smoke" in ended.out
    assert "flips:width=5,noise=0.5 / net-5, budget smoke" in ended.out
    assert "flips:width=5,noise=0.5/net-5 global" in ended.err
    first, second = records_of(own)
    assert first.cell.task_options == {"protocol": "kind", "width": 4, "noise": 0.0}
    assert second.cell.task_options == {"protocol": "kind", "width": 5, "noise": 0.5}
    assert own.path(first.cell).parent == own.path(second.cell).parent == own.root / "records" / "flips" / "snip"
    assert "2 cells: 2 answered already, 0 to run" in bench(*words).err
    rows = json.loads(bench("leaderboard", "--format", "json").out)
    assert [row["task_options"]["width"] for row in rows] == [4, 5]


@pytest.mark.parametrize(("name", "option"), [("sdrf", "bound"), ("spectral", "edges"), ("spectral", "verify")])
def test_an_option_can_be_without_a_value(name: str, option: str) -> None:
    """Written as it is told of: `sdrf:bound=none`."""
    algorithm = registry.algorithm(name)
    options = algorithm.resolve({option: "none"})
    assert options[option] is None
    told = spelled(name, options)
    assert f"{option}=none" in told
    [again] = choices([told])
    assert algorithm.resolve(again.options) == options


def test_none_is_no_value_of_other_options() -> None:
    with pytest.raises(UsageError, match="cannot be 'none'"):
        registry.algorithm("snip").resolve({"batches": "none"})


@pytest.mark.slow
def test_workers_and_export_make_the_task_of_the_record(flips: Path, own: Store, bench: Bench, tmp_path: Path) -> None:
    ended = bench("run", "--algo", "snip", "--task", "flips:width=7", "--budget", "smoke", "--jobs", "1")
    assert ended.code == 0, ended.err
    [record] = own
    assert (record.cell.model, record.cell.setting) == ("net-7", "flips:protocol=kind,width=7,noise=0.0")
    exported = bench("export", record.key[:8], "--to", tmp_path / "net")
    assert exported.code == 0, exported.err


@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_option_ends_the_command_with_2(
    flips: Path, own: Store, bench: Bench, options: dict[str, str], words: str
) -> None:
    [(name, value)] = options.items()
    ended = bench("run", "--algo", "snip", "--task", f"flips:{name}={value}", "--jobs", "0")
    assert ended.code == 2
    assert words in ended.err


def test_info_tells_of_a_tasks_options(flips: Path, bench: Bench) -> None:
    told = json.loads(bench("info", "flips:width=3", "--format", "json").out)
    assert [model["model"] for model in told["models"]] == ["net-3"]
    assert {option["option"]: option["values"] for option in told["options"]} == {
        "protocol": "kind | harsh",
        "width": "whole number >= 1",
        "noise": "number in [0, 1]",
    }
    assert "options, as in --task flips:protocol=VALUE" in bench("info", "flips").out
    assert bench("info", "flips,digits").code == 2
