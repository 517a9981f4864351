"""Texts that share rows: each is read as if it were alone, and no row is wasted."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import vmap

pytest.importorskip("transformers", reason="transformers are not installed: pip install 'prunebench[text]'")

from benchmark.tasks.text._heads import Classifier
from benchmark.tasks.text._labelled import cross_entropy
from benchmark.tasks.text._networks import Networks
from benchmark.tasks.text._packing import Packing
from benchmark.tasks.text._vocabulary import NOWHERE, Vocabulary, word_pieces

from benchmark.deployment.onnx import quiet

WIDTH = 12

LENGTHS = st.lists(st.integers(1, WIDTH), min_size=1, max_size=20)


def there(lengths: list[int]) -> Tensor:
    return torch.arange(WIDTH) < torch.tensor(lengths).unsqueeze(1)


def test_three_texts_fill_two_rows() -> None:
    """Lengths 5, 8 and 4 of 12: the longest is alone with the shortest, which is the last one to be laid down."""
    packing = Packing.of(there([5, 8, 4]))
    assert packing
    assert packing.rows == 2
    assert packing.texts.tolist() == [[1] * 8 + [2] * 4, [0] * 5 + [-1] * 7]
    assert packing.positions.tolist() == [[*range(8), *range(4)], [*range(5), *[0] * 7]]


@given(LENGTHS)
def test_what_is_packed_is_unpacked(lengths: list[int]) -> None:
    packing = Packing.of(there(lengths))
    if packing is None:
        return
    values = torch.arange(len(lengths) * WIDTH).view(-1, WIDTH) + 1
    rows = packing.pack(values, 0)
    assert rows.shape == (packing.rows, WIDTH)
    assert packing.rows < len(lengths)
    assert int((rows > 0).sum()) == sum(lengths)
    back = packing.unpack(rows.unsqueeze(-1)).squeeze(-1)
    assert torch.equal(back[there(lengths)], values[there(lengths)])


@given(LENGTHS)
def test_two_rows_that_fit_into_one_are_one(lengths: list[int]) -> None:
    packing = Packing.of(there(lengths))
    texts = packing.texts if packing else torch.arange(len(lengths)).unsqueeze(1).where(there(lengths), -1)
    full = sorted((texts >= 0).sum(dim=1).tolist())
    assert len(full) < 2 or full[0] + full[1] > WIDTH


def test_texts_are_not_packed_where_that_saves_nothing_or_their_lengths_are_not_known() -> None:
    assert Packing.of(there([12, 7, 6])) is None
    assert Packing.of(there([3, 3]).to("meta")) is None
    found = list[Packing | None]()

    def seen(one: Tensor) -> Tensor:
        found.append(Packing.of(one))
        return one

    vmap(seen)(there([3, 3, 3, 3]).view(2, 2, WIDTH))
    assert found == [None]


def test_an_exported_network_answers_texts_of_other_lengths() -> None:
    network = classifier().eval()
    traced, other = batch([5, 8, 4])[0], batch([2, 12, 3, 1, 6])[0]
    with quiet():
        exported = torch.export.export(network, (traced,), dynamic_shapes=({0: torch.export.Dim("batch")},)).module()
    with torch.no_grad():
        assert torch.allclose(exported(other), network(other), atol=1e-5)


def classifier() -> Any:
    torch.manual_seed(0)
    vocabulary = Vocabulary("films:60", word_pieces)
    return Networks(partial(Classifier, classes=2), vocabulary, 16, ("bert-mini",)).models["bert-mini"]()


def batch(lengths: list[int]) -> tuple[Tensor, Tensor]:
    """Rows of two segments, as pairs of texts have, and labels."""
    draws = torch.Generator().manual_seed(0)
    numbers = torch.randint(5, 60, (len(lengths), WIDTH), generator=draws).where(there(lengths), 0)
    segments = (torch.arange(WIDTH) > 2).long().where(there(lengths), NOWHERE)
    return torch.stack([numbers, segments], dim=1).int(), torch.arange(len(lengths)) % 2


@pytest.mark.parametrize("lengths", [[5, 8, 4], [12, 3, 3, 3, 12, 1]])
def test_outputs_and_gradients_are_those_of_texts_that_are_alone(lengths: list[int]) -> None:
    network = classifier()
    rows, labels = batch(lengths)
    shapes = list[int]()
    network.body.register_forward_pre_hook(
        lambda module, args, given: shapes.append(len(given["input_ids"])), with_kwargs=True
    )
    loss = cross_entropy(network, (rows, labels))
    together = torch.autograd.grad(loss, list(network.parameters()))
    alone = torch.stack(
        [cross_entropy(network, (row[None], label[None])) for row, label in zip(rows, labels, strict=True)]
    )
    one_by_one = torch.autograd.grad(alone.mean(), list(network.parameters()))
    assert shapes[0] < len(lengths)
    assert torch.allclose(loss, alone.mean(), atol=1e-6)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(together, one_by_one, strict=True))


@pytest.mark.gpu
def test_a_gpu_packs_texts_where_no_gradient_is_asked_for() -> None:
    there_ = there([5, 8, 4]).cuda()
    assert Packing.of(there_) is None
    with torch.no_grad():
        packing, on_cpu = Packing.of(there_), Packing.of(there_.cpu())
    assert packing
    assert on_cpu
    assert torch.equal(packing.texts.cpu(), on_cpu.texts)
    assert torch.equal(packing.positions.cpu(), on_cpu.positions)
