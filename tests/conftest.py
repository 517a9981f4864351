"""What every test starts from: its tier, one thread, its own environment, no network, and the real data if here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # numpy reads it when it is imported: tests that run side by side have a core each

import pytest
import torch
from hypothesis import settings

from benchmark.cli import main
from benchmark.files import user_cache
from benchmark.plugins import catalog, code
from benchmark.plugins.sources import VARIABLE
from benchmark.results.store import Store
from tests.support.command import ROOT, Bench, Ended
from tests.support.once import once, shared
from tests.support.outside import known_here
from tests.support.tiers import held_to_its_tier, mark, watch

collect_ignore = ["plugin"]  # a distribution of its own, with tests of its own: test_registry runs them installed

# a shell starts what runs in its background with these ignored, and children inherit that; tests send them
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

settings.register_profile("untimed", deadline=None)  # no test is about how long an example takes
settings.load_profile("untimed")

watch()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark(item)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m unit`, a file that says of all its tests that they run is not even imported."""
    wanted = config.option.markexpr != "unit" or collection_path.suffix != ".py"
    return None if wanted or "\npytestmark = pytest.mark.runs\n" not in collection_path.read_text() else True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with held_to_its_tier(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with held_to_its_tier(item):
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of one file go to one worker, as long as that keeps all workers busy: it makes what they share once."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None


_DATA_BEFORE = os.environ.get("PRUNEBENCH_DATA")


@pytest.fixture(scope="session", autouse=True)
def isolation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads the user's cache, data or results, writes into the checkout, or reaches the network."""
    home = tmp_path_factory.mktemp("home")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PRUNEBENCH_")]:
            patch.delenv(name)
        patch.setenv("PRUNEBENCH_RESULTS", str(home / "results"))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        encoded = shared(tmp_path_factory) / "encoded"  # graphs that take minutes: encoded once for all workers
        encoded.mkdir(exist_ok=True)
        user_cache().mkdir(parents=True)
        (user_cache() / "processed").symlink_to(encoded)
        for name in ("no_proxy", "NO_PROXY"):
            patch.delenv(name, raising=False)
        for scheme in ("http", "https"):
            patch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")  # nobody listens: whoever calls out is refused
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets: $PRUNEBENCH_DATA as it was, or ../shared/data beside the checkout."""
    places = [Path(place) for place in (_DATA_BEFORE, ROOT.parent / "shared" / "data") if place]
    for place in places:
        if (place / "MNIST" / "raw").is_dir():
            return place
    pytest.skip(f"no real data: looked for MNIST/raw in {', '.join(map(str, places))}; set PRUNEBENCH_DATA")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty results folder, where every verb looks."""
    monkeypatch.setenv("PRUNEBENCH_RESULTS", str(tmp_path / "own"))
    return Store(tmp_path / "own")


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Bench:
    """`bench(*words)`: the command in this process, where torch is there already; what it ends with and prints."""

    def run(*words: str | Path) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words], prog_name="bench")
        assert isinstance(end.value.code, int)
        return Ended(end.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def known() -> Iterator[Callable[[Path], None]]:
    """`known(folder)`: plug-ins in a folder are known to this process, until the test is over."""
    with ExitStack() as stack:
        yield lambda folder: stack.enter_context(known_here(folder))


@pytest.fixture
def forgotten_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What becomes known of methods in files of the user's ends with the test."""
    monkeypatch.setenv(VARIABLE, "")
    yield
    catalog.plugins.cache_clear()
    code.digest.cache_clear()


@pytest.fixture(scope="session")
def example_plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that tests/plugin is installed into, as a user's `pip install` would."""

    def install(folder: Path) -> None:
        quietly = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
        place = ["--no-compile", "--target", str(folder)]
        plugin = str(ROOT / "tests" / "plugin")
        command = [sys.executable, "-m", "pip", "install", *quietly, *place, plugin]
        subprocess.run(command, check=True, capture_output=True)

    return once(tmp_path_factory, "site", install)
