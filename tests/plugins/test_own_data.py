"""The tasks on data of one's own in the documents keep the contract, and methods prune their networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark.contract.check import check
from benchmark.harness.answer import answer
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from tests.support.documents import blocks
from tests.support.outside import known_here, plant

pytestmark = pytest.mark.runs

BLOCKS = [block.text for block in blocks("python", "docs/plugins.md")]
TASKS = {
    block.split(" = from_module")[0].split()[-1].replace("_", "-"): block
    for block in BLOCKS
    if " = from_module(" in block
}
[WIDE] = [block for block in BLOCKS if "@task" in block]
TASKS["my-wide-digits"] = f"{TASKS['my-digits']}\n{WIDE}"


def test_the_documents_have_one_of_tuples_one_of_dictionaries_and_one_with_options() -> None:
    assert [*TASKS] == ["my-digits", "my-tokens", "my-wide-digits"]


@pytest.mark.parametrize("name", TASKS)
def test_it_keeps_the_contract(name: str, tmp_path: Path) -> None:
    plant(tmp_path, "task", name, TASKS[name])
    with known_here(tmp_path):
        assert not [finding for finding in check(name, "task") if finding.problem]


def pruned(name: str, **options: Any) -> Record:
    """What the harness says of SNIP on a task."""
    task, snip = registry.task(name), registry.algorithm("snip")
    cell = Cell(
        algorithm="snip",
        options=snip.resolve(options),
        task=name,
        model="net",
        sparsity=0.5,
        budget="400-steps",
        seed=0,
    )
    return answer(Question(cell, snip, task))


@pytest.mark.parametrize("name", TASKS)
def test_a_method_prunes_its_network_which_learns_and_scores_by_its_labels(name: str, tmp_path: Path) -> None:
    plant(tmp_path, "task", name, TASKS[name])
    with known_here(tmp_path):
        record, again, random = pruned(name), pruned(name), pruned(name, control="random-labels")
    assert (record.status, random.status) == ("ok", "ok"), record.error
    assert [*record.metrics] == ["accuracy", "loss"]
    assert record.metrics["accuracy"] > 0.6
    assert record.metrics == again.metrics
    assert record.mask_digest == again.mask_digest != random.mask_digest
    assert "selective" in record.diagnosis
