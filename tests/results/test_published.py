"""Published numbers are whole: of known types and tags, each once, each with its source; and a bad file is named."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.results.published import TAGS, Published, published
from tests.support.command import ROOT

FOLDER = ROOT / "results" / "published"
HEADER = ",".join(Published.model_fields)
GOOD = "mnist,lenet-300-100,snip,one batch,0.95,accuracy,0.984,,,A 2019,full text,Table 1,paper,printed as error 1.6 %"


@pytest.fixture(scope="module")
def rows() -> list[Published]:
    return published(FOLDER)


def write(folder: Path, *lines: str, name: str = "a.csv") -> Path:
    (folder / name).write_text("\n".join([HEADER, *lines]) + "\n")
    return folder


# --- the files we ship ------------------------------------------------------------------------------------------------


def test_every_row_says_whose_it_is_and_where_it_was_read(rows: list[Published]) -> None:
    assert len(rows) > 1000
    assert all(row.paper and row.source and row.table and row.tag in TAGS for row in rows)


def test_there_are_numbers_of_every_tag(rows: list[Published]) -> None:
    assert Counter(row.tag for row in rows).keys() == TAGS.keys()


def test_shares_are_fractions(rows: list[Published]) -> None:
    """A percentage would be far above 1: accuracies, areas, precisions and errors of these tasks all lie in [0, 1]."""
    assert [row for row in rows if not 0 <= row.mean <= 1] == []
    assert [row for row in rows if row.std is not None and row.std > 0.3] == []


def test_a_spread_over_seeds_counts_its_runs_where_they_were_aggregated_here(rows: list[Published]) -> None:
    ours = [row for row in rows if row.note.startswith("aggregated here")]
    assert ours
    assert all(row.n == 3 and row.std is not None for row in ours)


def test_what_keeps_everything_has_sparsity_0(rows: list[Published]) -> None:
    dense = [row for row in rows if row.algorithm == "dense"]
    assert dense
    assert {row.sparsity for row in dense} == {0.0}


NUMBERS = [
    ("mnist", "lenet-300-100", "snip", 0.98, "", 0.976, None),
    ("cifar10", "vgg16-bn", "synflow", 0.99, "100 rounds", 0.9008, 0.0010),
    ("cifar10", "resnet20", "imp", 0.8322, "iterative, rate rewound, weights kept, 182 epochs", 0.9174, 0.0013),
    ("imagenet", "resnet50", "rigl", 0.9, "ERK, 5x training", 0.7642, None),
    ("imagenet", "resnet50", "gmp", 0.9, "best cell of the released grid", 0.7391, None),
    ("minesweeper", "gat-20l", "EldanDelete", None, "20 edges deleted", 0.9548, 0.0064),
]
"""Picked by hand from the papers' tables."""


@pytest.mark.parametrize(("task", "model", "algorithm", "sparsity", "variant", "mean", "std"), NUMBERS)
def test_a_number_is_the_one_that_was_printed(
    rows: list[Published],
    task: str,
    model: str,
    algorithm: str,
    sparsity: float | None,
    variant: str,
    mean: float,
    std: float | None,
) -> None:
    place = (task, model, algorithm, sparsity, variant)
    [row] = [row for row in rows if (row.task, row.model, row.algorithm, row.sparsity, row.variant) == place]
    assert row.mean == pytest.approx(mean, abs=6e-5)
    assert row.std == (None if std is None else pytest.approx(std, abs=6e-5))


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_row_becomes_typed_values(tmp_path: Path) -> None:
    [row] = published(write(tmp_path, GOOD))
    assert (row.task, row.sparsity, row.mean, row.std, row.n, row.tag) == ("mnist", 0.95, 0.984, None, None, "paper")


def test_no_folder_has_no_numbers(tmp_path: Path) -> None:
    assert published(tmp_path / "none") == []


BAD = {
    "a percentage of weights": (GOOD.replace("0.95", "95"), "sparsity"),
    "a word for a number": (GOOD.replace("0.984", "high"), "mean"),
    "not finite": (GOOD.replace("0.984", "nan"), "mean"),
    "no source": (GOOD.replace("full text", ""), "source"),
    "no paper": (GOOD.replace("A 2019", ""), "paper"),
    "an unknown tag": (GOOD.replace(",paper,", ",memory,"), "tag"),
    "no run": (GOOD.replace("0.984,,,", "0.984,0.1,0,"), "n"),
    "too few columns": (GOOD.rpartition(",")[0], "note"),
    "too many columns": (GOOD + ",more", "None"),
}


@pytest.mark.parametrize(("line", "column"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_named_with_its_column(tmp_path: Path, line: str, column: str) -> None:
    with pytest.raises(UsageError) as error:
        published(write(tmp_path, GOOD.replace("snip", "imp"), line))
    assert f"a.csv:3: {column}" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_same_row_twice_is_refused_over_all_files(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("0.984", "0.5"), name="b.csv")
    with pytest.raises(UsageError, match=r"b\.csv:2: the same row as at .*a\.csv:2"):
        published(tmp_path)


def test_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEADER},more\n{GOOD},x\n")
    with pytest.raises(UsageError, match=r"a\.csv: the columns must be task,model,"):
        published(tmp_path)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"a\.csv: not a CSV file"):
        published(tmp_path)
