"""What is no data, or cannot be learned from, is refused before anything is trained on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from benchmark import DatasetData, DataSource, Splits, TensorData
from benchmark.data.folders import DataFolders
from benchmark.errors import DataMissing, PluginError

GOOD = TensorData(torch.ones(4, 2), torch.tensor([0, 1, 0, 1]))


def labelled(*labels: float) -> TensorData:
    return TensorData(torch.ones(len(labels), 2), torch.tensor(labels))


@pytest.mark.parametrize("make", [lambda pairs: pairs, DataLoader, list])
def test_what_is_not_read_by_index_is_told_what_to_do_instead(make: Callable[[TensorDataset], object]) -> None:
    given = make(TensorDataset(GOOD.inputs, GOOD.targets))
    with pytest.raises(TypeError) as told:
        Splits(GOOD, given, GOOD)  # type: ignore[arg-type]
    assert f"the validation split is a {type(given).__name__}, which lacks batch" in str(told.value)
    assert "\n    validation = DatasetData(dataset)\n" in str(told.value)


def test_the_lines_of_the_message_work() -> None:
    given = TensorDataset(GOOD.inputs, GOOD.targets)
    with pytest.raises(TypeError) as told:
        Splits(given, GOOD, GOOD)  # type: ignore[arg-type]
    lines = "\n".join(line.strip() for line in str(told.value).splitlines() if line.startswith("    "))
    names: dict[str, Any] = {"dataset": given, "DatasetData": DatasetData}
    exec(lines, names)
    made, everything = names["train"], torch.arange(len(GOOD))
    assert all(one.equal(other) for one, other in zip(made.batch(everything), GOOD.batch(everything), strict=True))


def test_a_task_without_data_is_unfit_and_bad_data_are_corrupt(tmp_path: Path) -> None:
    loader = DataSource(lambda folder: Splits(GOOD, DataLoader(TensorDataset(GOOD.inputs)), GOOD))  # type: ignore[arg-type]
    with pytest.raises(PluginError, match=r"^task 'own': the validation split is a DataLoader") as unfit:
        DataFolders(tmp_path).readable("own", loader)
    beyond = DataSource(lambda folder: Splits(GOOD, GOOD, labelled(0, 2)))
    with pytest.raises(DataMissing, match="test has the label 2, and the labels of train end at 1") as corrupt:
        DataFolders(tmp_path).readable("own", beyond)
    assert (unfit.value.exit_code, corrupt.value.exit_code) == (3, 4)


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ((GOOD, labelled(0, -1), GOOD), "validation has the label -1; classes are numbered from 0"),
        ((GOOD, GOOD, labelled(0, 7)), "test has the label 7, and the labels of train end at 1"),
        ((labelled(3, 3), labelled(3), labelled(3)), "all examples of train have the label 3"),
        ((GOOD, TensorData(torch.tensor([[1.0], [torch.nan]]), torch.tensor([0, 1])), GOOD), "1 of 2 inputs have NaN"),
        (
            (GOOD, GOOD, TensorData(torch.tensor([torch.inf, 1.0]), torch.tensor([0, 1]))),
            "test: 1 of 2 inputs have NaN",
        ),
    ],
)
def test_examples_that_cannot_be_used_are_refused(splits: tuple[TensorData, ...], words: str, tmp_path: Path) -> None:
    source = DataSource(lambda folder: Splits(*splits))
    by_seed = DataSource(lambda folder: Splits(GOOD, GOOD, GOOD), split_of_seed=lambda folder, seed: Splits(*splits))
    for read in (lambda: source(tmp_path), lambda: source.splits(tmp_path, 0), lambda: by_seed.splits(tmp_path, 5)):
        with pytest.raises(ValueError, match=words):
            read()


def test_numbers_to_predict_may_be_anything(tmp_path: Path) -> None:
    DataSource(lambda folder: Splits(labelled(1.0, 2.0), labelled(5.0), labelled(-5.0)))(tmp_path)


def test_empty_splits_are_refused() -> None:
    with pytest.raises(ValueError, match="the test split is empty"):
        Splits(GOOD, GOOD, TensorData(torch.ones(0, 2), torch.ones(0)))


def test_there_is_a_target_for_every_input() -> None:
    with pytest.raises(ValueError, match=r"^60,000 inputs, but 10,000 targets$"):
        TensorData(torch.zeros(60_000, 1), torch.zeros(10_000))
    with pytest.raises(TypeError, match="targets must be a torch tensor, got list"):
        TensorData(torch.zeros(1), [1])  # type: ignore[arg-type]


def test_data_of_other_kinds_check_themselves(tmp_path: Path) -> None:
    class Own(TensorData):
        def check(self) -> None:
            raise ValueError("the third sentence has no words")

    with pytest.raises(ValueError, match=r"^train: the third sentence has no words$"):
        DataSource(lambda folder: Splits(Own(GOOD.inputs, GOOD.targets), GOOD, GOOD))(tmp_path)


def test_what_is_no_splits_is_told(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"Splits\(train, validation, test\), not a tuple"):
        DataSource(lambda folder: (GOOD, GOOD, GOOD))(tmp_path)  # type: ignore[arg-type, return-value]


def test_checks_leave_the_examples_as_they_are(tmp_path: Path) -> None:
    before: Tensor = GOOD.inputs.clone()
    DataSource(lambda folder: Splits(GOOD, GOOD, GOOD))(tmp_path)
    assert torch.equal(GOOD.inputs, before)
