"""Small distributions to start from: an algorithm, a task or an experiment that installs and passes its checks."""

from __future__ import annotations

import keyword
import re
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from benchmark.errors import UsageError
from benchmark.plugins import catalog
from benchmark.plugins.plugin import Kind
from benchmark.results.spelling import LONGEST_NAME

TEMPLATES = Path(__file__).parent.parent / "templates"
"""A folder for each kind, and one for what all have in common. Their contents run as they are."""

STANDS_FOR: dict[Kind, str] = {"algorithm": "my-pruner", "task": "my-task", "experiment": "my-question"}
"""The name in each template that is replaced by the new one."""


def write(kind: Kind, name: str, into: Path) -> Path:
    """Write a distribution of this name to a folder of its name.

    Raises:
        UsageError: the name is not valid for a plug-in, or is taken; the folder exists, or cannot be written.
    """
    _check(kind, name)
    folder = into / name
    if folder.exists():
        raise UsageError(f"{folder} exists already; choose another name, or another folder with --into")
    try:
        with tempfile.TemporaryDirectory(dir=into, prefix=f".{name}-") as unfinished:
            new = Path(unfinished, name)
            for template in (TEMPLATES / "common", TEMPLATES / kind):
                _copy(template, new, STANDS_FOR[kind], name)
            new.rename(folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from None
    return folder


def usage(folder: Path) -> str:
    """The commands that are suggested as first steps with a new distribution."""
    [commands] = re.findall(r"^```sh\n(.*?)^```$", (folder / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return f"cd {folder}\n{commands}"


def _check(kind: Kind, name: str) -> None:
    module = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > LONGEST_NAME or keyword.iskeyword(module):
        raise UsageError(f"'{name}' cannot be the name of a plug-in: use lower-case letters, digits and single '-'")
    if taken := next((plugin for plugin in (catalog.found(k, name) for k in STANDS_FOR) if plugin), None):
        raise UsageError(f"the name '{name}' is taken by the {taken.kind} of {taken.distribution}")
    if module in sys.stdlib_module_names or find_spec(module):
        raise UsageError(f"there is a module '{module}' already, which '{name}' would hide; choose another name")


def _copy(template: Path, into: Path, old: str, new: str) -> None:
    """Copy a folder, with one name in place of another, in files and their names."""
    for file in sorted(template.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            target = into / _renamed(str(file.relative_to(template)), old, new)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_renamed(file.read_text(), old, new))


def _renamed(text: str, old: str, new: str) -> str:
    return text.replace(old, new).replace(old.replace("-", "_"), new.replace("-", "_"))
