"""Options that every task has: in a cell only where they are given, and each changes one thing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
import torch
from torch import nn

from benchmark import Absent, Positive, Task, TensorData
from benchmark.contract.toy import toy
from benchmark.contract.toy_stream import toy_stream
from benchmark.data.source import DataSource
from benchmark.data.splits import Splits
from benchmark.errors import PluginError, UsageError
from benchmark.plugins import registry
from benchmark.plugins.losses import LOSSES
from benchmark.plugins.task import Family
from benchmark.results.store import Store
from tests.support.command import Bench


def toys() -> Task:
    """The toy task (Nobody, 2026)."""
    return toy


FAMILY = Family(toys)


def made(**given: Any) -> Task:
    return FAMILY(**FAMILY.resolve(given))


# --- in a cell --------------------------------------------------------------------------------------------------------


def test_they_are_in_a_cell_only_where_they_are_given() -> None:
    assert FAMILY.resolve({}) == {}
    assert FAMILY.resolve({"rate": "0.05", "examples": "100"}) == {"rate": 0.05, "examples": 100}
    assert FAMILY() is toy


def test_a_loss_brings_options_of_its_own() -> None:
    assert FAMILY.resolve({"loss": "cross-entropy"}) == {"loss": "cross-entropy"}
    assert FAMILY.resolve({"loss": "label-smoothing"}) == {"loss": "label-smoothing", "smoothing": 0.1}
    assert FAMILY.resolve({"smoothing": "0.2", "loss": "label-smoothing"})["smoothing"] == 0.2


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"smoothing": "0.2"}, "no option of 'toys' named 'smoothing'"),
        ({"loss": "squared-error", "smoothing": "0.2"}, "no option of 'toys' named 'smoothing'"),
        ({"loss": "hinge"}, "it takes cross-entropy | label-smoothing | squared-error | gambler"),
        ({"rate": "0"}, "it takes number > 0"),
        ({"warmup": "2"}, "it takes number in [0, 1]"),
        ({"examples": "0"}, "it takes whole number >= 1"),
        ({"precision": "float16"}, "it takes float32 | bfloat16"),
        ({"rat": "1"}, "Did you mean 'rate'?"),
    ],
    ids=str,
)
def test_a_wrong_one_says_what_there_is(given: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError) as told:
        FAMILY.resolve(given)
    assert says in str(told.value)


def test_a_tasks_own_option_cannot_have_their_names() -> None:
    def mine(*, rate: Positive = 0.1) -> Task:
        return toy

    def of_a_loss(*, smoothing: Positive = 0.1) -> Task:
        return toy

    for function, name in ((mine, "rate"), (of_a_loss, "smoothing")):
        with pytest.raises(TypeError, match=f"'{name}' has a name that every plug-in of its kind uses itself"):
            Family(function)


def test_an_option_that_came_later_leaves_the_cells_before_it_their_keys() -> None:
    def later(*, way: Annotated[int, Absent(1)] = 1) -> Task:
        return toy

    family = Family(later)
    assert family.written(family.resolve({})) == {}
    assert family.written(family.resolve({"way": "2", "rate": "0.5"})) == {"way": 2, "rate": 0.5}


def test_the_absence_of_an_option_of_a_task_means_its_default() -> None:
    def later(*, way: Annotated[int, Absent(1)] = 2) -> Task:
        return toy

    with pytest.raises(TypeError, match="the absence of option 'way' must mean its default"):
        Family(later)


# --- recipes ----------------------------------------------------------------------------------------------------------


def test_rate_warmup_and_precision_change_every_recipe_and_nothing_else() -> None:
    ours = replace(toy, model_recipes={"residual": {"full": replace(toy.recipe("full"), steps=10, rate=0.7)}})
    task = Family(lambda: ours, "toys")(rate=0.05, warmup=0.25, precision="bfloat16")
    expected = {"rate": 0.05, "precision": "bfloat16"}
    assert task.recipe("full") == replace(toy.recipe("full"), warmup=60, **expected)  # type: ignore[arg-type]
    assert task.recipe("smoke").warmup == 6
    assert task.recipe("full", "residual") == replace(toy.recipe("full"), steps=10, warmup=2, **expected)  # type: ignore[arg-type]
    assert task.recipe("80-steps").warmup == 20
    assert task.recipe("full").describe()["precision"] == "bfloat16"


# --- examples ---------------------------------------------------------------------------------------------------------


def inputs(task: Task) -> torch.Tensor:
    train = task.source(Path()).train
    assert isinstance(train, TensorData)
    return train.inputs


def test_fewer_examples_lie_inside_more_of_them() -> None:
    few, more, all_ = (
        {tuple(row) for row in inputs(made(**g)).tolist()} for g in ({"examples": 20}, {"examples": 60}, {})
    )
    assert (len(few), len(more), len(all_)) == (20, 60, 200)
    assert few < more < all_


def test_validation_and_test_stay_whole() -> None:
    splits, whole = made(examples=20).source(Path()), toy.source(Path())
    assert (splits.validation.digest, splits.test.digest) == (whole.validation.digest, whole.test.digest)


def test_more_examples_than_there_are_is_an_error() -> None:
    with pytest.raises(UsageError, match="examples=201 are more than the 200 of the training split"):
        made(examples=201).source(Path())


def test_too_few_examples_for_all_classes_is_an_error() -> None:
    with pytest.raises(UsageError, match="examples=1 leave out 1 of the 2 classes; take more"):
        made(examples=1).source(Path())


def test_every_split_of_a_seed_has_so_many() -> None:
    several = replace(toy, data=DataSource(toy.source.load, split_of_seed=lambda folder, seed: toy.source.load(folder)))
    task = Family(lambda: several, "several")(examples=30)
    assert len(task.source.splits(Path(), 3).train) == len(task.source(Path()).train) == 30


def test_graphs_can_be_fewer_too() -> None:
    task = registry.task("braess", {"examples": 7})
    assert len(task.source(Path()).train) == 7


def test_data_that_cannot_be_selected_from_are_named() -> None:
    class Own:
        """Data that are read by index, and no more."""

        def __init__(self) -> None:
            self._data = toy.source(Path()).train

        def __getattr__(self, name: str) -> Any:
            if name == "select":
                raise AttributeError(name)
            return getattr(self._data, name)

        def __len__(self) -> int:
            return len(self._data)

    def load(folder: Path) -> Splits:
        splits = toy.source(folder)
        return Splits(Own(), splits.validation, splits.test)  # type: ignore[arg-type]

    with pytest.raises(PluginError, match=r"select\(index\) of Own"):
        Family(lambda: replace(toy, data=load), "own")(examples=7).source(Path())


# --- a part of a stream -----------------------------------------------------------------------------------------------


def test_a_part_of_a_stream_is_a_task_with_the_same_network() -> None:
    part, whole = Family(lambda: toy_stream, "parts")(part=2), toy_stream.source(Path())
    assert part.stream is None
    assert "streams" in toy_stream.offers - part.offers
    splits = part.source(Path())
    for data, all_ in ((splits.train, whole.train), (splits.validation, whole.validation), (splits.test, whole.test)):
        assert isinstance(data, TensorData)
        assert isinstance(all_, TensorData)
        mine = (all_.targets == 2) | (all_.targets == 3)  # two classes each
        assert torch.equal(data.inputs, all_.inputs[mine])
        assert torch.equal(data.targets, all_.targets[mine])
    shapes, expected = (
        {name: value.shape for name, value in task.model("stream")().state_dict().items()}
        for task in (part, toy_stream)
    )
    assert shapes == expected


def test_examples_are_drawn_of_the_part_that_is_given() -> None:
    data = Family(lambda: toy_stream, "parts")(examples=30, part=3).source(Path()).train
    assert isinstance(data, TensorData)
    assert len(data) == 30
    assert set(data.targets.tolist()) == {4, 5}


def test_a_part_that_there_is_not_is_an_error() -> None:
    with pytest.raises(UsageError, match="there is no part=4: the data come in 3 parts"):
        Family(lambda: toy_stream, "parts")(part=4).source(Path())
    with pytest.raises(UsageError, match="part=1 is for tasks whose data come in parts, as those of split-digits do"):
        made(part=1)


# --- losses: closed forms on four numbers -----------------------------------------------------------------------------

LOGITS = torch.tensor([[0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
SURE = torch.tensor([[3.0, 1.0, 0.0, -1.0]], dtype=torch.float64)
FIRST = torch.tensor([0])


def value(loss: str, logits: torch.Tensor, labels: torch.Tensor, **own: float) -> torch.Tensor:
    """The loss of a network that gives these logits."""
    return LOSSES[loss](toy, **own).loss(nn.Identity(), (logits, labels))


def test_of_equal_logits_every_cross_entropy_is_the_logarithm_of_the_classes() -> None:
    for name in ("cross-entropy", "label-smoothing"):
        assert value(name, LOGITS, FIRST).item() == pytest.approx(1.3862943611)


def test_smoothing_mixes_the_target_with_all_classes() -> None:
    """0.6 of -log p of the class, and 0.4 of the mean over the four classes."""
    logs = SURE.log_softmax(dim=1)[0]
    expected = -(0.6 * logs[0] + 0.4 * logs.mean())
    assert value("label-smoothing", SURE, FIRST, smoothing=0.4).item() == pytest.approx(expected.item())
    assert value("label-smoothing", SURE, FIRST, smoothing=0.0).item() == value("cross-entropy", SURE, FIRST).item()


def test_the_squared_error_is_of_the_one_hot_target() -> None:
    assert value("squared-error", SURE, FIRST).item() == pytest.approx((4 + 1 + 0 + 1) / 4)


def test_the_loss_of_a_task_is_replaced_and_its_metrics_are_not() -> None:
    task = made(loss="label-smoothing", smoothing=0.4)
    network, batch = nn.Linear(6, 2), (torch.randn(5, 6), torch.tensor([0, 1, 1, 0, 1]))
    assert task.loss(network, batch) == value("label-smoothing", network(batch[0]), batch[1], smoothing=0.4)
    assert task.evaluate is toy.evaluate


def test_cross_entropy_as_an_option_is_what_classifiers_train_with() -> None:
    for name in ("digits", "ring-transfer", "braess", "planted-partition"):
        task, same = registry.task(name), registry.task(name, {"loss": "cross-entropy"})
        train = task.data(Path()).train
        network = task.model(next(iter(task.models)))()
        network.eval()
        batch = train.batch(torch.arange(min(4, len(train))))
        assert torch.equal(task.loss(network, batch), same.loss(network, batch)), name


def test_a_task_of_another_kind_of_loss_says_so() -> None:
    with pytest.raises(UsageError, match="loss is for tasks that compare logits with a class each"):
        registry.task("peptides-func", {"loss": "label-smoothing"})


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.runs
@pytest.mark.parametrize(
    ("words", "budget", "steps"), [(["--steps", "9"], "9-steps", 9), (["--epochs", "2"], "2-epochs", 2)], ids=str
)
def test_a_run_of_any_length(words: list[str], budget: str, steps: int, own: Store, bench: Bench) -> None:
    """One epoch of fifty digits is one step of fifty."""
    task = "digits:rate=0.2,warmup=0.5,examples=50,precision=bfloat16,loss=label-smoothing,smoothing=0.2"
    ended = bench("run", "--algo", "snip", "--task", task, *words, "--jobs", "0")
    assert ended.code == 0, ended.err
    [record] = own
    recipe = record.provenance["recipe"]
    assert (record.cell.budget, recipe["steps"], record.cost.training_steps) == (budget, steps, steps)
    assert (recipe["rate"], recipe["warmup"], recipe["precision"]) == (0.2, round(steps / 2), "bfloat16")
    assert record.cell.setting == task
    assert f"--budget {budget}" in record.provenance["command"]
    assert f"{task} / mlp, budget {budget}" in ended.out
    assert "1 answered already, 0 to run" in bench("run", "--algo", "snip", "--task", task, *words, "--jobs", "0").err


@pytest.mark.slow
@pytest.mark.runs
def test_a_record_of_them_is_made_again_from_its_cell(own: Store, bench: Bench, tmp_path: Path) -> None:
    task = "digits:rate=0.2,examples=200,loss=label-smoothing"
    ended = bench("run", "--algo", "snip", "--task", task, "--epochs", "3", "--jobs", "0")
    assert ended.code == 0, ended.err
    [record] = own
    assert record.cost.training_steps == 9
    verified = bench("verify", record.key[:8])
    assert verified.code == 0, verified.err
    assert "bit-equal" in verified.out
    exported = bench("export", record.key[:8], "--to", tmp_path / "net")
    assert exported.code == 0, exported.err


def test_two_lengths_are_one_too_many(bench: Bench) -> None:
    ended = bench("run", "--algo", "dense", "--task", "digits", "--epochs", "2", "--budget", "full", "--dry-run")
    assert ended.code == 2
    assert "--budget, --epochs and --steps each say how long to train; give one of them" in ended.err


def test_too_many_examples_are_a_wrong_selection(own: Store, bench: Bench) -> None:
    ended = bench("run", "--algo", "dense", "--task", "digits:examples=99999", "--jobs", "0")
    assert ended.code == 2
    assert "Error: task 'digits:examples=99999': examples=99,999 are more than the" in ended.err


def test_info_tells_of_them(bench: Bench) -> None:
    ended = bench("info", "digits")
    assert "options of every task, as in --task digits:rate=0.05" in ended.out
    assert "with loss=label-smoothing" in ended.out
