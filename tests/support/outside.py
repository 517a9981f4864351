"""Third-party plug-ins: laid out by hand, and known to this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from benchmark.plugins import catalog, sources


def plant(folder: Path, kind: str, name: str, source: str | bytes | None, target: str | None = None) -> str:
    """Lay a third-party plug-in into a folder that is to go on PYTHONPATH, as an installer would leave it.

    Args:
        kind: algorithm or task.
        source: of the module `<name>_plugin`; where it is None there is no such module.
        target: what the entry point says; by default `<name>_plugin:<name>`.

    Returns:
        The name of the distribution.
    """
    plain = "".join(letter if letter.isalnum() else "_" for letter in name).lower()
    distribution = f"dist-of-{plain.replace('_', '-')}"
    info = folder / f"dist_of_{plain}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[prunebench.{kind}s]\n{name} = {target or f'{plain}_plugin:{plain}'}\n")
    if source is not None:
        file = folder / f"{plain}_plugin.py"
        file.write_bytes(source if isinstance(source, bytes) else dedent(source).encode())
    return distribution


def plant_algorithms(folder: Path, head: str, bodies: Mapping[str, str]) -> None:
    """Lay algorithms into a folder, as `plant` does: each has its own name and body in the same source."""
    for name, body in bodies.items():
        plant(folder, "algorithm", name, head.format(name=name, body=body))


@contextmanager
def known_here(folder: Path) -> Iterator[None]:
    """Plug-ins in a folder are known to this process, for as long as it lasts."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        catalog.plugins.cache_clear()
        sources._entry_points.cache_clear()
        yield
    catalog.plugins.cache_clear()
    for name in [name for name in sys.modules.keys() - before if name.endswith("_plugin")]:
        del sys.modules[name]
