"""Defines how figures look, and writes them to files. A method has the same colour and marker in every figure.

matplotlib and seaborn are imported inside functions, so that commands that draw nothing start without them. Figures
are created without pyplot, so no global state changes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from benchmark.leaderboard.rows import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")

READABLE = (0, 1, 2, 3, 4, 5, 9)
"""Indices into seaborn's colour-blind palette of the colours that are legible on white. Its grey is for dense."""

DENSE = (7, "s")
"""Palette index and marker of dense networks: grey squares."""

SALT = 10170
"""Colour and marker come from the SHA-256 of a name. By this salt most of our own methods have distinct looks."""

MARKERS = "oDs^vPX<>*hpd"

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))

SUFFIXES = (".svg", ".png", ".pdf")


@dataclass(frozen=True)
class Look:
    """The look of one row's line. Variants of an algorithm differ in their dashes; controls have hollow markers.

    Args:
        ink: the colour, darkened for small text.
    """

    colour: tuple[float, float, float]
    ink: tuple[float, float, float]
    marker: str
    dashes: Any
    hollow: bool

    def line(self) -> dict[str, Any]:
        """Return the look as keyword arguments of matplotlib's `plot`."""
        face = "white" if self.hollow else self.colour
        return {"color": self.colour, "marker": self.marker, "linestyle": self.dashes, "markerfacecolor": face}


def looks(labels: Mapping[str, tuple[str | None, str | None]]) -> dict[str, Look]:
    """Return the look of each label. No two algorithms of a figure share one, and no colour, as long as there are any.

    An algorithm has its own colour and marker in every figure, unless one that comes before it has them already.

    Args:
        labels: algorithm and control of each label; the algorithm is None for a dense network.
    """
    import seaborn

    palette = seaborn.color_palette("colorblind")
    taken = _told_apart({algorithm for algorithm, _ in labels.values() if algorithm})
    seen: dict[str | None, int] = {}
    by_label = {}
    for label, (algorithm, control) in sorted(labels.items(), key=lambda item: item[0]):
        colour, marker = taken[algorithm] if algorithm else DENSE
        turn = seen.get(algorithm, 0)
        seen[algorithm] = turn + 1
        ink = tuple(0.72 * part for part in palette[colour])
        by_label[label] = Look(palette[colour], ink, marker, DASHES[turn % len(DASHES)], control is not None)
    return by_label


def names(rows: Iterable[Row]) -> dict[str, tuple[str | None, str | None]]:
    """Return the labels of rows with their algorithm and control, as `looks` takes them."""
    return {row.label: (None if row.dense and not row.control else row.algorithm, row.control) for row in rows}


def _told_apart(algorithms: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Return an index into the palette and a marker for each algorithm: its own, or the next that are free."""
    taken: dict[str, tuple[int, str]] = {}
    for name in sorted(algorithms):
        colour, marker = _own_look(name)
        uses = Counter(index for index, _ in taken.values())
        colour = min(_from(READABLE, colour), key=lambda index: uses[index])
        free = (mark for mark in _from(MARKERS, marker) if (colour, mark) not in taken.values())
        taken[name] = colour, next(free, marker)
    return taken


def _from(values: Sequence[T], first: T) -> list[T]:
    """Return values in their order, in a ring that begins with one of them."""
    at = values.index(first)
    return [*values[at:], *values[:at]]


def _own_look(name: str) -> tuple[int, str]:
    """Return the index into the palette and the marker that an algorithm has where nothing else is drawn."""
    digest = hashlib.sha256(f"{name}/{SALT}".encode()).digest()
    return READABLE[digest[0] % len(READABLE)], MARKERS[digest[1] % len(MARKERS)]


@contextmanager
def styled() -> Iterator[None]:
    """Apply prunebench's figure style within the context."""
    import matplotlib
    import seaborn

    settings = {
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "lines.linewidth": 1.6,
        "lines.markersize": 5,
        "svg.hashsalt": "prunebench",
        "pdf.fonttype": 42,
        "grid.linewidth": 0.6,
    }
    with matplotlib.rc_context({**seaborn.axes_style("whitegrid"), **settings}):
        yield


def encoded(figure: Figure, form: Literal["svg", "png", "pdf"], dpi: int = 150, about: str = "") -> bytes:
    """Return the figure as the bytes of a file. The same figure gives the same bytes.

    Args:
        about: description for the metadata of an SVG.
    """
    into = BytesIO()
    undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[form]
    with styled():
        figure.savefig(into, format=form, dpi=dpi, metadata=undated | ({"Description": about} if about else {}))
    return into.getvalue()


def write(figure: Figure, out: Path) -> None:
    """Write the figure to a file, in the format of its suffix, which is one of SUFFIXES."""
    form: Any = out.suffix[1:].lower()
    out.write_bytes(encoded(figure, form))
