"""A plug-in that is made for another version of the interface says so by name, whatever else is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.plugins.interface import INTERFACE, made_for_another
from benchmark.plugins.new_package import TEMPLATES
from benchmark.plugins.source_text import Source, read
from tests.support.command import assert_one_clear_line, bench_here
from tests.support.outside import known_here, plant

SOURCE = """
    from benchmark import a_name_that_is_no_more
    from benchmark import algorithm

    PRUNEBENCH_INTERFACE = {version}

    @algorithm()
    def later(run, options):
        run.train()
"""


@pytest.mark.parametrize(
    ("version", "remedy"),
    [(INTERFACE + 1, "install a newer prunebench"), (0, "see CHANGELOG.md, and set PRUNEBENCH_INTERFACE = 1")],
)
def test_it_is_told_and_nothing_is_imported(version: int, remedy: str, tmp_path: Path) -> None:
    distribution = plant(tmp_path, "algorithm", "later", SOURCE.format(version=version))
    with known_here(tmp_path):
        ended = bench_here("check", "later")
    told = f"algorithm 'later' of {distribution} 1.0 cannot be used: it is made for plug-in interface {version}"
    assert_one_clear_line(ended, 3, told)
    assert ended.err.strip().endswith(f"and this prunebench has {INTERFACE}; {remedy}")


@pytest.mark.parametrize("source", ["", f"PRUNEBENCH_INTERFACE = {INTERFACE}", "OTHER = 7", "a, b = 1, 2"])
def test_this_version_or_none_is_nothing_to_tell(source: str) -> None:
    said = read(source.encode())
    assert isinstance(said, Source)
    assert made_for_another(said.interface) == ""


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*/my_*.py")), ids=lambda file: file.stem)
def test_what_bench_new_writes_declares_this_version(template: Path) -> None:
    assert f"PRUNEBENCH_INTERFACE = {INTERFACE}  #" in template.read_text()
