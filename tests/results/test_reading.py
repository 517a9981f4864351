"""A record that was edited does not match its digest, however it is spelled; those before digests are read as ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmark.leaderboard.agreeing import agreeing
from benchmark.results.digest import with_digest
from benchmark.results.reading import read
from benchmark.results.store import Store
from tests.support.board import WHERE, cell, ran
from tests.support.command import Bench

RECORD = ran(cell("imp"), 0.9)


def test_the_digest_is_not_part_of_the_record() -> None:
    assert read(RECORD.to_bytes()) == RECORD
    assert read(RECORD.to_json()) == RECORD, "as it was written before there were digests"


@pytest.mark.parametrize("indent", [None, 1])
def test_the_digest_holds_for_other_spellings(indent: int | None) -> None:
    values = json.loads(RECORD.to_bytes())
    first = {"digest": values["digest"]} | values
    assert read(json.dumps(values, indent=indent).encode()) == RECORD
    assert read(json.dumps(first, indent=indent).encode()) == RECORD


def test_an_edited_record_is_refused() -> None:
    with pytest.raises(ValueError, match="edited after the run"):
        read(RECORD.to_bytes().replace(b'"accuracy":0.9', b'"accuracy":0.95', 1))


def test_a_record_that_tells_its_code_has_a_digest() -> None:
    coded = RECORD.model_copy(update={"provenance": WHERE | {"code": {"algorithm": "a"}}})
    assert read(coded.to_bytes()) == coded
    with pytest.raises(ValueError, match="its digest is missing"):
        read(coded.to_json())


@pytest.mark.parametrize("values", [b'{"a":1,"a":1}', b'{"a":{"b":1,"b":2}}'])
def test_a_name_given_twice_is_refused(values: bytes) -> None:
    content = RECORD.to_json().replace(b'"diagnosis":{}', b'"diagnosis":' + values)
    for spelled in (content, with_digest(content)):
        with pytest.raises(ValueError, match="is there twice"):
            read(spelled)


@pytest.mark.parametrize(
    ("part", "values"),
    [("metrics", {"accuracy": 1.5}), ("metrics", {"accuracy": 1, "loss": -1}), ("metrics", {"f": 1})],
)
def test_metrics_lie_in_their_range(part: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"by its definition|metric that ranks"):
        read(json.dumps(json.loads(RECORD.to_json()) | {part: values}).encode())


# --- data -------------------------------------------------------------------------------------------------------------


def made_with(data: str, algorithm: str, seed: int) -> Any:
    return ran(cell(algorithm, seed), 0.9, provenance=WHERE | {"data": {"test": data}})


def test_other_data_than_the_rest_of_the_table_are_named() -> None:
    odd = made_with("b", "snip", 0)
    usual = [made_with("a", name, seed) for name in ("imp", "granet") for seed in range(3)]
    kept, [problem] = agreeing([odd, *usual])
    assert kept == usual
    assert problem.startswith(f"record {odd.key[:8]}: it was made with other data")


def test_one_seed_of_other_data_is_named_and_splits_by_seed_are_not() -> None:
    one = [made_with("a" if seed else "b", "imp", seed) for seed in range(3)]
    assert agreeing(one)[0] == one[1:]
    each = [made_with(f"split {seed}", "imp", seed) for seed in range(3)]
    assert agreeing(each) == (each, [])


# --- what is named ----------------------------------------------------------------------------------------------------


def test_only_what_may_answer_the_cells_concerns_them(own: Store) -> None:
    for seed in range(3):
        own.put(ran(cell("imp", seed), 0.9))
        own.path(cell("imp", seed)).write_text("{")
    own.outcomes()
    assert len(own.problems) == 3
    [problem] = own.concerning([cell("imp", 1)])
    assert problem.startswith(str(own.path(cell("imp", 1))))


def test_a_record_that_is_packed_while_others_are_read_is_not_missed(
    own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmark.results import sources
    from benchmark.results.pack import pack

    own.put(ran(cell("imp", 0), 0.9))
    listed = sources.glob

    def packed_meanwhile(*words: Any, **names: Any) -> list[str]:
        found = listed(*words, **names)
        monkeypatch.setattr(sources, "glob", listed)
        pack(own, write=True)
        return found

    monkeypatch.setattr(sources, "glob", packed_meanwhile)
    assert [record.cell.seed for record in own] == [0]
    assert own.problems == []


def test_over_long_names_are_refused_at_the_door(bench: Bench, own: Store, tmp_path: Path) -> None:
    for words in (["--algo", "x" * 5000], ["--algo", "imp", "--model", "m" * 5000], ["--algo", f"imp:a={'b' * 5000}"]):
        ended = bench("leaderboard", "--results", tmp_path, *words)
        assert ended.code == 2
        assert len(ended.err) < 600
