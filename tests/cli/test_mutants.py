"""A thousand mutated records, in files and in a table, through every verb that reads: no traceback, no wrong number.

The default run has a sample, every thirtieth and every third verb; `pytest -m slow` has all.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmark.leaderboard.figures.by_name import PICTURES
from benchmark.results.store import Store
from tests.support.command import Bench
from tests.support.mutants import honest, mutants, score

HONEST = range(100_000 - 3, 100_000)
"""Seeds of records that nobody changed."""

VERBS = [
    *(("leaderboard", "--view", view, "--format", form) for view in ("plain", "compute", "controls", "profile", "edits")
      for form in ("table", "json", "csv", "md", "latex")),
    *(("compare", "imp", "snip", "--format", form) for form in ("table", "md", "csv")),
    ("compare", "--masks", "imp"),
    ("verify", "--all", "--no-training"),
    ("pack", "--dry-run"),
    ("run", "--algo", "imp", "--task", "digits", "--budget", "smoke", "--dry-run"),
    ("list",),
]  # fmt: skip
"""What is run on the folder with all mutants."""

FIGURES = [*PICTURES, "overlap"]


@pytest.fixture(params=["files", "lines"])
def packed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "lines")


def planted(store: Store, step: int, *, digest: bool, packed: bool) -> dict[int, tuple[str, bytes]]:
    """Write mutants, and honest records beside them. Return the mutants by seed."""
    chosen = {seed: (what, content) for what, seed, content in [*mutants(digest=digest)][::step]}
    contents = {seed: content for seed, (_, content) in chosen.items()} | {s: honest(s).to_bytes() for s in HONEST}
    table = store.table(honest(0).cell)
    for seed, content in contents.items():
        file = store.path(honest(seed).cell)
        file.parent.mkdir(parents=True, exist_ok=True)
        if not packed:
            file.write_bytes(content)
    if packed:
        table.write_bytes(b"\n".join(content.strip() for content in contents.values()) + b"\n")
    return chosen


def scores(bench: Bench) -> dict[int, float]:
    """The scores on the leaderboard, by seed."""
    rows = json.loads(bench("leaderboard", "--format", "json").out)
    return {int(seed): value for row in rows for seed, value in row["scores"].items()}


def battery(own: Store, bench: Bench, tmp_path: Path, step: int, packed: bool, digest: bool) -> int:
    chosen = planted(own, step, digest=digest, packed=packed)
    for words in VERBS if step == 1 else VERBS[::3]:
        ended = bench(*words)  # whatever is raised fails the test
        assert ended.code in (0, 1, 2, 5), (words, ended.err[-500:])
        assert "Traceback" not in ended.err + ended.out
        assert "\x1b" not in ended.out
    for words in (
        ("leaderboard", "build", "--out", tmp_path / "page"),
        ("merge", own.root, "--results", tmp_path / "o"),
    ):
        assert bench(*words).code in (0, 5)
    for figure in FIGURES if step == 1 else FIGURES[::2]:
        ended = bench("plot", figure, "--out", tmp_path / f"{figure}.svg")
        assert ended.code == 4 if figure == "overlap" else ended.code in (0, 2), (figure, ended.err[-500:])
    for seed in [*chosen][:: max(1, len(chosen) // 10)]:
        for words in (("show",), ("show", "--format", "json")):
            shown = bench(words[0], honest(seed).key, *words[1:])
            assert shown.code in (0, 2, 5) or digest is False
        if shown.code:  # one that is shown is whole, and would be trained
            assert bench("export", honest(seed).key, "--to", tmp_path / "network").code in (2, 5)
            assert not (tmp_path / "network").exists()
    values = scores(bench)
    assert {seed: values[seed] for seed in HONEST} == {seed: score(seed) for seed in HONEST}
    for seed, (what, content) in chosen.items():
        if seed in values:
            told = json.loads(content)["metrics"]["accuracy"]
            assert values[seed] == told, what
            assert 0 <= told <= 1, what
            assert not digest or told == score(seed), what
    return len(chosen)


@pytest.mark.runs
@pytest.mark.parametrize("digest", [True, False], ids=["digest", "old"])
def test_a_sample_of_mutants_does_no_harm(own: Store, bench: Bench, tmp_path: Path, packed: bool, digest: bool) -> None:
    assert battery(own, bench, tmp_path, 30, packed, digest) > 30


@pytest.mark.slow
@pytest.mark.parametrize("digest", [True, False], ids=["digest", "old"])
def test_no_mutant_does_harm(own: Store, bench: Bench, tmp_path: Path, packed: bool, digest: bool) -> None:
    assert battery(own, bench, tmp_path, 1, packed, digest) > 1000
