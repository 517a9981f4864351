"""Networks of timm: fitted to the task, told apart from those that do not fit, and pruned as every other network is."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmark import Splits, Task, TensorData
from benchmark.errors import UsageError
from benchmark.harness.answer import answer
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.training.task import conv_and_linear
from tests.support.command import Bench


@pytest.fixture
def task() -> Task:
    """CIFAR-10 with noise for data, and two steps of training: what is tested is the network's way through a run."""

    def noise(folder: Path) -> Splits:
        draw = torch.Generator().manual_seed(0)
        parts = (
            TensorData(torch.randn(count, 3, 32, 32, generator=draw), torch.arange(count) % 10)
            for count in (64, 16, 16)
        )
        return Splits(*parts)

    cifar = registry.task("cifar10")
    short = replace(cifar.recipe("smoke"), steps=2, batch_size=16, milestones=())
    return replace(cifar, data=noise, recipes={"smoke": short}, model_recipes={})


def outcome(task: Task, model: str, algorithm: str = "snip", sparsity: float = 0.9) -> Record:
    chosen = registry.algorithm(algorithm)
    cell = Cell(
        algorithm=algorithm,
        options=chosen.resolve({}),
        task="cifar10",
        model=model,
        sparsity=sparsity,
        budget="smoke",
        seed=0,
    )
    return answer(Question(cell, chosen, task))


@pytest.mark.runs
@pytest.mark.parametrize("model", ["timm:test_vit", "timm:test_resnet", "timm:test_efficientnet"])
def test_a_network_is_pruned_trained_and_audited(task: Task, model: str) -> None:
    record = outcome(task, model)
    assert record.status == "ok", record.error
    total = sum(layer.total for layer in record.layers.values())
    assert sum(layer.kept for layer in record.layers.values()) == round(0.1 * total)
    assert outcome(task, model).mask_digest == record.mask_digest
    assert str(record.provenance["timm"]).startswith("1.")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algorithm", "model"),
    [
        ("snip", "timm:resnet18"),
        ("snip", "timm:vit_tiny_patch16_224"),
        ("grasp", "timm:vit_tiny_patch16_224"),
        ("synflow", "timm:vit_tiny_patch16_224"),
    ],
)
def test_networks_of_the_literature_are_pruned(task: Task, algorithm: str, model: str) -> None:
    record = outcome(task, model, algorithm)
    assert record.status == "ok", record.error
    assert record.audit is not None
    assert record.audit.passed


def test_classes_channels_and_size_are_the_tasks() -> None:
    for name, channels, size in (("mnist", 1, 28), ("cifar100", 3, 32)):
        task = registry.task(name)
        network = build(task, "timm:test_resnet", 0).eval()
        classes = 100 if name == "cifar100" else 10
        assert network(torch.zeros(2, channels, size, size)).shape == (2, classes)
    task = registry.task("imagenet-subset", {"size": "64"})
    assert build(task, "timm:test_vit", 0).eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 10)


def test_every_convolution_and_linear_layer_may_be_pruned_and_no_norm() -> None:
    network = build(registry.task("cifar10"), "timm:test_vit", 0)
    names = conv_and_linear(network)
    assert {"patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "blocks.0.mlp.fc1.weight", "head.weight"} <= set(
        names
    )
    assert not [name for name in names if "norm" in name or name.endswith(("bias", "pos_embed", "cls_token"))]


def test_a_seed_gives_the_same_weights_whether_or_not_the_network_was_tried_before() -> None:
    task = registry.task("cifar10")
    first, again = (build(task, "timm:test_resnet", 3).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_attention_can_be_differentiated_twice() -> None:
    network = build(registry.task("cifar10"), "timm:test_vit", 0)
    loss = network(torch.randn(2, 3, 32, 32)).square().sum()
    weight = network.get_parameter("blocks.0.attn.qkv.weight")
    [gradient] = torch.autograd.grad(loss, [weight], create_graph=True)
    [second] = torch.autograd.grad(gradient.square().sum(), [weight])
    assert bool(second.abs().sum() > 0)


WRONG = {
    "unknown": ("timm:resnet51", "no timm model named 'resnet51'. Did you mean 'resnet5"),
    "trained": (
        "timm:resnet50.a1_in1k",
        "networks start untrained here, and 'timm:resnet50.a1_in1k' names trained weights",
    ),
    "why_not": ("timm:test_vit", "model 'timm:test_vit' does not take images of 1 x 8 x 8: "),
    "no zoo": ("tim:resnet50", "no model named 'tim:resnet50' for this task; it has: mlp, cnn, timm:NAME"),
    "no name": ("timm:", "no model named 'timm:' for this task; it has: mlp, cnn, timm:NAME"),
}


@pytest.mark.parametrize(("model", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_had_is_a_usage_error(model: str, words: str, bench: Bench) -> None:
    with pytest.raises(UsageError) as told:
        registry.task("digits").model(model)
    assert words in str(told.value)
    ended = bench("run", "--algo", "snip", "--task", "digits", "--model", model, "--dry-run")
    assert ended.code == 2
    assert words in ended.err


@pytest.mark.slow
def test_timm_is_imported_by_nobody_who_does_not_ask() -> None:
    """It takes seconds. That no module loads it on import is a test of the house."""
    use = "from benchmark.plugins import registry; registry.task('cifar10').model('resnet-20')()"
    lines = f"import sys; {use}; print('timm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
