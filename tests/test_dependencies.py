"""The lower bounds in pyproject.toml are the versions that the oldest of the workflows' tests runs with."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PINNED = {
    pinned.name: next(iter(pinned.specifier)).version
    for line in (ROOT / "tests" / "lowest.txt").read_text().splitlines()
    if not line.startswith("#")
    for pinned in [Requirement(line)]
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
TESTED = [Requirement(text) for text in (*PROJECT["dependencies"], *EXTRAS["dev"])]


@pytest.mark.parametrize("wanted", TESTED, ids=lambda wanted: wanted.name)
def test_the_lower_bound_is_what_the_oldest_test_installs(wanted: Requirement) -> None:
    (bound,) = wanted.specifier
    assert bound.operator == ">="
    assert Version(bound.version) == Version(PINNED[wanted.name])


@pytest.mark.parametrize("extra", sorted(EXTRAS.keys() - {"dev", "docs", "ray"}))
def test_what_an_extra_brings_is_tested(extra: str) -> None:
    assert set(EXTRAS[extra]) <= set(EXTRAS["dev"])
