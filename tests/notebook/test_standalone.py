"""A pruner of a notebook as a file: it stands alone, and is the same pruner."""

from __future__ import annotations

import inspect
import math
import runpy
from math import sqrt as root
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmark import Fraction, Run, UsageError, algorithm, keep_top
from benchmark.notebook.standalone import put, standalone
from benchmark.plugins.algorithm import Algorithm
from benchmark.scores import magnitude

HALF = 0.5
NAMED = {"powers": [1, 2.5], "name": "a 'name'"}
DRAWN = torch.ones(2)


class Score:
    """What `with_all` ranks by; it takes a constant of the module with it."""

    power = HALF * 2

    def of(self, values: Any) -> Any:
        return halved(values) ** self.power


def halved(values: Any) -> Any:
    return values * HALF


@algorithm(paper="none", family="after training")
def with_all(run: Run, *, share: Fraction = 0.25) -> None:
    """All that a pruner may use of its module."""
    assert NAMED["powers"]
    assert np.isfinite(root(math.pi))
    local = {name: Score().of(values) for name, values in magnitude(run.weights).items()}
    run.train(round(share * run.recipe.steps))
    run.prune(keep_top(local, run.target))


def test_the_file_has_all_that_the_pruner_uses_in_an_order_that_runs(tmp_path: Path) -> None:
    file = put(with_all, tmp_path / "code")
    assert file == tmp_path / "code" / "with_all.py"
    lines = file.read_text().splitlines()
    assert "import math" in lines
    assert "import numpy as np" in lines
    assert "from benchmark import Fraction, Run, algorithm, keep_top" in lines
    assert "from benchmark.scores import magnitude" in lines
    assert "from math import sqrt as root" in lines
    found = runpy.run_path(str(file))
    assert found["NAMED"] == NAMED
    assert found["Score"]().of(4.0) == Score().of(4.0) == 2.0
    again = found["with_all"]
    assert isinstance(again, Algorithm)
    assert (again.name, again.summary, again.family) == (with_all.name, with_all.summary, "after training")
    assert {name: option.default for name, option in again.options.items()} == {"share": 0.25}
    assert "DRAWN" not in found, "only what is used"


def test_a_file_of_the_same_source_is_left_alone(tmp_path: Path) -> None:
    file = put(with_all, tmp_path)
    before = file.stat().st_mtime_ns
    assert put(with_all, tmp_path).stat().st_mtime_ns == before


def made(body: str, **around: Any) -> Algorithm:
    """A pruner with this body, of a module with these names. Its source is where `inspect` looks for that of cells."""
    import linecache

    source = f"@algorithm()\ndef mine(run: Run) -> None:\n    {body}\n"
    place = f"<cell {abs(hash(body))}>"
    linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
    space: dict[str, Any] = {"__name__": "__main__", "algorithm": algorithm, "Run": Run, **around}
    exec(compile(source, place, "exec"), space)
    pruner = space["mine"]
    assert isinstance(pruner, Algorithm)
    return pruner


def test_a_pruner_of_a_cell_has_a_source() -> None:
    assert standalone(made("run.train()")).endswith("def mine(run: Run) -> None:\n    run.train()\n")


@pytest.mark.parametrize(
    ("body", "around", "says"),
    [
        ("print(absent)", {}, "mine uses 'absent', which is defined nowhere"),
        ("print(drawn)", {"drawn": DRAWN}, "mine uses 'drawn', a value of type Tensor"),
        ("print(limit)", {"limit": math.inf}, "mine uses 'limit', a value of type float"),
        ("print(other())", {"other": lambda: 1}, "mine calls <lambda> 'other'; use its own name"),
    ],
)
def test_what_no_file_can_say_is_told(body: str, around: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        standalone(made(body, **around))


def test_a_pruner_inside_a_function_may_not_use_its_variables() -> None:
    share = 0.5

    @algorithm()
    def inner(run: Run) -> None:
        run.train(round(share))

    with pytest.raises(UsageError, match="inner: inner uses variables of a function around it; define it outside"):
        standalone(inner)


def test_a_pruner_without_source_is_told() -> None:
    space: dict[str, Any] = {"algorithm": algorithm}
    exec("@algorithm()\ndef typed(run):\n    run.train()", space)
    with pytest.raises(UsageError, match="typed: there is no source of typed; write it to a file"):
        standalone(space["typed"])


@pytest.mark.parametrize("other", ["import sys\nexec(eval(sys.stdin.readline()))", "def other(run): ...", "else:", ""])
def test_the_source_of_something_else_is_none(monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    """As Python 3.13 returns what was given to `python -c` for a function that `exec` made."""
    monkeypatch.setattr(inspect, "getsource", lambda one: other)
    with pytest.raises(UsageError, match="there is no source of with_all; write it to a file"):
        standalone(with_all)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "code").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        put(with_all, tmp_path / "code")
