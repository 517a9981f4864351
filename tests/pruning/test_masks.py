"""Masks are values: what is kept, its arithmetic, and a digest that names it."""

from __future__ import annotations

from io import BytesIO

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark import Masks, keep_top
from benchmark.contract.toy import toy
from benchmark.contract.trial import watched
from benchmark.pruning.ranking import noise
from benchmark.training.step import Snapshot
from tests.support.masks import digest, packed, unpacked


def bits(text: str) -> Tensor:
    """`"10 01"` -> a 2 by 2 mask."""
    return torch.tensor([[bit == "1" for bit in row] for row in text.split()])


def checkerboard(*shape: int) -> Tensor:
    """An irregular mask without symmetry, the same on every call."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) < 0.4


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.int64])
def test_a_mask_that_is_not_boolean_is_a_type_error_that_names_it(dtype):
    with pytest.raises(TypeError, match=rf"the mask of 'fc' has dtype {dtype}; masks are torch.bool, True = kept"):
        Masks({"conv": bits("11"), "fc": torch.ones(2, 2, dtype=dtype)})


def test_masks_do_not_follow_the_tensors_they_were_made_from():
    tensor, mapping = bits("10 11"), {}
    mapping["fc"] = tensor
    masks = Masks(mapping)
    tensor.fill_(False)
    mapping["late"] = bits("1")
    assert list(masks) == ["fc"]
    assert torch.equal(masks["fc"], bits("10 11"))


@pytest.mark.parametrize(
    ("operate", "expected"),
    [
        (lambda a, b: a & b, "1000"),
        (lambda a, b: a | b, "1110"),
        (lambda a, b: ~a, "0011"),
        (lambda a, b: ~(a & ~b), "1011"),
    ],
    ids=["and", "or", "not", "and-not"],
)
def test_operators_work_bit_by_bit_and_give_new_masks(operate, expected):
    left, right = Masks({"fc": bits("1100")}), Masks({"fc": bits("1010")})
    found = operate(left, right)
    assert torch.equal(found["fc"], bits(expected))
    assert torch.equal(left["fc"], bits("1100"))
    assert torch.equal(right["fc"], bits("1010"))


@pytest.mark.parametrize("operate", [lambda a, b: a & b, lambda a, b: a | b], ids=["and", "or"])
@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"fc": bits("11")}, "'conv' is in only one of them"),
        ({"fc": bits("11"), "conv": bits("11"), "more": bits("11")}, "'more' is in only one of them"),
        ({"fc": bits("11"), "conv": bits("1 1")}, "the masks of 'conv' have shapes"),
    ],
    ids=["missing", "extra", "shape"],
)
def test_masks_of_different_tensors_do_not_combine(operate, other, message):
    with pytest.raises(ValueError, match=message):
        operate(Masks({"fc": bits("11"), "conv": bits("11")}), Masks(other))


def test_counts_and_density_are_of_what_is_kept():
    masks = Masks({"fc1": bits("110 000"), "fc2": bits("11")})
    assert masks.counts == {"fc1": 2, "fc2": 2}
    assert (masks.kept, masks.total, masks.density) == (4, 8, 0.5)


def test_ones_keep_every_weight():
    masks = Masks.ones({"conv": torch.zeros(2, 3, 1, 1), "fc": torch.zeros(4, 5)})
    assert masks.counts == {"conv": 6, "fc": 20}
    assert masks.density == 1.0


def test_without_anything_to_prune_the_density_is_one():
    assert Masks({}).density == 1.0


def test_repr_counts_weights_density_and_tensors():
    first = torch.arange(4096).view(64, 64) < 400
    masks = Masks({"fc1": first, "fc2": torch.arange(128).view(1, 128) < 35, "fc3": torch.zeros(128, 1).bool()})
    assert repr(masks) == "Masks(435 of 4,352 kept, density 0.1000, 3 tensors)"


def test_repr_of_one_tensor_is_in_the_singular():
    assert repr(Masks({"fc": bits("1110")})) == "Masks(3 of 4 kept, density 0.7500, 1 tensor)"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"a": bits("10"), "b": bits("11")}, True),
        ({"b": bits("11"), "a": bits("10")}, True),
        ({"a": bits("11"), "b": bits("11")}, False),
        ({"a": bits("1 0"), "b": bits("11")}, False),
        ({"a": bits("10")}, False),
        ({"a": bits("10"), "c": bits("11")}, False),
    ],
    ids=["equal", "other order", "other bit", "other shape", "fewer", "other name"],
)
def test_equality_and_digest_agree(other, same):
    masks = Masks({"a": bits("10"), "b": bits("11")})
    assert (masks == Masks(other)) is same
    assert (digest(masks) == digest(Masks(other))) is same


def test_masks_equal_nothing_but_masks():
    assert Masks({"a": bits("10")}) != {"a": bits("10")}


def test_masks_are_not_hashable():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Masks({}))


def test_the_memory_format_of_a_mask_is_not_part_of_its_value():
    plain = checkerboard(3, 4, 5, 2)
    channels_last = plain.to(memory_format=torch.channels_last)
    transposed = plain.movedim(0, -1).contiguous().movedim(-1, 0)
    assert channels_last.stride() != plain.stride() != transposed.stride()
    for other in (channels_last, transposed):
        assert Masks({"conv": other}) == Masks({"conv": plain})
        assert digest(Masks({"conv": other})) == digest(Masks({"conv": plain}))
        assert Masks({"conv": other}).counts == Masks({"conv": plain}).counts


def test_masks_in_both_memory_formats_combine():
    plain = checkerboard(3, 4, 5, 2)
    channels_last = plain.to(memory_format=torch.channels_last)
    nothing = Masks({"conv": channels_last}) & ~Masks({"conv": plain})
    everything = Masks({"conv": channels_last}) | ~Masks({"conv": plain})
    assert (nothing.kept, everything.density) == (0, 1.0)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_digest_packs_the_bits_in_tensor_order(memory_format):
    """A known value: it must not change between versions, machines and layouts, or no record could be verified."""
    mask = (torch.arange(24).view(2, 3, 2, 2) % 5 < 2).to(memory_format=memory_format)
    assert digest(Masks({"conv": mask})) == "6dcfadda5e33cffed39b7c75cad217695170db768b8b487277c0ead6107261a7"


@settings(max_examples=30)
@given(st.lists(st.booleans(), min_size=1, max_size=40), st.data())
def test_one_flipped_bit_changes_the_digest(values, data):
    mask = torch.tensor(values).view(1, -1)
    flipped = mask.clone()
    flipped[0, data.draw(st.integers(0, len(values) - 1))] ^= True
    assert digest(Masks({"fc": mask})) == digest(Masks({"fc": mask.clone()}))
    assert digest(Masks({"fc": mask})) != digest(Masks({"fc": flipped}))


def test_the_same_bits_under_another_name_or_shape_have_another_digest():
    digests = {digest(Masks({name: mask})) for name in "ab" for mask in (bits("1001"), bits("10 01"))}
    assert len(digests) == 4


@pytest.mark.runs
@settings(max_examples=12)
@given(
    density=st.floats(0.05, 1),
    model=st.sampled_from(list(toy.models)),
    kind=st.sampled_from([torch.float64, torch.bfloat16, torch.float16]),
    seed=st.integers(0, 99),
)
def test_masks_and_the_zeros_they_make_survive_other_types_and_files(density, model, kind, seed):
    """And training that goes on from a file, elsewhere."""
    run, other, file = watched(density, model), watched(density, model), BytesIO()
    run.prune(keep_top(noise(run.weights, torch.Generator().manual_seed(seed)), run.target))
    run.train(3)
    weights, network = run.weights, run._state.model.to(kind).cpu()
    torch.save((network.state_dict(), packed(run.masks), dict(run.masks)), file)
    state, content, plain = torch.load(BytesIO(file.getvalue()))
    assert unpacked(content) == Masks(plain) == run.masks
    assert digest(unpacked(content)) == digest(Masks(plain)) == digest(run.masks)
    other.prune(unpacked(content))
    other.restore(Snapshot(state, 3))
    assert all(torch.equal(weight, weights[name].to(kind).float()) for name, weight in other.weights.items())
    other.train(3)
    assert not any(other.weights[name][~mask].any() for name, mask in run.masks.items())
