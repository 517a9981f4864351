"""What the page shows over all tasks, and of experiments: blocks, ranks, verdicts, and reasons where there are none."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import UsageError
from benchmark.leaderboard.page.experiments import experiments, sentence
from benchmark.leaderboard.page.overall import overall
from benchmark.leaderboard.rows import rows
from benchmark.results.experiments import Answered, answered
from benchmark.results.record import Record
from tests.support.board import board, cell, ran
from tests.support.command import ROOT, Bench

pytestmark = pytest.mark.runs

WEIGHTS, PARTS = "Methods that prune weights", "Methods that edit the data, or take them in parts"


def two_tasks() -> list[Record]:
    """Three methods on digits and cora, at two sparsities of digits."""
    return [*board(), *(ran(cell("random", seed, task="cora", model="gcn"), 0.4, "mae", "min") for seed in range(3))]


def in_parts(task: str) -> list[Record]:
    """Two methods whose runs take their data in parts."""
    of = [cell(name, sparsity=0.0, task=task, model="cnn") for name in ("packnet", "supsup")]
    return [ran(one, 0.5).model_copy(update={"metrics": {"accuracy": 0.5, "capacity": 0.1}}) for one in of]


# --- over all tasks ---------------------------------------------------------------------------------------------------


def test_ranks_are_of_the_largest_complete_block_and_each_task_counts_once() -> None:
    [view] = overall(rows(two_tasks()), draw=False)
    assert view["title"] == WEIGHTS
    assert view["about"] == (
        "Over the largest complete block, 3 methods, 3 columns (table, pattern, sparsity) of 2 tasks: cora, digits."
    )
    ranks = {label: (mean, low, high) for label, mean, low, high, *_ in view["methods"]}
    assert ranks == {"imp": (1.5, 1, 2), "snip": (1.5, 1, 2), "random": (3, 3, 3)}, "digits has one vote"
    assert view["near"] == (1.0, 1.1, 1.5, 2.0)
    assert all(len(method) == 4 + len(view["near"]) for method in view["methods"])
    assert view["pictures"] == []


def test_where_there_are_too_few_tasks_it_says_why_there_is_no_view() -> None:
    [view] = overall(rows(board()), draw=False)
    assert "takes 3 methods that have results on the same 2 tasks" in view["about"]
    assert "The largest complete block has 2 methods, 3 columns" in view["about"]
    assert "methods" not in view
    assert overall(rows(board()[:1]), draw=False) == [], "the dense network alone is not compared"


def test_methods_that_take_data_in_parts_are_apart() -> None:
    views = overall(rows([*two_tasks(), *in_parts("split-digits"), *in_parts("split-mnist")]), draw=False)
    assert [view["title"] for view in views] == [WEIGHTS, PARTS]
    assert "packnet" not in json.dumps(views[0])
    assert "of 2 tasks: split-digits, split-mnist" in views[1]["about"]
    assert "methods" not in views[1], "two methods are too few"


@pytest.mark.slow
def test_a_view_has_its_figures() -> None:
    [view] = overall(rows(two_tasks()))
    assert [caption.partition(" ")[0] for caption, _ in view["pictures"]] == ["mean", "share"]
    assert all(address.startswith("data:image/svg+xml;base64,") for _, address in view["pictures"])


# --- experiments ------------------------------------------------------------------------------------------------------


TABLE = """# odd:seeds=5

**Claims**

| claim | verdict |
|-------|---------|
| a \\| b \\*c\\* \\_d | DOES NOT HOLD |


**means \\[of\\] seeds**

| n | |
|---|---|
| 3 | 0.1 |
"""


def answer(folder: Path, claims: str = '{"guards": [], "claims": [{"verdict": "does not hold"}]}') -> Path:
    into = folder / "odd" / "seeds=5"
    into.mkdir(parents=True)
    (into / "table.md").write_text(TABLE)
    (into / "claims.json").write_text(claims)
    (into / "curve.svg").write_text("<svg/>")
    return into


def test_an_answer_is_read_as_it_was_written(tmp_path: Path) -> None:
    answer(tmp_path)
    [found] = answered(tmp_path)
    assert (found.asked, found.name, found.claims) == ("odd:seeds=5", "odd", ["does not hold"])
    claims, means = found.tables
    assert (claims.title, claims.heads) == ("Claims", ["claim", "verdict"])
    assert claims.rows == [["a | b *c* _d", "DOES NOT HOLD"]]
    assert (means.title, means.rows) == ("means [of] seeds", [["3", "0.1"]])
    assert answered(tmp_path / "nowhere") == []


@pytest.mark.parametrize("claims", ["", "[]", '{"guards": []}', '{"guards": [], "claims": [{}]}'])
def test_a_broken_answer_is_named(tmp_path: Path, claims: str) -> None:
    into = answer(tmp_path, claims)
    with pytest.raises(UsageError, match=f"{into} is not an answer of an experiment: .*bench experiment"):
        answered(tmp_path)


SENTENCES: list[tuple[list[str], list[str], str]] = [
    ([], [], "It makes no claim."),
    ([], ["holds"], "Of 1 claim, 1 holds."),
    ([], ["not told apart", "holds", "holds"], "Of 3 claims, 2 hold and 1 is not told apart."),
    (["holds"], ["does not hold", "holds", "incomplete"], "Of 3 claims, 1 holds, 1 does not hold and 1 is incomplete."),
    (["not told apart"], ["uninformative"] * 2, "Of 2 claims, 2 are uninformative. 1 precondition did not hold."),
]


@pytest.mark.parametrize(("guards", "claims", "told"), SENTENCES)
def test_the_verdicts_are_a_sentence(guards: list[str], claims: list[str], told: str) -> None:
    assert sentence(Answered("odd", guards, claims, [], {})) == told


def test_an_experiment_has_its_question_command_and_figures(tmp_path: Path) -> None:
    answer(tmp_path)
    [shown] = experiments(answered(tmp_path), {"odd": "Why?"}.__getitem__)
    assert (shown["asks"], shown["command"]) == ("Why?", "bench experiment odd:seeds=5")
    [[name, packed]] = shown["figures"]
    assert (name, gzip.decompress(base64.b64decode(packed))) == ("curve", b"<svg/>")


def test_our_own_answers_are_on_the_page(bench: Bench, tmp_path: Path) -> None:
    """All that are committed, with their questions, tables and figures."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "experiments").symlink_to(ROOT / "results" / "experiments")
    (tmp_path / "results" / "records").symlink_to(ROOT / "results" / "records")
    words = ("leaderboard", "build", "--results", tmp_path / "results", "--task", "cifar10", "--out", tmp_path)
    assert bench(*words).code == 0
    text = (tmp_path / "index.html").read_text()
    known: dict[str, Any] = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    shown = known["experiments"]
    assert len(shown) == len(list((ROOT / "results" / "experiments").glob("*/*/claims.json")))
    for one in shown:
        assert one["asks"].endswith("?"), one["name"]
        assert one["tables"][0][0] == "Claims"
        assert all(len(row) == len(heads) for _, heads, rows_of in one["tables"] for row in rows_of)
        assert one["figures"]
