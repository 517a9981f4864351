"""Recipes, orders, streams and data: pure functions of a seed and a step, and a test split that stays shut."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from benchmark import Recipe, Splits, TensorData
from benchmark.contract.toy import toy
from benchmark.data.folders import DataFolders
from benchmark.data.source import DataSource
from benchmark.data.splits import sealed
from benchmark.data.tensors import carve
from benchmark.errors import Breach, DataMissing, UsageError
from benchmark.random_streams import stream, stream_seed
from benchmark.training.order import Order
from benchmark.training.recipe import shortened
from benchmark.training.task import conv_and_linear

quick = settings(max_examples=50)

# --- the learning rate ------------------------------------------------------------------------------------------------


def rates(*steps: int, **schedule: object) -> list[float]:
    recipe = Recipe(batch_size=1, **({"steps": 100, "rate": 0.1} | schedule))
    return [recipe.rate_at(step) for step in steps]


@pytest.mark.parametrize(
    ("schedule", "steps", "expected"),
    [
        ({}, (0, 50, 99), [0.1, 0.1, 0.1]),
        ({"milestones": (50, 75)}, (0, 49, 50, 74, 75, 99), [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]),
        ({"milestones": (50,), "gamma": 0.5}, (49, 50), [0.1, 0.05]),
        ({"milestones": (0,)}, (0,), [0.01]),
        ({"warmup": 4}, (0, 1, 2, 3, 4, 99), [0.025, 0.05, 0.075, 0.1, 0.1, 0.1]),
        ({"warmup": 4, "milestones": (2,)}, (1, 2, 3, 4), [0.05, 0.0075, 0.01, 0.01]),
        ({"cosine": True}, (0, 25, 50, 75), [0.1, 0.05 * (1 + 0.5**0.5), 0.05, 0.05 * (1 - 0.5**0.5)]),
        ({"cosine": True, "warmup": 2}, (0, 1, 50), [0.05, 0.05 * (1 + math.cos(math.pi / 100)), 0.05]),
        ({"linear": True}, (0, 50, 99), [0.1, 0.05, 0.001]),
        ({"linear": True, "warmup": 20}, (0, 9, 19, 20, 60, 99), [0.005, 0.05, 0.1, 0.1, 0.05, 0.1 / 80]),
    ],
    ids=[
        *("constant", "milestones", "gamma", "at once", "warm-up", "both", "cosine", "cosine after warm-up"),
        *("linear", "linear after warm-up"),
    ],
)
def test_the_rate_follows_its_schedule(schedule, steps, expected):
    assert rates(*steps, **schedule) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("budget", "steps"), [("7-steps", 7), ("2000-steps", 2000), ("1-epochs", 6), ("3-epochs", 18)])
def test_a_budget_can_be_a_length(budget, steps):
    """200 training points in batches of 32 are six steps an epoch, and the eight left over are none."""
    assert toy.recipe(budget, "net", examples=200) == shortened(toy.recipe("full"), steps)


def test_an_epoch_of_fewer_examples_than_a_batch_is_one_step():
    assert toy.recipe("4-epochs", "net", examples=5).steps == 4


def test_a_length_in_epochs_needs_the_number_of_examples():
    assert toy.recipe("4-steps").steps == 4
    with pytest.raises(ValueError, match="how many training examples"):
        toy.recipe("4-epochs")


@pytest.mark.parametrize("budget", ["0-steps", "07-steps", "-1-steps", "1.5-epochs", "5-step", "steps", "10-epochs "])
def test_what_is_no_length_is_no_budget(budget):
    with pytest.raises(UsageError, match="no budget named"):
        toy.recipe(budget, examples=200)


def test_a_shortened_recipe_falls_at_the_same_places_on_the_way():
    full = Recipe(steps=1000, batch_size=4, rate=0.1, milestones=(500, 750), warmup=100, weight_decay=1e-4)
    assert shortened(full, 40) == replace(full, steps=40, milestones=(20, 30), warmup=4)


def test_a_model_may_be_trained_otherwise():
    other = {"smoke": replace(toy.recipe("smoke"), rate=0.5)}
    task = replace(toy, model_recipes={"other": other})
    assert task.recipe("smoke", "other").rate == 0.5
    assert task.recipe("smoke", "net") == task.recipe("smoke") == toy.recipe("smoke")
    with pytest.raises(UsageError, match="no budget named 'full' for this task; it has: smoke"):
        task.recipe("full", "other")


@pytest.mark.parametrize(
    "schedule", [{}, {"milestones": (50, 120)}, {"cosine": True}, {"linear": True, "warmup": 5}, {"warmup": 200}]
)
def test_past_the_end_the_rate_stays_what_it_was_at_the_last_step(schedule):
    last, *later = rates(99, 100, 101, 10_000, **schedule)
    assert later == [last] * 3
    assert last > 0


@quick
@given(st.integers(1, 200), st.integers(0, 50), st.sampled_from(["cosine", "linear", "nesterov"]))
def test_the_rate_is_positive_and_never_above_its_peak(steps, warmup, kind):
    found = rates(*range(2 * steps), steps=steps, warmup=warmup, **{kind: True})
    assert all(0 < rate <= 0.1 * (1 + 1e-12) for rate in found)


def test_a_recipe_is_described_in_plain_values():
    recipe = Recipe(steps=10, batch_size=2, rate=0.1, milestones=(5,), augment=double)
    described = recipe.describe()
    assert described["milestones"] == [5]
    assert described["augment"] == "double"
    assert set(described) == set(Recipe.__dataclass_fields__) - {"linear"}, "older records lack it"
    assert replace(recipe, linear=True).describe()["linear"] is True
    assert Recipe(steps=1, batch_size=1, rate=1).describe()["augment"] is None


def double(batch, rng):
    return batch


# --- the order of the data --------------------------------------------------------------------------------------------


@quick
@given(st.integers(1, 40), st.integers(1, 45), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_shows_no_example_twice_and_leaves_out_less_than_a_batch(size, batch_size, seed, epoch):
    order = Order(size, batch_size, seed)
    steps = size // order.batch_size
    batches = [order[step] for step in range(epoch * steps, (epoch + 1) * steps)]
    assert {len(batch) for batch in batches} == {min(batch_size, size)}
    seen = torch.cat(batches).tolist()
    assert len(set(seen)) == len(seen) > size - order.batch_size
    assert set(seen) <= set(range(size))


def test_where_the_batch_divides_the_data_every_epoch_is_a_permutation_of_its_own():
    order = Order(12, 4, seed=0)
    epochs = [torch.cat([order[3 * epoch + i] for i in range(3)]).tolist() for epoch in range(4)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


@quick
@given(st.lists(st.integers(0, 30), max_size=10))
def test_the_batch_of_a_step_does_not_depend_on_what_was_asked_before(history):
    fresh, used = Order(10, 3, seed=1), Order(10, 3, seed=1)
    for step in history:
        used[step]
    assert [used[step].tolist() for step in (7, 0, 29)] == [fresh[step].tolist() for step in (7, 0, 29)]


@pytest.mark.parametrize("other", [Order(100, 100, 2), Order(100, 100, 1, "scoring")], ids=["seed", "name"])
def test_orders_of_another_seed_or_name_are_others(other):
    assert not torch.equal(Order(100, 100, 1)[0], other[0])


def test_an_order_neither_reads_nor_moves_the_global_generator():
    torch.manual_seed(0)
    before, first = torch.get_rng_state(), Order(10, 10, 0)[0]
    torch.manual_seed(1)
    assert torch.equal(Order(10, 10, 0)[0], first)
    torch.manual_seed(0)
    Order(10, 10, 0)[0]
    assert torch.equal(torch.get_rng_state(), before)


# --- streams ----------------------------------------------------------------------------------------------------------


def test_streams_differ_in_seed_name_and_position_and_repeat_exactly():
    paths = [(0, "order"), (1, "order"), (0, "noise"), (0, "order", 0), (0, "order", 1), (0, "order", 0, 1), (0, "1")]
    draws = {tuple(torch.rand(4, generator=stream(*path)).tolist()) for path in paths for _ in range(2)}
    assert len(draws) == len(paths)


def test_drawing_from_one_stream_does_not_move_another():
    alone = torch.rand(4, generator=stream(0, "b"))
    first, second = stream(0, "a"), stream(0, "b")
    torch.rand(1000, generator=first)
    assert torch.equal(torch.rand(4, generator=second), alone)


@quick
@given(st.integers(0, 2**63), st.lists(st.one_of(st.integers(0, 10**9), st.text(max_size=5)), max_size=3))
def test_every_stream_has_a_seed_that_torch_takes(seed, path):
    found = stream_seed(seed, *path)
    assert 0 <= found < 2**63
    assert stream(seed, *path).initial_seed() == found


def test_the_words_of_a_path_do_not_run_together():
    assert len({stream_seed(0, "ab", "c"), stream_seed(0, "a", "bc"), stream_seed(0, "abc"), stream_seed(0, 1)}) == 4
    assert stream_seed(0, "1") != stream_seed(0, 1)


def test_a_stream_is_the_same_on_every_machine():
    """A known value: if it changes, no record made before can be run again."""
    assert stream_seed(3, "order", 17) == 8_773_342_804_154_358_697


# --- tensor data ------------------------------------------------------------------------------------------------------


def squares(size: int = 10) -> TensorData:
    numbers = torch.arange(size)
    return TensorData(numbers.to(torch.uint8).view(size, 1), numbers**2)


def test_a_batch_is_the_examples_asked_for_transformed():
    data = replace(squares(), transform=lambda stored: stored.float() / 2)
    inputs, targets = data.batch(torch.tensor([3, 1]))
    assert inputs.tolist() == [[1.5], [0.5]]
    assert targets.tolist() == [9, 1]


def test_stored_bytes_reach_the_model_as_floats():
    inputs, _ = squares().batch(torch.tensor([2]))
    assert inputs.dtype == torch.float32


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.int16, torch.bool])
def test_stored_integers_reach_the_model_as_integers(kind: torch.dtype):
    """Token ids do: an embedding takes no floats."""
    tokens = TensorData(torch.tensor([[0, 1], [1, 0]], dtype=kind), torch.tensor([0, 1]))
    assert tokens.batch(torch.tensor([1]))[0].dtype == kind


def test_stored_doubles_reach_the_model_as_floats():
    assert TensorData(torch.ones(2, 1).double(), torch.zeros(2)).batch(torch.tensor([1]))[0].dtype == torch.float32


def test_writing_to_a_batch_does_not_change_the_data():
    data = TensorData(torch.ones(4, 2), torch.zeros(4))
    inputs, targets = data.batch(torch.arange(4))
    inputs.zero_()
    targets.fill_(1)
    assert (data.inputs.sum(), data.targets.sum()) == (8, 0)


def test_the_digest_is_of_the_content():
    data = squares()
    assert data.digest == squares().digest == data.to(torch.device("cpu")).digest
    others = [squares(9), replace(data, inputs=data.inputs.float()), replace(data, targets=data.targets.flip(0))]
    assert len({data.digest, *(other.digest for other in others)}) == 4


def test_tensors_are_no_graph():
    data = squares()
    assert data.edges is None
    with pytest.raises(TypeError, match="no graph"):
        data.rewrite(lambda graph: graph)


def test_a_subset_is_a_copy():
    data = squares()
    part = data.select(torch.tensor([4, 2]))
    part.inputs.zero_()
    part.targets.zero_()
    assert data.digest == squares().digest
    assert len(part) == 2


@quick
@given(st.integers(2, 30), st.data())
def test_carving_gives_every_example_to_one_side_and_shares_no_memory(size, data):
    everything = squares(size)
    cut = data.draw(st.integers(1, size - 1))
    train, validation = carve(everything, cut, seed=data.draw(st.integers(0, 3)))
    assert (len(train), len(validation)) == (size - cut, cut)
    assert sorted(train.targets.tolist() + validation.targets.tolist()) == everything.targets.tolist()
    tensors = [tensor for part in (everything, train, validation) for tensor in (part.inputs, part.targets)]
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors}) == 6


def test_carving_is_the_same_every_time_and_another_for_another_seed():
    first, second, other = (carve(squares(40), 10, seed)[1].digest for seed in (0, 0, 1))
    assert first == second != other


def test_carving_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    carve(squares(), 3)
    assert torch.equal(torch.get_rng_state(), before)


# --- the test split ---------------------------------------------------------------------------------------------------


def splits() -> Splits:
    return Splits(squares(), squares(), squares())


def test_outside_a_run_the_test_split_can_be_read():
    assert len(splits().test) == 10


def test_while_sealed_the_test_split_is_refused_and_the_others_are_not():
    mine = splits()
    with sealed() as notes:
        assert len(mine.train) == len(mine.validation) == 10
        assert notes == []
        with pytest.raises(Breach, match="the test split was read while the algorithm ran"):
            _ = mine.test
    assert len(mine.test) == 10


def test_an_algorithm_that_swallows_the_refusal_is_noted_all_the_same():
    with sealed() as notes, suppress(Exception):
        _ = splits().test
    assert notes == ["the test split was read while the algorithm ran"]


def test_the_seal_is_lifted_when_the_algorithm_fails():
    with pytest.raises(ZeroDivisionError), sealed():
        raise ZeroDivisionError
    assert len(splits().test) == 10


def test_a_seal_within_a_seal_leaves_the_outer_one_shut():
    with sealed():
        with sealed():
            pass
        with pytest.raises(Breach):
            _ = splits().test


# --- where data lie ---------------------------------------------------------------------------------------------------

DIGITS = DataSource(toy.data, files=("digits/train", "digits/test"))


def place(root: Path, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("data")
    return root


@pytest.fixture
def roots(tmp_path, monkeypatch):
    """The folder asked for, the one of the environment, and the cache."""
    monkeypatch.setenv("PRUNEBENCH_DATA", str(tmp_path / "variable"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "asked", tmp_path / "variable", tmp_path / "cache" / "prunebench" / "data"


def test_folders_are_searched_from_the_one_asked_for_to_the_cache(roots):
    asked, variable, cache = roots
    folders = DataFolders(asked)
    assert folders.roots == [asked, variable, cache]
    assert folders.holding(DIGITS) is None
    for root in (cache, variable, asked):
        place(root, *DIGITS.files)
        assert folders.holding(DIGITS) == folders.locate("digits", DIGITS) == root


def test_without_a_folder_or_a_variable_only_the_cache_is_searched(roots, monkeypatch):
    monkeypatch.delenv("PRUNEBENCH_DATA")
    assert DataFolders().roots == [roots[2]]


def test_a_folder_with_half_the_files_does_not_hold_the_data(roots):
    place(roots[0], DIGITS.files[0])
    place(roots[1], *DIGITS.files)
    assert DataFolders(roots[0]).holding(DIGITS) == roots[1]


def test_embedded_data_need_no_folder(roots):
    assert DataFolders().locate("toy", toy.source) is not None


def test_missing_data_are_an_error_with_what_why_and_what_next(roots):
    asked, variable, cache = roots
    with pytest.raises(DataMissing) as error:
        DataFolders(asked).locate("digits", DIGITS)
    assert str(error.value) == (
        f"data set 'digits' is not in {asked}, {variable}, {cache} "
        f"(looked for digits/train, digits/test); it has no download\n"
        f"  With a copy: bench run ... --data-root DIR, or PRUNEBENCH_DATA=DIR"
    )
    assert error.value.exit_code == 4


def test_data_that_are_nowhere_are_downloaded_into_the_cache(roots):
    source = replace(DIGITS, fetch=lambda folder: place(folder, *DIGITS.files) and None)
    assert DataFolders(roots[0]).locate("digits", source) == roots[2]
    assert not roots[0].exists()


def test_data_that_are_here_are_not_downloaded(roots):
    place(roots[0], *DIGITS.files)
    downloads: list[Path] = []
    assert DataFolders(roots[0]).locate("digits", replace(DIGITS, fetch=downloads.append)) == roots[0]
    assert downloads == []


def test_a_download_that_fails_is_told_in_one_line(roots):
    def fetch(folder: Path) -> None:
        raise OSError("no route\n to host")

    with pytest.raises(DataMissing, match=r"; the download failed: no route to host\n"):
        DataFolders().locate("digits", replace(DIGITS, fetch=fetch))


# --- the record of functions ------------------------------------------------------------------------------------------


class Odd(nn.Module):
    """Everything that has a weight, and a bare parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.block = nn.ModuleDict({"conv": nn.Conv1d(2, 2, 1, bias=False), "deep": nn.Conv3d(1, 1, 1)})
        self.table = nn.Embedding(5, 4)
        self.scale = nn.Parameter(torch.ones(4, 4))
        self.groups = nn.GroupNorm(2, 4)
        self.head = nn.Linear(4, 2)


def test_by_default_the_weights_of_convolutions_and_linear_layers_are_prunable():
    assert conv_and_linear(Odd()) == ["stem.weight", "block.conv.weight", "block.deep.weight", "head.weight"]


def test_the_default_policy_names_parameters_of_the_model_in_its_order():
    names = [name for name, _ in Odd().named_parameters()]
    found = conv_and_linear(Odd())
    assert sorted(found, key=names.index) == found


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (toy.model, "no model named 'nett' for this task; it has: net, residual"),
        (toy.recipe, "no budget named 'nett' for this task; it has: smoke, short, full, N-epochs, N-steps"),
    ],
    ids=["model", "budget"],
)
def test_an_unknown_model_or_budget_is_an_error_with_those_there_are(look, message):
    with pytest.raises(UsageError) as error:
        look("nett")
    assert str(error.value) == message
