"""Through the command: a mask that was found on one task serves others, and a start serves them all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers", reason="transformers are not installed: pip install 'prunebench[text]'")

from benchmark.results.record import Record
from benchmark.results.store import Store
from tests.support.command import Bench

pytestmark = pytest.mark.runs

SENTENCES = ["the film is a joy", "a dull film", "the joy of a good film", "it is dull and it is long", "long live joy"]

FILMS = "vocabulary=films:80,length=16"

Asked = Callable[..., list[Record]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with texts of two labels, `films`, and of three, `stars`."""
    root = tmp_path_factory.mktemp("data")
    for name, labels in (("films", 2), ("stars", 3)):
        (root / name).mkdir()
        for part, count in (("train", 400), ("dev", 60), ("test", 60)):
            rows = (f"{number % labels}\t{SENTENCES[number % 5]} {part} {number}\n" for number in range(count))
            (root / name / f"{part}.tsv").write_text("label\tsentence\n" + "".join(rows))
    return root


@pytest.fixture
def asked(bench: Bench, own: Store, data: Path) -> Asked:
    """`asked(algorithm, task, ...)`: the records of cells of three steps, which have a result."""

    def ask(algorithm: str, task: str, *words: str) -> list[Record]:
        before = {record.key for record in own.records()}
        given = ("--algo", algorithm, "--task", task, "--model", "bert-mini", "--steps", "3", "--jobs", "0")
        ended = bench("run", *given, "--data-root", data, *words)
        assert ended.code == 0, ended.err
        return [record for record in own.records() if record.key not in before]

    return ask


@pytest.mark.slow
def test_a_mask_of_two_labels_serves_masked_words_and_three_labels(asked: Asked) -> None:
    [start] = asked("dense", f"mlm:corpus=films,{FILMS}")
    [source] = asked("imp:rounds=2,rewind=0", f"text:folder=films,{FILMS}", "--start", start.key[:12])
    for task in (f"mlm:corpus=films,{FILMS}", f"text:folder=stars,classes=3,{FILMS}"):
        [moved] = asked(f"ticket:of={source.key[:12]}", task, "--start", start.key[:12], "--sparsity", "0.5")
        assert moved.mask_digest == source.mask_digest


@pytest.mark.slow
def test_one_shot_masks_depend_on_the_start_alone(asked: Asked) -> None:
    [start] = asked("dense", f"mlm:corpus=films,{FILMS}")
    words: tuple[Any, ...] = ("--start", start.key[:12], "--seeds", "2")
    records = asked("magnitude:when=init", f"text:folder=films,{FILMS}", *words)
    assert len({record.mask_digest for record in records}) == 1
    assert len({record.cell.seed for record in records}) == 2
    [other] = asked("magnitude:when=init", f"mlm:corpus=films,{FILMS}", "--start", start.key[:12])
    assert other.mask_digest == records[0].mask_digest


@pytest.mark.slow
@pytest.mark.parametrize("vocabulary", ["tales.txt:80", "films:80"], ids=["another name", "the same name elsewhere"])
def test_a_start_of_another_vocabulary_is_refused_before_anything_runs(
    vocabulary: str, asked: Asked, bench: Bench, data: Path, tmp_path: Path
) -> None:
    [start] = asked("dense", f"mlm:corpus=films,{FILMS}")
    assert asked("dense", f"text:folder=films,{FILMS}", "--start", start.key[:12]), "its network is kept from now on"
    shutil.copytree(data / "films", tmp_path / "films")
    tale = "\n".join(f"once upon a time {number}" for number in range(40))
    (tmp_path / "tales.txt").write_text(tale)
    table = (data / "films" / "train.tsv").read_text()
    (tmp_path / "films" / "train.tsv").write_text(table.replace("film", "picture"))
    task = f"text:folder=films,vocabulary={vocabulary},length=16"
    given = ("--algo", "dense", "--task", task, "--model", "bert-mini", "--steps", "4", "--jobs", "0")
    ended = bench("run", *given, "--start", start.key[:12], "--data-root", tmp_path)
    assert ended.code == 2
    assert "the start knows other words than this network" in ended.err
