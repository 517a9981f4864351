"""Trained networks as values of points: a digest in the key, tensors, task and test examples for the function."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmark import Study, Trained, UsageError
from benchmark.errors import VerificationFailed
from benchmark.plugins import registry
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.studies.points import Points, completed, draw, point
from benchmark.studies.trained import trained
from benchmark.sweep.again import Here
from benchmark.sweep.kept_starts import keep_network
from benchmark.training.state import network_digest, tensors
from tests.support.generated import cell, ran


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    torch.manual_seed(0)
    return registry.task("digits").model("mlp")()


@pytest.fixture
def record(network: nn.Module) -> Record:
    return ran(cell("dense", model="mlp", sparsity=0.0), 0.5).model_copy(
        update={"network_digest": network_digest(tensors(network))}
    )


def biggest(rng: np.random.Generator, *, network: Trained, times: int) -> dict[str, float]:
    assert torch.get_num_threads() == 1
    return {"biggest": times * max(float(value.max()) for value in network.tensors().values()), "draw": rng.random()}


def test_it_is_the_network_of_its_record(network: nn.Module, record: Record) -> None:
    keep_network(record, tensors(network))
    value = trained(record, Here(Store(Path("nowhere"))))
    assert str(value) == value.digest == record.network_digest
    assert network_digest(value.tensors()) == value.digest
    images, _ = value.test().batch(torch.arange(3))
    assert torch.equal(value.model()(images), network(images))
    assert len(value.test()) == 360
    assert value.measure(value.model()) == pytest.approx(value.measure(network))


def test_in_a_point_it_is_its_digest(record: Record, network: nn.Module, tmp_path: Path) -> None:
    keep_network(record, tensors(network))
    one = point("trial", biggest, {"network": Trained("a" * 64, record), "times": 2})
    elsewhere = point("trial", biggest, {"times": 2, "network": Trained("a" * 64, record, Path("data"))})
    other = point("trial", biggest, {"network": Trained("b" * 64, record), "times": 2})
    assert (one, one.key) == (elsewhere, elsewhere.key)
    assert one.key != other.key
    assert "network=aaa" in str(one)
    points = Points(tmp_path)
    [(_, found)] = completed(points, [one], 2, 0)
    assert not found.error
    assert json.loads(points.path(one).read_bytes())["values"] == {"network": "a" * 64, "times": 2}
    assert found.rows == draw(elsewhere, 0, 2).rows
    assert found.rows[0]["draw"] != found.rows[1]["draw"]


def test_what_is_not_kept_costs_its_point(record: Record) -> None:
    found = draw(point("trial", biggest, {"network": Trained("a" * 64, record), "times": 2}), 0, 1)
    assert "is not kept on this machine" in found.error


def test_a_changed_file_is_no_network(record: Record, network: nn.Module) -> None:
    file = keep_network(record, tensors(network))
    file.write_bytes(file.read_bytes()[:-4] + b"0000")
    with pytest.raises(VerificationFailed, match="it was changed"):
        Trained("a" * 64, record).tensors()


def test_a_record_without_a_network_is_refused() -> None:
    failed = ran(cell("dense"), 0.5).model_copy(update={"status": "failed"})
    with pytest.raises(UsageError, match="has no network to begin with: it is failed"):
        trained(failed, Here(Store(Path("nowhere"))))


@pytest.mark.parametrize("value", [[1], None, {"a": 1}, np.int64])
def test_other_values_make_no_point(value: object) -> None:
    with pytest.raises(TypeError, match="'times' of a point is a"):
        point("trial", biggest, {"times": value})  # type: ignore[dict-item]


def test_a_study_gives_the_networks_of_its_runs(record: Record) -> None:
    study = Study("trial", lambda _: [record], lambda points, draws: [], lambda key: Trained(key, record))
    study.on("digits")
    assert [str(one) for one in study.networks(study.runs("dense"))] == [record.key]
    alone = Study("trial", lambda _: [record], lambda points, draws: [])
    alone.on("digits")
    with pytest.raises(UsageError, match="no trained networks here"):
        alone.networks(study.runs("dense"))
