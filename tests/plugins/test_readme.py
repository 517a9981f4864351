"""The pruners in the README run as they are pasted."""

from __future__ import annotations

import re
from typing import Any

import pytest

from benchmark.contract import trial
from benchmark.harness.answer import answer
from benchmark.harness.question import Question
from benchmark.plugins.algorithm import Algorithm
from benchmark.results.record import Record
from tests.support.command import ROOT

pytestmark = pytest.mark.runs

BLOCKS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def defined(block: str) -> list[Algorithm]:
    """The algorithms that a block of the README defines, by itself."""
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    return [value for value in names.values() if isinstance(value, Algorithm)]


PRUNERS = {pruner.name: pruner for block in BLOCKS for pruner in defined(block)}


def test_every_block_stands_by_itself_and_defines_a_pruner() -> None:
    assert {"snip", "rigl"} <= PRUNERS.keys()
    assert [len(defined(block)) for block in BLOCKS] == [1] * len(BLOCKS)
    assert all(pruner.summary for pruner in PRUNERS.values())


def record(pruner: Algorithm, **options: object) -> Record:
    """What the harness says of a pruner on the toy, at its defaults but for those given."""
    question = trial.question(pruner.name)
    cell = question.cell.model_copy(update={"options": pruner.resolve(options)})
    return answer(Question(cell, pruner, question.task))


@pytest.mark.runs
def test_snip_of_the_readme_gives_the_masks_and_the_bits_of_the_built_in() -> None:
    theirs, ours = record(PRUNERS["snip"]), trial.record("snip", norms="batch")
    assert theirs.status == ours.status == "ok", theirs.error
    assert theirs.mask_digest == ours.mask_digest
    assert theirs.metrics == ours.metrics


@pytest.mark.runs
def test_rigl_of_the_readme_gives_the_masks_and_the_bits_of_the_built_in() -> None:
    theirs, ours = record(PRUNERS["rigl"], interval=2), trial.record("rigl", interval=2)
    assert theirs.status == ours.status == "ok", theirs.error
    assert theirs.mask_digest == ours.mask_digest
    assert theirs.metrics == ours.metrics
