"""Names at lines and points, where a legend would have to be looked up, and room made for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

Labelled = tuple[float, float, str, Any]
"""x and y in data, a name, its colour."""

Bar = tuple[float, float, float, float]
"""From x and y to x and y in data: a line that is drawn."""

AROUND = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
FARTHEST = 8
SIZE = 8.0


def label_ends(axes: Axes, ends: Sequence[Labelled]) -> None:
    """Names right of the panel, each at the height of its line's end as far as they leave each other room."""
    if not ends:
        return
    figure = axes.figure
    figure.draw_without_rendering()  # type: ignore[union-attr]  # the layout decides how high the panel is
    height = axes.get_window_extent().height / figure.dpi * 72
    size = min(SIZE, height / len(ends) / 1.1)
    to_axes = axes.transData + axes.transAxes.inverted()
    places = [to_axes.transform((x, y)) for x, y, _, _ in ends]
    heights = spread([place[1] for place in places], 1.15 * size / height)
    for place, (_, _, name, colour), at in zip(places, ends, heights, strict=True):
        axes.annotate(
            name,
            xy=tuple(place),
            xytext=(1.03, at),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            fontsize=size,
            color=colour,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.5, "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 3},
        )


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Heights at least `gap` apart, in the same order, moved as little as neighbours allow; in [0, 1] if they fit."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    groups: list[tuple[float, list[int]]] = []  # centre, members
    for i in order:
        groups.append((min(1.0, max(0.0, heights[i])), [i]))
        while len(groups) > 1 and _bottom(*groups[-1], gap) - _top(*groups[-2], gap) < gap - 1e-9:
            (_, upper), (_, lower) = groups.pop(), groups.pop()
            members = lower + upper
            groups.append((_inside(sum(heights[j] for j in members) / len(members), len(members), gap), members))
    found = [0.0] * len(heights)
    for centre, members in groups:
        for place, i in enumerate(members):
            found[i] = _bottom(centre, members, gap) + place * gap
    return found


def _bottom(centre: float, members: Sequence[int], gap: float) -> float:
    return centre - gap * (len(members) - 1) / 2


def _top(centre: float, members: Sequence[int], gap: float) -> float:
    return centre + gap * (len(members) - 1) / 2


def _inside(centre: float, count: int, gap: float) -> float:
    half = gap * (count - 1) / 2
    return min(max(centre, half), 1 - half) if 2 * half <= 1 else 0.5


def label_points(axes: Axes, points: Sequence[Labelled], bars: Sequence[Bar] = ()) -> None:
    """Names beside points: each at the nearest place that covers no point, no bar and no name before it."""
    from matplotlib.transforms import Bbox

    figure: Any = axes.figure
    figure.draw_without_rendering()
    pixel = figure.dpi / 72
    marks = [axes.transData.transform((x, y)) for x, y, _, _ in points]
    taken = [Bbox.from_bounds(x - 4 * pixel, y - 4 * pixel, 8 * pixel, 8 * pixel) for x, y in marks]
    for left, low, right, high in bars:
        (x0, y0), (x1, y1) = axes.transData.transform([(left, low), (right, high)])
        taken.append(Bbox.from_extents(x0 - pixel, y0 - pixel, x1 + pixel, y1 + pixel))
    for x, y, name, colour in sorted(points, key=lambda point: point[:3]):
        boxes: list[tuple[float, int, int, int, Bbox]] = []
        for far in range(1, FARTHEST):
            for right, up in AROUND:
                text = _beside(axes, (x, y), name, colour, right * far, up * far, line=False)
                box = text.get_window_extent()
                boxes.append((_covered(box, taken, axes.get_window_extent()), len(boxes), right * far, up * far, box))
                text.remove()
        _, _, right, up, box = min(boxes, key=lambda found: found[:2])
        _beside(axes, (x, y), name, colour, right, up, line=max(abs(right), abs(up)) > 1)
        taken.append(box)


def _beside(axes: Axes, point: tuple[float, float], name: str, colour: Any, right: int, up: int, *, line: bool) -> Any:
    """A name so many steps right of and above a point, perhaps with a line to it."""
    return axes.annotate(
        name,
        point,
        xytext=(7 * right, 9 * up),
        textcoords="offset points",
        ha="left" if right > 0 else "right" if right < 0 else "center",
        va="center",
        fontsize=SIZE,
        color=colour,
        arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.5} if line else None,
    )


def _covered(box: Bbox, taken: Sequence[Bbox], inside: Bbox) -> float:
    """Area of others, and of what is outside, that a box covers."""
    from matplotlib.transforms import Bbox

    over = [both for other in taken if (both := Bbox.intersection(box, other)) is not None]
    within = Bbox.intersection(box, inside)
    out = box.width * box.height - (within.width * within.height if within is not None else 0.0)
    return sum(both.width * both.height for both in over) + out
