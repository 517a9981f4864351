"""What a study asks with and tells with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import pytest
from pydantic import Field

from benchmark import Finding, Study, UsageError, algorithm, by_seed, difference, experiment, without_result
from benchmark.plugins import registry
from benchmark.results.record import Record
from benchmark.studies import result
from benchmark.studies.findings import paired
from benchmark.studies.frames import rows
from benchmark.studies.points import draw
from benchmark.sweep.plan import Selection
from tests.support.generated import cell, ran

Asked = list[Selection]


def doubled(rng: np.random.Generator, *, n: int, by: float) -> dict[str, float]:
    return {"double": n * by}


def broken(rng: np.random.Generator, *, n: int) -> dict[str, float]:
    raise ValueError("no")


@pytest.fixture
def asked() -> Asked:
    return []


@pytest.fixture
def study(asked: Asked) -> Study:
    def answer(*selections: Selection) -> list[Record]:
        asked.extend(selections)
        return [
            ran(cell(choice.name, seed), 0.5 + seed / 10)
            for selection in selections
            for choice in selection.algorithms
            for seed in selection.seeds
        ]

    return Study("trial", answer, lambda points, draws: [(one, draw(one, 0, draws)) for one in points])


def test_runs_speak_the_words_of_bench_run(study: Study, asked: Asked) -> None:
    study.on("digits", model="mlp", budget="smoke", seeds=3)
    frame = study.runs("imp:scope=layer,rounds=1", "snip", sparsity=[0.8, 0.9], control="reinit")
    [selection] = asked
    assert [(one.name, dict(one.options)) for one in selection.algorithms] == [
        ("imp", {"scope": "layer", "rounds": "1"}),
        ("snip", {}),
    ]
    assert (selection.models, selection.budget, selection.seeds) == (["mlp"], "smoke", [0, 1, 2])
    assert (selection.sparsities, selection.controls) == ([0.8, 0.9], ["reinit"])
    assert frame.algorithm.tolist() == ["imp"] * 3 + ["snip"] * 3
    assert by_seed(frame[frame.algorithm == "imp"]) == pytest.approx({0: 0.5, 1: 0.6, 2: 0.7})
    study.runs("dense", seeds=[4], budget="short")
    assert (asked[1].seeds, asked[1].budget, asked[1].models) == ([4], "short", ["mlp"])


def test_without_a_task_nothing_is_asked(study: Study) -> None:
    with pytest.raises(UsageError, match=r"study\.on"):
        study.runs("dense")


def test_runs_over_rows_of_others_are_asked_for_each_at_its_seed_and_sparsity(study: Study, asked: Asked) -> None:
    study.on("digits", model="mlp", budget="smoke", seeds=3)
    sources = study.runs("imp").assign(moment=[0.1, 0.2, 0.3])
    frame = study.runs("ticket:of={key}", "dense:at={moment}", over=sources[1:])
    assert [(one.seeds, one.sparsities, one.models) for one in asked[1:]] == [
        ([1], [0.9], ["mlp"]),
        ([2], [0.9], ["mlp"]),
    ]
    assert [dict(choice.options) for choice in asked[1].algorithms] == [{"of": sources.key[1]}, {"at": "0.2"}]
    assert (frame.algorithm.tolist(), frame.seed.tolist()) == (["ticket", "dense"] * 2, [1, 1, 2, 2])
    assert len(study.runs("ticket:of={key}", over=sources[:0])) == 0


def test_a_row_of_others_may_name_the_task_that_it_is_asked_about_on(study: Study, asked: Asked) -> None:
    study.on("digits", seeds=2)
    sources = study.runs("imp").assign(target=["mnist", "sst2:length=40"])
    study.runs("ticket:of={key}", over=sources, task="{target}")
    on = [[(task.name, dict(task.options)) for task in one.tasks] for one in asked[1:]]
    assert on == [[("mnist", {})], [("sst2", {"length": "40"})]]


def test_a_seed_with_two_rows_is_no_value(study: Study) -> None:
    study.on("digits")
    with pytest.raises(ValueError, match="several rows of one seed"):
        by_seed(study.runs("imp", "snip"))


def test_a_difference_is_between_rows_and_its_noise_that_of_their_table(study: Study) -> None:
    study.on("digits", seeds=3)
    frame = study.runs("imp", "snip", "random")
    frame["score"] += [0.3, 0.31, 0.32, 0.1, 0.12, 0.11, 0, 0, 0]
    one, other = (frame[frame.algorithm == name] for name in ("imp", "snip"))
    found = difference(one, other, among=frame, says="here")
    assert found.estimate == pytest.approx(0.2)
    assert str(found).endswith("n = 3 here")
    assert found == paired(by_seed(one), by_seed(other), says="here", among=rows(frame))
    assert found != difference(one, other, says="here")
    assert difference(one, other, column="loss").missing == ("loss",)
    frame.loc[0, "status"] = "failed"
    assert difference(frame[:3], other).missing == ("imp at 0.9, seed 0 (failed)",)


def test_pruners_are_the_built_in_ones_that_need_no_option(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    names = study.pruners()
    assert {"imp", "snip", "random", "granet"} <= set(names)
    assert not {"dense", "hrank", "spectral", "ugs"} & set(names)
    assert "hrank" in study.pruners("channels")

    def imp(run: Any, *, of: Annotated[str, Field(min_length=1)] = "") -> None: ...

    real, needy = registry.algorithm, algorithm()(imp)
    monkeypatch.setattr(registry, "algorithm", lambda name: needy if name == "imp" else real(name))
    assert study.pruners() == [name for name in names if name != "imp"]


def test_each_asks_for_the_product(study: Study) -> None:
    frame = study.each(doubled, n=[1, 2], by=0.5, draws=2)
    assert frame[["n", "by", "draw", "double"]].to_numpy().tolist() == [
        [1, 0.5, 0, 0.5],
        [1, 0.5, 1, 0.5],
        [2, 0.5, 0, 1],
        [2, 0.5, 1, 1],
    ]
    over = study.each(doubled, over=frame[["n"]].drop_duplicates(), by=[2, 3])
    assert over[["n", "by", "double"]].to_numpy().tolist() == [[1, 2, 2], [1, 3, 3], [2, 2, 4], [2, 3, 6]]


def test_a_point_that_failed_is_a_row_without_a_result(study: Study) -> None:
    frame = study.each(broken, n=[1, 2])
    assert without_result(frame) == ["broken(n=1) (failed)", "broken(n=2) (failed)"]


def test_a_guard_that_fails_takes_the_claims_behind_it(study: Study) -> None:
    yes = Finding(0.2, 0.1, 0.3, 5)
    study.claim("before", yes)
    assert study.guard("it is hard enough", yes)
    assert not study.guard("pre-training helps", Finding(0.004, -0.01, 0.018, 5, bound=0.02))
    study.claim("behind", yes)
    before, behind = study.claims
    assert (before.verdict, behind.verdict) == ("holds", "uninformative")
    assert behind.reason == "pre-training helps: 0.004 [-0.01, 0.018], n = 5; above 0.02 is needed"
    assert [one.verdict for one in study.guards] == ["holds", "does not hold"]


def test_the_result_is_what_was_asked_and_told(study: Study) -> None:
    study.on("digits", seeds=2)
    frame = study.runs("imp")
    study.each(doubled, n=[1], by=2.0, draws=3)
    study.claim("it is so", Finding(0.2, 0.1, 0.3, 5))
    study.table(frame[["algorithm", "seed", "score"]], "all")
    files = result.files(study, "trial")
    assert files.keys() == {"rows.csv", "table.md", "claims.json"}
    assert files == result.files(study, "trial")
    assert "| it is so | holds" in files["table.md"].decode()
    header, *rows = files["rows.csv"].decode().splitlines()
    assert len(rows) == 3, "two records and one point"
    assert {"algorithm", "seed", "score", "point", "double", "draws"} <= set(header.split(","))


def test_an_older_result_goes(study: Study, tmp_path: Any) -> None:
    assert result.put({"a": b"1", "b": b"2"}, tmp_path)
    assert not result.put({"a": b"1", "b": b"2"}, tmp_path)
    assert result.put({"a": b"1"}, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("function", "error", "problem"),
    [
        (lambda study, seeds=3: None, TypeError, "keyword-only"),
        (lambda *, seeds=3: None, TypeError, "the first parameter is the study"),
    ],
)
def test_a_wrong_signature_is_told_where_it_is_defined(
    function: Callable[..., None], error: type, problem: str
) -> None:
    with pytest.raises(error, match=problem):
        experiment()(function)


def test_sizes_are_options_that_there_are() -> None:
    def asked(study: Study, *, seeds: int = 3) -> None: ...

    sized = experiment(full={"seeds": 10}, smoke={"seeds": 1})(asked)
    assert [sized.resolve({}, size)["seeds"] for size in ("smoke", "tiny", "full")] == [1, 3, 10]
    assert sized.resolve({"seeds": "7"}, "full") == {"seeds": 7}
    assert (sized.spelled({"seeds": 3}), sized.spelled({"seeds": 7})) == ("asked", "asked:seeds=7")
    with pytest.raises(UsageError, match="no option of 'asked' named 'draws'"):
        experiment(full={"draws": 10})(asked)
