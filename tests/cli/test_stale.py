"""An outside package that is edited: its old rows are told, trained again when asked, and verified as of other code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.plugins import code
from benchmark.results.store import Store
from tests.support.command import Bench, here
from tests.support.outside import plant

pytestmark = pytest.mark.runs

SOURCE = """
    from benchmark import Run, algorithm, keep_top

    @algorithm()
    def edited(run: Run) -> None:
        '''Edited: keeps the largest weights (Nobody, 2026).'''
        run.prune(keep_top({name: weight.abs() for name, weight in run.weights.items()}, run.target))
        run.train()
"""

SAME_BITS = "weight.abs()", "abs(weight)"
OTHER_BITS = "weight.abs()", "-weight.abs()"


@pytest.fixture
def plugins(tmp_path: Path, known: Callable[[Path], None]) -> Path:
    folder = tmp_path / "plugins"
    plant(folder, "algorithm", "edited", SOURCE)
    forget()
    known(folder)
    return folder


def forget() -> None:
    """As a new command would find it: nothing is remembered of the source."""
    code.digest.cache_clear()
    sys.modules.pop("edited_plugin", None)
    importlib.invalidate_caches()


def edit(plugins: Path, change: tuple[str, str]) -> None:
    file = plugins / "edited_plugin.py"
    before = file.read_text()
    assert change[0] in before
    file.write_text(before.replace(*change) + "# edited\n")  # another length: no compiled file passes for it
    forget()


def test_stale_rows_are_told_and_made_again_when_asked(own: Store, bench: Bench, plugins: Path) -> None:
    assert here(bench, "edited,magnitude").code == 0
    [old] = [record for record in own if record.cell.algorithm == "edited"]
    edit(plugins, OTHER_BITS)
    told = here(bench, "edited,magnitude")
    assert "2 answered already, 0 to run" in told.err
    assert "1 answered by other code (bench run --rerun stale)" in told.err
    made = here(bench, "edited,magnitude", "--rerun", "stale")
    assert "1 answered already, 1 to run" in made.err
    [new] = [record for record in own if record.cell.algorithm == "edited"]
    assert new.key == old.key
    assert new.mask_digest != old.mask_digest
    assert new.provenance["code"] != old.provenance["code"]
    again = here(bench, "edited,magnitude", "--rerun", "stale")
    assert "2 answered already, 0 to run" in again.err
    assert "other code" not in again.err


@pytest.mark.parametrize("change", [SAME_BITS, OTHER_BITS], ids=["same bits", "other bits"])
def test_verify_and_export_say_that_the_code_has_changed(
    own: Store, bench: Bench, plugins: Path, tmp_path: Path, change: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # in which no network is kept yet
    assert here(bench, "edited").code == 0
    [record] = own
    edit(plugins, change)
    exported = bench("export", record.key, "--to", tmp_path / "network")
    verified = bench("verify", record.key)
    for ended in (exported, verified):
        assert ended.code == (0 if change == SAME_BITS else 5), ended.err
        assert "the code of algorithm 'edited' has changed" in ended.err
    assert "edited_plugin" not in sys.modules, "neither imports it here"
