"""Numbers that no run can have are no record; records of another metric stand in no table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from benchmark.leaderboard.agreeing import agreeing
from benchmark.leaderboard.rows import rows
from benchmark.results.record import Record
from benchmark.results.store import Store
from tests.support.command import Bench
from tests.support.generated import cell, ran

GOOD = json.loads(ran(cell("imp"), 0.9).to_json())

WRONG: list[tuple[str, str, Any]] = [
    ("metrics", "accuracy", 1e308),
    ("metrics", "accuracy", -2e15),
    ("validation", "accuracy", 1e16),
    ("cost", "seconds", -1.0),
    ("cost", "training_flops", 1e308),
    ("cost", "training_steps", 10**401),
    ("cost", "peak_bytes", -1),
    ("density", "weights", -0.1),
]


def changed(part: str, name: str, value: Any) -> str:
    return json.dumps(GOOD | {part: (GOOD[part] or {"weights": 1, "parameters": 1, "effective": 1}) | {name: value}})


@pytest.mark.parametrize(("part", "name", "value"), WRONG, ids=[f"{part} {name}" for part, name, _ in WRONG])
def test_numbers_that_no_run_can_have_are_refused(part: str, name: str, value: Any) -> None:
    Record.model_validate_json(changed(part, name, 0))
    with pytest.raises(ValidationError):
        Record.model_validate_json(changed(part, name, value))


def test_such_a_record_is_skipped_by_name(bench: Bench, tmp_path: Path) -> None:
    store, bad = Store(tmp_path), ran(cell("imp", seed=1), 0.8)
    store.put(ran(cell("imp"), 0.9))
    file = store.path(bad.cell)
    file.write_text(bad.to_json().decode().replace('"training_steps":', '"training_steps":9' + "9" * 400))
    ended = bench("leaderboard", "--results", tmp_path)
    assert ended.code == 0
    assert f"Warning: skipped {file}: not a record: cost.training_steps" in ended.err
    assert "0.9000" in ended.out


def test_records_of_another_metric_stand_in_no_table() -> None:
    usual = [ran(cell("imp", seed=seed), 0.9) for seed in range(3)]
    ranking = usual[0].ranking.model_copy(update={"metric": "f1"})
    other = ran(cell("snip"), 0.8).model_copy(update={"ranking": ranking, "metrics": {"f1": 0.8}})
    kept, [problem] = agreeing([usual[0], other, *usual[1:]])
    assert kept == usual
    assert problem == f"record {other.key[:8]}: it is ranked by f1 (max), most of its table by score (max)"
    assert [row.algorithm for row in rows(kept)] == ["imp"]


def test_tables_may_have_metrics_of_their_own() -> None:
    first, second = ran(cell("imp"), 0.9), ran(cell("imp", task="other"), 0.9)
    second = second.model_copy(update={"ranking": second.ranking.model_copy(update={"direction": "min"})})
    assert agreeing([first, second]) == ([first, second], [])
