"""Defines how figures look, and writes them to files. A method has the same colour in every figure.

There are seven colours and more methods, so some methods share one. Methods of one figure that share a colour differ in
their markers; for that, a marker may be another one elsewhere. In figures that highlight methods, the others are
grey, and of two highlighted methods with the same colour, the second gets one that is free.

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

from benchmark.errors import UsageError
from benchmark.leaderboard.rows import Row
from benchmark.results.spelling import choices, named, spelled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")

READABLE = (0, 1, 2, 3, 4, 5, 9)
"""Indices into seaborn's colour-blind palette of the colours that are legible on white. Its grey is for dense."""

DENSE = (7, "s")
"""Palette index and marker of dense networks: grey squares."""

SALT = 14076684
"""Colour and marker come from the SHA-256 of a name. With this salt, methods often compared differ in colour."""

OTHERS = (0.78, 0.78, 0.78)
"""Colour of the methods that are not highlighted, if others are."""

OTHERS_INK = (0.55, 0.55, 0.55)
"""Colour of their names, in figures that cannot do without."""

MARKERS = "oDs^vPX<>*hpd"

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))

SUFFIXES = (".svg", ".png", ".pdf")


@dataclass(frozen=True)
class Look:
    """The look of one row's line. Variants of an algorithm differ in their dashes; controls have hollow markers.

    Args:
        ink: the colour, darkened for small text.
        quiet: whether it is one of the others, where some methods are highlighted: grey and thin, without a label.
    """

    colour: tuple[float, float, float]
    ink: tuple[float, float, float]
    marker: str
    dashes: Any
    hollow: bool
    quiet: bool = False

    def line(self) -> dict[str, Any]:
        """Return the look as keyword arguments of matplotlib's `plot`."""
        face = "white" if self.hollow else self.colour
        look = {"color": self.colour, "marker": self.marker, "linestyle": self.dashes, "markerfacecolor": face}
        return look | ({"linewidth": 0.9, "markersize": 3, "zorder": 2} if self.quiet else {"zorder": 3})


Labels = Mapping[str, tuple[str | None, str | None]]
"""Algorithm and control of each label of a figure; the algorithm is None for a dense network."""


def looks(labels: Labels, highlight: Sequence[str] = ()) -> dict[str, Look]:
    """Return the look of each label. No two algorithms of a figure have the same colour and marker.

    An algorithm has its own colour in every figure, and its own marker unless one of the same colour that comes before
    it in the alphabet has it already.

    Args:
        labels: what is drawn.
        highlight: names of algorithms, with options or without (`imp`, `random:distribution=erk`). If there are any,
            the others are grey and quiet; the highlighted algorithms have distinct colours as long as there are any.

    Raises:
        UsageError: nothing of a highlighted name is drawn.
    """
    asked = _asked(labels, highlight)
    if not highlight:
        taken = _told_apart(sorted({algorithm for algorithm, _ in labels.values() if algorithm}))
    else:
        taken = _told_apart(list(dict.fromkeys(labels[label][0] or "" for label in asked)), distinct=True)
    seen: Counter[str | None] = Counter()
    by_label = {}
    for label, (algorithm, control) in sorted(labels.items(), key=lambda item: item[0]):
        dashes = DASHES[seen[algorithm] % len(DASHES)]
        seen[algorithm] += 1
        hollow = control is not None
        if highlight and algorithm and label not in asked:
            by_label[label] = Look(OTHERS, OTHERS_INK, _own_look(algorithm)[1], dashes, hollow, quiet=True)
        else:
            by_label[label] = _look(*(taken[algorithm] if algorithm else DENSE), dashes, hollow=hollow)
    return by_label


def _look(colour: int, marker: str, dashes: Any, *, hollow: bool) -> Look:
    import seaborn

    of_lines = seaborn.color_palette("colorblind")[colour]
    red, green, blue = of_lines
    return Look(of_lines, (0.72 * red, 0.72 * green, 0.72 * blue), marker, dashes, hollow)


def names(rows: Iterable[Row]) -> dict[str, tuple[str | None, str | None]]:
    """Return the labels of rows with their algorithm and control, as `looks` takes them."""
    return {row.label: (None if row.dense and not row.control else row.algorithm, row.control) for row in rows}


def _asked(labels: Labels, highlight: Sequence[str]) -> list[str]:
    """Return the labels that are highlighted, in the order of the names. Raises UsageError where a name has none."""
    asked: list[str] = []
    for choice in choices(highlight):
        fitting = [
            label
            for label, (algorithm, _) in sorted(labels.items())
            if algorithm and named(choice, algorithm, _options(label))
        ]
        if not fitting:
            drawn = {algorithm for algorithm, _ in labels.values() if algorithm}
            known = [label for label, (algorithm, _) in labels.items() if algorithm == choice.name] or list(drawn)
            told = spelled(choice.name, choice.options)
            raise UsageError(f"'{told}' cannot be highlighted: what is drawn is {', '.join(sorted(known))}")
        asked += fitting
    return asked


def _options(label: str) -> dict[str, str]:
    """Return the options in a label."""
    pieces = (piece.partition("=") for piece in label.partition(":")[2].split(","))
    return {option: value for option, equals, value in pieces if equals}


def _told_apart(algorithms: Sequence[str], *, distinct: bool = False) -> dict[str, tuple[int, str]]:
    """Return an index into the palette and a marker for each algorithm: its own, or the next marker that is free.

    Args:
        distinct: whether its colour, too, is moved on: to the next one of those used least so far.
    """
    taken: dict[str, tuple[int, str]] = {}
    for name in algorithms:
        colour, marker = _own_look(name)
        if distinct:
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
    """Return the index into the palette of an algorithm's colour, and its marker where nothing else is drawn."""
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
