"""Prints what CHANGELOG.md says of a version: `python .github/notes.py v0.1.0 > notes.md`, for a release."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def notes(tag: str, changelog: str, version: str) -> str:
    """The section of a version.

    Raises:
        ValueError: the tag is not that of the version of pyproject.toml, or it has no dated section.
    """
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag} and pyproject.toml has version {version}")
    found = re.search(rf"^## {re.escape(version)} \((.+?)\)\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not found or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", found[1]):
        raise ValueError(f"CHANGELOG.md has no line '## {version} (YYYY-MM-DD)': date the section that is released")
    return found[2].strip() + "\n"


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    try:
        print(notes(sys.argv[1], (ROOT / "CHANGELOG.md").read_text(), project["version"]), end="")
    except (IndexError, ValueError) as error:
        sys.exit(f"Error: {error}")
