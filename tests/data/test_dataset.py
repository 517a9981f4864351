"""Data sets of torch as `Data`: the same batches, whether they are kept or read anew."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from benchmark import DatasetData
from benchmark.errors import Inapplicable, PluginError

INPUTS, LABELS = torch.arange(12.0).reshape(6, 2), torch.tensor([0, 1, 2, 0, 1, 2])
INDEX = torch.tensor([4, 0])


class Squares:
    """Examples of different lengths, which counts how often it is read."""

    def __init__(self) -> None:
        self.reads = 0

    def __len__(self) -> int:
        return 6

    def __getitem__(self, number: int) -> dict[str, Any]:
        self.reads += 1
        return {"tokens": torch.full((number + 1,), number), "label": number % 3}


def padded(examples: list[dict[str, Any]]) -> dict[str, Tensor]:
    tokens = torch.nn.utils.rnn.pad_sequence([one["tokens"] for one in examples], batch_first=True)
    return {"tokens": tokens, "label": torch.tensor([one["label"] for one in examples])}


def test_a_batch_is_the_examples_at_an_index() -> None:
    inputs, labels = DatasetData(TensorDataset(INPUTS, LABELS)).batch(INDEX)
    assert inputs.tolist() == [[8.0, 9.0], [0.0, 1.0]]
    assert labels.tolist() == [1, 0]


@pytest.mark.parametrize("memory", [0, 2**20])
def test_what_is_kept_and_what_is_read_anew_are_the_same_batches_and_choices(memory: int) -> None:
    data = DatasetData(Squares(), padded, memory=memory)
    assert data.kept == (memory > 0)
    assert data.batch(INDEX)["tokens"].tolist() == [[4, 4, 4, 4, 4], [0, 0, 0, 0, 0]]
    assert data.select(torch.tensor([5, 1])).batch(torch.tensor([1]))["tokens"].tolist() == [[1, 1]]
    other = data.relabelled(torch.Generator().manual_seed(1))
    order = torch.randperm(6, generator=torch.Generator().manual_seed(1))
    everything = torch.arange(6)
    assert other.batch(everything)["label"].tolist() == (order % 3).tolist()
    assert other.batch(everything)["tokens"].equal(data.batch(everything)["tokens"])
    assert other.digest != data.digest == DatasetData(Squares(), padded, memory=memory).digest


def test_what_is_kept_is_read_once_beside_the_look_at_its_size() -> None:
    examples = Squares()
    data = DatasetData(examples, padded)
    before = examples.reads
    assert data.batch(INDEX)["label"].tolist() == [1, 0]
    assert examples.reads == before == 12


def test_classes_are_known_of_what_is_kept() -> None:
    kept = DatasetData(Squares(), padded).classes
    assert kept is not None
    assert kept.tolist() == LABELS.tolist()
    assert DatasetData(Squares(), padded, memory=0).classes is None
    assert DatasetData(TensorDataset(INPUTS, INPUTS)).classes is None
    named = DatasetData(TensorDataset(LABELS, INPUTS), target=0).classes
    assert named is not None
    assert named.tolist() == LABELS.tolist()


def test_a_loader_gives_its_data_set_and_its_collate_function() -> None:
    loader = DataLoader(Squares(), batch_size=3, shuffle=True, collate_fn=padded)  # type: ignore[arg-type, var-annotated]
    assert DatasetData(loader).batch(INDEX)["tokens"].shape == (2, 5)
    plain = DatasetData(DataLoader(TensorDataset(INPUTS, LABELS), batch_size=3))
    assert plain.batch(INDEX)[1].tolist() == [1, 0]


def test_numbers_of_python_and_numpy_become_float32_and_structures_stay() -> None:
    Pair = namedtuple("Pair", "inputs targets")  # of a user's, as collate knows them
    batch = DatasetData([Pair(0.5, 1), Pair(1.5, 0)]).batch(torch.tensor([1]))
    assert type(batch).__name__ == "Pair"
    assert (batch.inputs.dtype, batch.targets.dtype) == (torch.float32, torch.int64)
    texts = DatasetData([{"text": "a", "label": 0}, {"text": "b", "label": 1}]).batch(torch.tensor([1, 0]))
    assert texts["text"] == ("b", "a")


def test_what_cannot_be_used_is_told() -> None:
    class Endless(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            yield 1

    with pytest.raises(TypeError, match="a Endless has no examples by number"):
        DatasetData(Endless())
    with pytest.raises(ValueError, match="1 of 6 examples have NaN"):
        DatasetData(TensorDataset(INPUTS / INPUTS, LABELS)).check()
    with pytest.raises(Inapplicable, match="no target that is known"):
        DatasetData([torch.zeros(1), torch.ones(1)]).relabelled(torch.Generator())
    with pytest.raises(TypeError, match="no graph"):
        DatasetData(TensorDataset(INPUTS, LABELS)).rewrite(lambda graph: graph)


@pytest.mark.parametrize(
    ("examples", "why"),
    [([(torch.ones(1), 0), (torch.ones(2), 1)], "equal size"), ([(object(), 0)] * 2, "must contain")],
)
def test_examples_that_make_no_batch_say_what_to_do(examples: list[Any], why: str) -> None:
    with pytest.raises(
        PluginError, match=rf"the examples cannot be put into a batch: .*{why}.*give the data set a transform"
    ):
        DatasetData(examples).batch(torch.tensor([0, 1]))
