"""What outside algorithms declare comes from a process of their own, with the errors that an import here has."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from benchmark.errors import PluginError, UsageError
from benchmark.graphs.edges import Graph
from benchmark.harness.network import Sketched
from benchmark.plugins import registry
from benchmark.results.spelling import Choice
from benchmark.sweep import apart
from benchmark.sweep.apart import Apart, Declarations, declaration
from tests.support.outside import known_here, plant

pytestmark = pytest.mark.runs

CUTTER = '''
    from typing import Annotated, Literal
    from benchmark import Absent, Fraction, Key, Run, algorithm

    def deep(network):
        return len(list(network.parameters())) > 2

    def limit(options, graph):
        return graph.size if options["edges"] else None

    @algorithm(prunes="edges", edges="edges", edits_only=True, edit_limit=limit)
    def cutter(run: Run, *, edges: Annotated[int | None, Absent(None)] = None, share: Fraction = 0.5,
               norms: Annotated[Literal["a", "b"], Absent("a", matters=deep)] = "b",
               of: Annotated[Key | None, Absent(None)] = None) -> None:
        """Cutter: cuts (Nobody, 2026)."""
'''

BROKEN = {
    "explodes": ("raise RuntimeError('boom')\n", "algorithm 'explodes' of dist-of-explodes 1.0 .*RuntimeError: boom"),
    "leaves": ("import os; os._exit(0)\n", "'leaves' of dist-of-leaves 1.0 .*it ended the process"),
    "plain": ("def plain(run): ...\n", "plain_plugin:plain is not an algorithm"),
    "hangs": ("import time; time.sleep(1000)\n", "'hangs' of dist-of-hangs 1.0 .*not answered for 3 seconds"),
    "babbles": (
        "import os\nfor n in range(3, 64):\n    try: os.write(n, b'no\\n')\n    except OSError: pass\nos._exit(0)\n",
        "'babbles' of dist-of-babbles 1.0 cannot be used",
    ),
}


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("plugins")
    plant(folder, "algorithm", "cutter", CUTTER)
    for name, (source, _) in BROKEN.items():
        plant(folder, "algorithm", name, source)
    with known_here(folder):
        yield


@pytest.fixture(scope="module")
def declarations(plugins: None) -> Iterator[Declarations]:
    with Declarations() as declared:
        yield declared


def test_a_built_in_is_itself() -> None:
    with Declarations() as declared:
        assert declared.algorithm("imp") is registry.algorithm("imp")


def test_an_outside_one_is_what_it_declares_and_is_not_imported(declarations: Declarations) -> None:
    cutter = declarations.algorithm("cutter")
    assert isinstance(cutter, Apart)
    assert (cutter.prunes, cutter.needs, cutter.edges) == ({"edges"}, frozenset(), "edges")
    assert cutter.filled({"share": 0.2}) == {"edges": None, "norms": "a", "share": 0.2, "of": None}
    assert cutter.unusual({"share": 0.5, "norms": "a"}) == {"norms": "a"}
    assert "cutter_plugin" not in sys.modules


def test_an_outside_one_says_which_options_name_records(declarations: Declarations) -> None:
    assert declarations.algorithm("cutter").keys == {"of"}


def test_its_options_are_resolved_and_written(declarations: Declarations) -> None:
    cutter = declarations.algorithm("cutter")
    values = cutter.resolve({"share": "0.25"})
    assert values == {"edges": None, "share": 0.25, "norms": "b", "of": None}
    network = Sketched(Choice("digits"), "mlp")
    assert cutter.written(values, network) == {"share": 0.25, "norms": "b"}
    assert cutter.resolve({"control": "shuffle"})["control"] == "shuffle"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shar": "1"}, "no option of 'cutter' named 'shar'"),
        ({"share": "2"}, "option 'share' of 'cutter' cannot be '2'"),
    ],
)
def test_a_wrong_option_is_a_usage_error(declarations: Declarations, given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        declarations.algorithm("cutter").resolve(given)


def test_it_counts_the_edits_that_it_can_make(declarations: Declarations) -> None:
    limit = declarations.algorithm("cutter").edit_limit
    assert limit is not None
    graph = Graph.of(3, [(0, 1), (1, 2)])
    assert (limit({"edges": 5}, graph), limit({"edges": None}, graph)) == (2, None)


def test_a_chain_with_one_from_outside(declarations: Declarations) -> None:
    both = declarations.algorithm("cutter+imp")
    assert (both.name, both.prunes, both.edges) == ("cutter+imp", {"edges", "weights"}, "cutter.edges")
    with pytest.raises(UsageError, match="does not say how many edges"):
        both.resolve({})
    assert both.resolve({"edges": "3"})["cutter.edges"] == 3


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_one_is_named(plugins: None, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "PATIENCE", 3.0 if name == "hangs" else 60.0)
    with pytest.raises(PluginError, match=BROKEN[name][1]):
        declaration(name)


def test_what_was_declared_stays_known_when_its_process_has_ended(plugins: None) -> None:
    with Declarations() as declared:
        cutter = declared.algorithm("cutter")
    assert cutter.filled({}) == {"edges": None, "norms": "a", "of": None}
    with pytest.raises(PluginError, match="it ended the process"):
        cutter.resolve({})
