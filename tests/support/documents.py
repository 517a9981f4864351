"""What the documents say in blocks of code, and the commands in them, as a shell reads them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.command import ROOT

PAGES = sorted(path for pattern in ("*.md", "docs/**/*.md", "results/**/*.md") for path in ROOT.glob(pattern))
_FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(bench [^`]+)`")

PROGRAMS = ("bench", "python", "python3", "pip", "pytest", "ruff", "mypy", "git", "cd", ".")
"""What scripts call; in a virtual environment, too."""

_HEAD = "tell() { printf '%s\\037' \"$@\"; printf '\\036'; }\n" + "".join(
    f'{place}{name}() {{ tell {place}{name} "$@"; }}\n'
    for name in PROGRAMS
    for place in ("", ".venv/bin/")
    if name.isalnum() or not place
)


@dataclass(frozen=True)
class Block:
    """A block of code of a page, and the line that it begins in."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(language: str = "", page: str = "") -> list[Block]:
    """Those of all pages, or in one language, or of one page."""
    found = []
    for path in PAGES:
        text, name = path.read_text(), str(path.relative_to(ROOT))
        for match in _FENCED.finditer(text):
            found.append(Block(name, text.count("\n", 0, match.start(2)) + 1, match[1], match[2]))
    return [block for block in found if language in ("", block.language) and page in ("", block.page)]


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a text in Markdown, as rows of cells, without the lines below their heads."""
    found = re.findall(r"(?:^\|.*(?:\n|$))+", text, re.MULTILINE)
    split = [[[cell.strip() for cell in line.strip("|").split("|")] for line in one.splitlines()] for one in found]
    return [[rows[0], *rows[2:]] for rows in split]


def in_sentences(page: str) -> list[list[str]]:
    """The words of each command that stands in a sentence of a page."""
    return [found.split() for found in _INLINE.findall(_FENCED.sub("", (ROOT / page).read_text()))]


def commands(script: str, folder: Path) -> list[list[str]]:
    """The words of each command that a script calls, in their order, as bash hands them over; none is carried out.

    Args:
        folder: which the script runs in.

    Raises:
        ValueError: bash refuses the script, or it calls what is none of `PROGRAMS`.
    """
    asked = ["/bin/bash", "-euc", f"{_HEAD}PATH=\n{script}"]
    ended = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode or ended.stderr:
        raise ValueError(f"bash ends with {ended.returncode} and says {ended.stderr!r} of\n{script}")
    return [told.split("\037")[:-1] for told in ended.stdout.split("\036")[:-1]]
