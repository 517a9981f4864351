"""Tickets on other tasks: when they match, the matrix of sources and targets, and what is claimed of a task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pandas as pd
import pytest
from benchmark.experiments._transfer import drawn, file_name, has_learned, matches, matrix, over_levels, short
from benchmark.experiments.ticket_transfer import claims, from_tickets

from benchmark import Finding, Study

HELPS = Finding(0.2, 0.15, 0.25, 3, "above", 0.02)
USELESS = Finding(0.01, -0.01, 0.03, 3, "above", 0.02)

DENSE = [0.80, 0.82, 0.84]
"""Their mean is 0.82, their standard deviation 0.02."""


NOISE = [-0.001, 0.002, -0.001]


def rows(arm: str, source: str, scores: list[float], task: str = "a", status: str = "ok") -> pd.DataFrame:
    at = 0.0 if arm == "dense" else 0.5
    given = {"task": task, "model": "m", "pattern": "global", "sparsity": at, "budget": "b", "start": "files"}
    about = {"method": f"{arm} {source}", "control": "", "arm": arm, "source": source, "status": status}
    return pd.DataFrame([given | about | {"seed": seed, "score": score} for seed, score in enumerate(scores)])


def board(**changed: list[float]) -> pd.DataFrame:
    scores = {
        "ticket": [0.789, 0.812, 0.829],
        "one-shot": [0.70, 0.72, 0.74],
        "random": [0.60, 0.62, 0.64],
        "re-initialised": [0.55, 0.57, 0.59],
        "layers exchanged": [0.65, 0.67, 0.69],
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    own = {"ticket": "a", "re-initialised": "a", "layers exchanged": "a"}
    arms = [rows(arm, own.get(arm, arm), values) for arm, values in scores.items()]
    return pd.concat([rows("dense", "dense", DENSE), *arms, rows("moved", "b", [0.70, 0.79, 0.85])], ignore_index=True)


@dataclass
class Told:
    """What an experiment claims."""

    found: dict[str, Finding] = field(default_factory=dict)

    def claim(self, sentence: str, finding: Finding) -> None:
        self.found[sentence] = finding


def claimed(runs: pd.DataFrame, helps: Finding = HELPS) -> dict[str, Finding]:
    told = Told()
    claims(cast("Study", told), "a", runs, helps)
    return told.found


@pytest.mark.parametrize(("score", "verdict"), [(0.21, "holds"), (0.19, "does not hold")])
def test_pretraining_has_to_beat_the_commonest_word_five_times(score: float, verdict: str) -> None:
    finding = has_learned(rows("dense", "dense", [score]).assign(**{"diagnosis.commonest": 0.04}))
    assert finding
    assert finding.verdict(None)[0] == verdict
    assert str(finding) == f"{score:g}, one run"
    assert finding.bound == pytest.approx(0.2)


def test_pretraining_on_other_data_is_not_held_against_words() -> None:
    assert has_learned(rows("dense", "dense", [0.1])) is None
    lost = has_learned(rows("dense", "dense", [float("nan")], status="failed"))
    assert lost
    assert lost.verdict(None)[0] == "incomplete"


def test_a_row_matches_from_one_dense_deviation_below_on() -> None:
    dense = rows("dense", "dense", DENSE)
    for below, verdict in ((0.0, "holds"), (0.015, "holds"), (0.025, "does not hold")):
        row = rows("ticket", "a", [score - below + noise for score, noise in zip(DENSE, NOISE, strict=True)])
        found = matches(row, dense, pd.concat([dense, row]))
        assert (found.bound, found.estimate) == pytest.approx((-0.02, -below))
        assert found.verdict(found.p)[0] == verdict


def test_the_matrix_has_points_and_dense_deviations() -> None:
    table = matrix(board(), {"a": HELPS}).set_index("source")
    assert table.loc["a", ["n", "score", "points", "deviations"]].tolist() == pytest.approx([3, 0.81, -1, -0.5])
    assert table.loc["one-shot", ["points", "deviations"]].tolist() == pytest.approx([-10, -5])
    assert table.matches.to_dict() == {"a": True, "one-shot": False, "random": False}
    assert table.informative.all()


def test_dense_networks_that_are_all_equal_have_no_deviation() -> None:
    runs = board()
    runs.loc[runs.arm == "dense", "score"] = [0.3 * 0.9, 0.27, 0.27]
    table = matrix(runs, {"a": HELPS}).set_index("source")
    assert table.deviations.isna().all()
    assert table.matches.all(), "every arm of this board is better"


def test_one_seed_has_no_deviation_to_match_within() -> None:
    table = matrix(board()[lambda runs: runs.seed == 0], {"a": HELPS})
    assert table.matches.tolist() == [None] * 3
    assert not table.universal.any()


def test_a_source_that_matches_on_every_target_is_universal() -> None:
    other = pd.concat(
        [rows("dense", "dense", DENSE, "b"), rows("ticket", "b", DENSE, "b"), rows("moved", "a", DENSE, "b")]
    )
    table = matrix(pd.concat([board(), other]), {"a": HELPS, "b": HELPS}).set_index(["source", "target"])
    assert table.universal.groupby("source").first().to_dict() == {
        "a": True,
        "b": False,
        "one-shot": False,
        "random": False,
    }
    assert table.matches[("b", "b")], "but not on a"


@dataclass
class Asked:
    """A study that answers every row it is asked about with a run of its own."""

    def runs(self, method: str, *, over: pd.DataFrame, task: str, start: str) -> pd.DataFrame:
        asked = [(method.format(**row), task.format(**row)) for row in over.to_dict("records")]
        options = [{"of": method.partition("=")[2].partition(",")[0]} for method, _ in asked]
        controls = ["relayer" if "control=relayer" in method else "" for method, _ in asked]
        return pd.DataFrame({"task": [task for _, task in asked], "options": options, "control": controls})


def test_layers_are_exchanged_under_the_masks_of_a_ticket_itself() -> None:
    """Pruned anew, a network whose layers are exchanged has other masks, which follow the layers."""
    other = pd.concat([rows("dense", "dense", DENSE, "b"), rows("ticket", "b", DENSE, "b")])
    arms = pd.concat([board(), other])[lambda runs: runs.arm != "moved"]
    arms["key"] = [f"{arm}-{task}-{seed}" for arm, task, seed in zip(arms.arm, arms.task, arms.seed, strict=True)]
    found = from_tickets(cast("Study", Asked()), "files", arms)
    keys = [options["of"] for options in found.options]
    told = set(zip(keys, found.source, found.task, found.arm, strict=True))
    assert len(found) == len(told) == 12, "three seeds, two tickets, two targets"
    assert ("ticket-a-0", "a", "a", "layers exchanged") in told
    assert ("ticket-a-0", "a", "b", "moved") in told
    assert ("ticket-b-2", "b", "b", "layers exchanged") in told


def test_a_ticket_from_elsewhere_stands_in_the_row_of_its_source() -> None:
    other = pd.concat([rows("dense", "dense", DENSE, "b"), rows("ticket", "b", DENSE, "b")])
    table = matrix(pd.concat([board(), other]), {"a": HELPS, "b": USELESS})
    moved = table[(table.source == "b") & (table.target == "a")].iloc[0]
    assert (moved.score, moved.points) == pytest.approx((0.78, -4))
    assert table[table.target == "b"].informative.tolist() == [False] * 4


def test_what_is_claimed_of_a_task() -> None:
    found = claimed(board())
    assert [sentence.removesuffix(", at sparsity 0.5") for sentence in found] == [
        "a ticket of a matches the dense network",
        "a ticket of b matches the dense network on a",
        *(
            f"a ticket of a is better than {arm}"
            for arm in ("one-shot", "random", "re-initialised", "layers exchanged")
        ),
    ]
    verdicts = [finding.verdict(finding.p)[0] for finding in found.values()]
    assert verdicts == ["holds", "not told apart", "holds", "holds", "holds", "holds"]


def test_a_worse_ticket_is_told_as_loudly() -> None:
    found = claimed(board(one_shot=[0.88, 0.91, 0.93]))
    better = found["a ticket of a is better than one-shot, at sparsity 0.5"]
    assert better.verdict(better.p)[0] == "does not hold"


def test_nothing_is_claimed_where_pretraining_does_not_help() -> None:
    for finding in claimed(board(), USELESS).values():
        verdict, reason = finding.verdict(None)
        assert verdict == "uninformative"
        assert reason.startswith("it is not shown that pre-training helps on a: 0.01")
        assert reason.endswith("; above 0.02 is needed")


def test_a_control_that_does_not_apply_is_left_out() -> None:
    runs = board()
    runs.loc[runs.arm == "layers exchanged", ["status", "score"]] = ["skipped", float("nan")]
    assert not any("layers exchanged" in sentence for sentence in claimed(runs))


def test_lost_runs_are_named() -> None:
    runs = board()
    runs.loc[(runs.arm == "ticket") & (runs.seed == 1), ["status", "score"]] = ["diverged", float("nan")]
    verdict, reason = claimed(runs)["a ticket of a matches the dense network, at sparsity 0.5"].verdict(None)
    assert (verdict, reason) == ("incomplete", "no result of ticket a at 0.5, seed 1 (diverged)")


@pytest.mark.runs
def test_the_column_of_a_task_on_which_pretraining_does_not_help_is_grey() -> None:
    other = pd.concat([rows("dense", "dense", DENSE, "b"), rows("ticket", "b", DENSE, "b")])
    figure: Any = drawn(pd.concat([board(), other]), {"a": HELPS, "b": USELESS})
    [image] = figure.axes[0].images
    assert image.get_array().mask[:, 1].all()
    assert not image.get_array().mask[:, 0].any()
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[0] == "-1.0 (-0.5)"
    assert "+0.0 (+0.0)" in texts


@pytest.mark.runs
def test_over_levels_a_ticket_from_elsewhere_has_a_line_of_its_own() -> None:
    arms = ["ticket", "one-shot"]
    figure: Any = over_levels(pd.concat([board(), board().assign(sparsity=0.7)]), "a:length=8", arms)
    [axes] = figure.axes
    lines = {line.get_label(): [*line.get_xdata(), *line.get_ydata()] for line in axes.lines}
    assert list(lines) == ["dense", *arms, "ticket of b"]
    assert lines["ticket of b"] == pytest.approx([30, 50, 0.78, 0.78])
    assert axes.get_title(loc="left") == "score on a"


def test_files_of_tasks_of_one_name_are_told_by_their_options() -> None:
    tasks = ["sst2:length=40", "split-mnist:part=2,examples=300", "split-mnist:part=3,examples=300"]
    assert [file_name(task, tasks) for task in tasks] == [
        "sst2",
        "split-mnist-part-2-examples-300",
        "split-mnist-part-3-examples-300",
    ]


def test_names_are_short() -> None:
    assert short("sst2:length=40,examples=1000,precision=bfloat16") == "sst2, examples=1000"
    assert short("mlm:length=24") == "mlm"
