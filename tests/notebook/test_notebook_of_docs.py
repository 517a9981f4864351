"""The notebook of the documentation runs from its first cell to its last, and shows what the committed one shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.command import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

COMMITTED = ROOT / "docs" / "notebook.ipynb"


def shown(cell: Any) -> set[str]:
    """The kinds of what a cell shows: a table, a picture, or text alone."""
    outputs = [output for output in cell.get("outputs", []) if output.output_type == "execute_result"]
    return {kind for output in outputs for kind in output.data}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning:zmq", "ignore::DeprecationWarning")
def test_every_cell_runs_and_shows_what_it_showed(tmp_path: Path) -> None:
    notebook = nbformat.read(COMMITTED, as_version=4)
    before = [shown(cell) for cell in notebook.cells]
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [shown(cell) for cell in notebook.cells] == before
    assert sum("image/png" in kinds for kinds in before) == 1
    assert sorted(path.name for path in (tmp_path / "results" / "code").iterdir()) == ["midway.py"]
