"""How pictures look: one colour and marker for a method everywhere; and how they become files.

matplotlib and seaborn are imported inside functions, so that reading verbs start without them. Nothing here is global:
figures are made without pyplot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmark.leaderboard.rows import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure


READABLE = (0, 1, 2, 3, 4, 5, 9)
"""Places of seaborn's colour-blind-safe palette that can be seen on white; its grey is for dense."""


DENSE = (7, "s")
"""Of what prunes nothing: grey squares."""


SALT = 10170
"""A name's colour and marker are from its SHA-256; with this number, no two methods of prunebench look alike."""


MARKERS = "oDs^vPX<>*hpd"


DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))


SUFFIXES = (".svg", ".png", ".pdf")


@dataclass(frozen=True)
class Look:
    """Of one row's line: options of one algorithm differ in their dashes, a control in its hollow marker.

    Args:
        ink: the colour, dark enough for small text.
    """

    colour: tuple[float, float, float]
    ink: tuple[float, float, float]
    marker: str
    dashes: Any
    hollow: bool

    def line(self) -> dict[str, Any]:
        """As keyword arguments of matplotlib's plot."""
        face = "white" if self.hollow else self.colour
        return {"color": self.colour, "marker": self.marker, "linestyle": self.dashes, "markerfacecolor": face}


def looks(labels: Mapping[str, tuple[str | None, str | None]]) -> dict[str, Look]:
    """By label, from its algorithm and control; the same whatever else is in the picture, dashes excepted.

    Args:
        labels: the algorithm is None where nothing is pruned.
    """
    import seaborn

    palette = seaborn.color_palette("colorblind")
    seen: dict[str | None, int] = {}
    by_label = {}
    for label, (algorithm, control) in sorted(labels.items(), key=lambda item: item[0]):
        colour, marker = _look_of(algorithm) if algorithm else DENSE
        turn = seen.get(algorithm, 0)
        seen[algorithm] = turn + 1
        ink = tuple(0.72 * part for part in palette[colour])
        by_label[label] = Look(palette[colour], ink, marker, DASHES[turn % len(DASHES)], control is not None)
    return by_label


def names(rows: Iterable[Row]) -> dict[str, tuple[str | None, str | None]]:
    """What `looks` takes, of rows."""
    return {row.label: (None if row.dense and not row.control else row.algorithm, row.control) for row in rows}


def _look_of(name: str) -> tuple[int, str]:
    """Place in the palette, and marker."""
    digest = hashlib.sha256(f"{name}/{SALT}".encode()).digest()
    return READABLE[digest[0] % len(READABLE)], MARKERS[digest[1] % len(MARKERS)]


@contextmanager
def styled() -> Iterator[None]:
    """The house's look, for the time of one picture."""
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
    """The picture in a file's bytes; the same figure gives the same bytes.

    Args:
        about: a description for the metadata of an svg.
    """
    into = BytesIO()
    undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[form]
    with styled():
        figure.savefig(into, format=form, dpi=dpi, metadata=undated | ({"Description": about} if about else {}))
    return into.getvalue()


def write(figure: Figure, out: Path) -> None:
    """Into a file whose suffix is one of SUFFIXES."""
    form: Any = out.suffix[1:].lower()
    out.write_bytes(encoded(figure, form))
