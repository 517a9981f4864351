"""Rows are made once from the same files in the same way, and anew from others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("tokenizers", reason="tokenizers are not installed: pip install 'prunebench[text]'")

from benchmark.tasks.text._classification import Labels
from benchmark.tasks.text._corpus import Corpus
from benchmark.tasks.text._language import RunningText
from benchmark.tasks.text._masking import Packed
from benchmark.tasks.text._once import Rows, once
from benchmark.tasks.text._vocabulary import Vocabulary, Words, byte_pairs, word_pieces

from benchmark import Splits

PIECES = Vocabulary("films:60", word_pieces)
LABELS = Labels("films", PIECES, 12, 2)
ROWS = [
    LABELS,
    Packed(Corpus("films"), PIECES, 10),
    RunningText(Corpus("films"), Vocabulary("films:280", byte_pairs), 8),
]


@pytest.fixture(autouse=True)
def films(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "films"
    folder.mkdir()
    sentences = ["the film is a joy and long", "a dull film of no end", "long live the joy of films"] * 8
    table = "sentence\tlabel\n" + "".join(f"{text}\t{place % 2}\n" for place, text in enumerate(sentences))
    for name in ("train", "dev", "test"):
        (folder / f"{name}.tsv").write_text(table)
    return folder


def read(rows: Rows, root: Path) -> Splits:
    return once(rows, [PIECES, LABELS if isinstance(rows, Labels) else Corpus("films")], root)


def same(one: Splits, other: Splits) -> bool:
    pairs = [(one.train, other.train), (one.validation, other.validation), (one.test, other.test)]
    return all(mine.digest == theirs.digest for mine, theirs in pairs)


def refuse(self: Words, texts: object) -> None:
    raise AssertionError("they are made again")


@pytest.mark.parametrize("rows", ROWS, ids=lambda rows: type(rows).__name__)
def test_they_are_what_was_made(rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, first = rows.load(tmp_path), read(rows, tmp_path)
    monkeypatch.setattr(Words, "pieces", refuse)
    second = read(rows, tmp_path)
    assert same(made, first)
    assert same(first, second)
    assert [value.dtype for value in second.train.batch(torch.tensor([0]))] == [
        value.dtype for value in made.train.batch(torch.tensor([0]))
    ]


@pytest.mark.parametrize("name", ["train", "dev", "test"])
def test_other_files_give_other_rows(name: str, films: Path, tmp_path: Path) -> None:
    before = read(LABELS, tmp_path)
    with (films / f"{name}.tsv").open("a") as table:
        table.write("a new joy\t1\n")
    after = read(LABELS, tmp_path)
    assert not same(before, after)
    assert same(after, LABELS.load(tmp_path))


def test_a_test_table_that_appears_is_read(films: Path, tmp_path: Path) -> None:
    (films / "test.tsv").rename(films / "later")
    before = read(LABELS, tmp_path)
    (films / "later").rename(films / "test.tsv")
    assert len(read(LABELS, tmp_path).train) > len(before.train), "validation is dev.tsv now"


def test_the_same_bytes_under_another_name_are_read_anew(films: Path, tmp_path: Path) -> None:
    rows = ROWS[1]
    before = read(rows, tmp_path)
    (films / "train.tsv").rename(films / "train.txt")
    after = read(rows, tmp_path)
    assert not same(before, after), "the lines of a text, labels included"
    assert same(after, rows.load(tmp_path))


def test_another_way_of_reading_gives_other_rows(tmp_path: Path) -> None:
    before = read(LABELS, tmp_path)
    assert read(replace(LABELS, length=9), tmp_path).train.batch(torch.tensor([0]))[0].shape[-1] == 9
    assert same(before, read(LABELS, tmp_path))
