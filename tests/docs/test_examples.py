"""The methods in files of the documentation keep the contract, are short, and are the methods that they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.contract import trial
from benchmark.contract.check import check
from benchmark.contract.pace import hurried
from benchmark.plugins import catalog, code
from benchmark.plugins.in_files import known
from benchmark.plugins.sources import VARIABLE
from benchmark.results.spelling import Choice
from tests.support.command import ROOT

pytestmark = pytest.mark.runs

FILES = sorted((ROOT / "docs" / "examples").glob("*.py"))


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All of them are known; what is known of files ends with the test."""
    monkeypatch.setenv(VARIABLE, "")
    known([Choice(str(file)) for file in FILES])
    yield
    catalog.plugins.cache_clear()
    code.digest.cache_clear()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_short_and_takes_the_face_alone(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert len(lines) < 40
    homes = {line.split()[1] for line in lines if line.startswith(("from ", "import "))}
    assert homes <= {"torch", "benchmark", "benchmark.scores"}
    assert file.name in (ROOT / "docs" / "examples" / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_keeps_the_contract(file: Path) -> None:
    with hurried():
        found = list(check(file.stem.replace("_", "-"), "algorithm"))
    assert len(found) > 5
    assert not [finding for finding in found if finding.problem]


@pytest.mark.parametrize(("own", "built_in"), [("my-wanda", "wanda"), ("my-sparsegpt", "sparsegpt")])
def test_the_masks_are_those_of_the_built_in_method(own: str, built_in: str) -> None:
    ours, theirs = trial.record(own), trial.record(built_in)
    assert ours.status == theirs.status == "ok", ours.error
    assert ours.mask_digest == theirs.mask_digest
    assert ours.metrics == pytest.approx(theirs.metrics)


def test_slimming_is_that_of_the_built_in_bit_for_bit() -> None:
    model = trial.record("slimming").cell.model
    ours, theirs = (trial.record(name, model=model) for name in ("my-slimming", "slimming"))
    assert ours.status == theirs.status == "ok", ours.error
    assert (ours.mask_digest, ours.metrics) == (theirs.mask_digest, theirs.metrics)


@pytest.mark.parametrize(("own", "built_in"), [("my-top-kast", "top-kast"), ("my-str", "soft-threshold")])
def test_the_others_keep_as_much_as_is_asked_and_learn_as_the_built_in_ones_do(own: str, built_in: str) -> None:
    ours, theirs = trial.record(own, sparsity=0.8), trial.record(built_in, sparsity=0.8)
    assert ours.status == theirs.status == "ok", ours.error
    assert ours.density is not None
    assert ours.density.weights == pytest.approx(0.2, abs=1e-3)
    assert ours.metrics["accuracy"] > theirs.metrics["accuracy"] - 0.15
