from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from benchmark import Count, Finding, Study, experiment, panels, wilson, without_result

from ._held_layers import hold
from ._kernel_sums import decided, drawn, expected, least_width, nearest
from ._options import Several, numbers
from ._subset_sums import Array
from ._transitions import MISSED, Crossing, crossing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from benchmark import Trained

VERSION = 1

Exact = Annotated[int, Field(ge=4, le=36, description="whole number from 4 to 36")]

EPS, CLAIMED = [0.5, 0.3, 0.1], 0.3
POINT = ["size", "kernel", "n", "eps"]

DECIDED, SECONDS = 40, 30.0
"""Draws that are decided by mixed-integer programming at each point, and the seconds after which one is undecided."""


@experiment(
    paper="arXiv:2311.09858",
    full={"sizes": "1,2,4,9", "most": 32, "widest": 60, "networks": 5},
    smoke={"sizes": "1,2", "most": 10, "widest": 14, "draws": 20, "widths": "64", "networks": 1, "budget": "smoke"},
)
def structured_slth(
    study: Study,
    *,
    sizes: Several = "1,2,4",
    most: Exact = 24,
    widest: Count = 36,
    draws: Count = 100,
    widths: Several = "256,512,1024,2048,4096",
    networks: Count = 3,
    budget: str = "short",
) -> None:
    """Removable filters: how wide must random layers be to hold a smaller one (da Cunha et al., 2023)?

    Random 1 x 1 filters, ReLU and random filters after them add up to any kernel that is a sum of a subset of the
    random vectors v_i u_i; all other filters can be cut away. The paper proves that a width polynomial in the size D of
    a kernel is enough. Here it is measured for small D: is there a subset within eps, a share of the kernel's largest
    entry, in every entry? Then such filters represent the first layer of a trained network, and the rest is cut.

    Options:
        sizes: D, the number of entries of a kernel; those of 9 are also kernels of a trained network
        most: the largest width that is searched exactly
        widest: the largest that is decided by mixed-integer programming, for the largest size
        draws: random layers at each point
        widths: random filters for every input channel of the trained network
        networks: trained networks, each represented once at every width
        budget: length of their training
    """
    study.on("digits", model="cnn", budget=budget, seeds=networks)
    trained, bounded = study.runs("dense"), "the first moment bounds what is measured"
    if lost := without_result(trained):
        study.claim(bounded, Finding.incomplete(lost))
        return
    values = study.networks(trained)
    exact = [searched(study, size, values, most, draws) for size in numbers(sizes)]
    program = study.each(
        decide, kernel="even", size=max(numbers(sizes)), n=range(most + 4, widest + 1, 4), eps=EPS, draws=DECIDED
    )
    if lost := without_result(*exact, program):
        study.claim(bounded, Finding.incomplete(lost))
        return
    rows = pd.concat([counted(pd.concat(exact)), counted(program)], ignore_index=True)
    study.claim(bounded, below(rows))
    halves = crossings(rows)
    for (size, eps), found in halves.items():
        if eps == CLAIMED:
            least = least_width(even(size), eps / size)
            sentence = f"half of the layers hold a kernel of {size} entries at a width of n* = {least} to n* + 4"
            study.claim(sentence, found.between(least, least + 4, "n") if found else Finding.uninformative(MISSED))
    study.claim("the width grows more slowly than the square of the kernel's size", growth(halves))
    study.table(transitions(halves), "widths of which half hold a kernel of equal entries; n*: one subset is expected")
    study.table(verdicts(program), f"decided by programming, within {SECONDS:g} seconds each")
    study.figure("widths", shown(rows))
    hold(study, values, trained, numbers(widths))


# --- what is computed -------------------------------------------------------------------------------------------------


def near(rng: np.random.Generator, *, kernel: str | Trained, size: int, n: int, eps: float) -> dict[str, float | bool]:
    """Whether some subset of n random vectors is within eps of a kernel, by exact search; and the ceiling."""
    wanted = kernel_of(rng, kernel, size)
    allowed, vectors = eps * float(np.abs(wanted).max()), drawn(rng, n, size)
    error = nearest(vectors, wanted).error
    return {"error": error, "found": error < allowed, "ceiling": min(1.0, expected(n, wanted, allowed))}


def decide(rng: np.random.Generator, *, kernel: str, size: int, n: int, eps: float) -> dict[str, float | bool]:
    """The same for more vectors than can be searched, by mixed-integer programming: found, impossible, or undecided."""
    wanted = kernel_of(rng, kernel, size)
    allowed, vectors = eps * float(np.abs(wanted).max()), drawn(rng, n, size)
    verdict = decided(vectors, wanted, allowed, SECONDS)
    told: dict[str, float | bool] = {name: verdict == name for name in ("found", "impossible", "timeout")}
    return told | {"ceiling": min(1.0, expected(n, wanted, allowed))}


def kernel_of(rng: np.random.Generator, kernel: str | Trained, size: int) -> Array:
    """A kernel whose absolute entries sum to 1: with equal entries, random, or from a network's first layer."""
    if kernel == "even":
        return even(size)
    if kernel == "random":
        entries = rng.standard_normal(size)
    else:
        assert not isinstance(kernel, str)
        first = next(value for value in kernel.tensors().values() if value.dim() == 4)
        kernels = first.double().numpy().reshape(-1, first[0, 0].numel())
        entries = kernels[rng.integers(len(kernels))]
    scaled: Array = entries / np.abs(entries).sum()
    return scaled


def even(size: int) -> Array:
    """The kernel with equal entries that sum to 1."""
    return np.full(size, 1 / size)


def searched(study: Study, size: int, values: list[Trained], most: int, draws: int) -> pd.DataFrame:
    """Exact searches for kernels of a size."""
    kernels = ["even", values[0] if size == 9 else "random"]
    frame = study.each(near, kernel=kernels, size=size, n=range(2, most + 1, 2), eps=EPS, draws=draws)
    return frame.assign(kernel=frame.kernel.where(frame.kernel.isin(["even", "random"]), "trained"))


# --- what is said of it -----------------------------------------------------------------------------------------------


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per point: how often a subset was found, with an interval that allows for timeouts, and the ceiling."""
    if not len(frame):
        return pd.DataFrame()
    frame = frame.assign(timeout=frame.get("timeout", False))
    how = {"found": "sum", "timeout": "sum", "draw": "size", "ceiling": "mean"}
    rows = frame.groupby(POINT, as_index=False, sort=False).agg(how).rename(columns={"draw": "draws"})
    return rows.assign(
        measured=rows.found / rows.draws,
        low=[wilson(int(f), int(d))[0] for f, d in zip(rows.found, rows.draws, strict=True)],
        high=[wilson(int(f), int(d))[1] for f, d in zip(rows.found + rows.timeout, rows.draws, strict=True)],
    )


def below(rows: pd.DataFrame) -> Finding:
    """How many points lie above the first moment by more than four standard errors."""
    bound = rows.ceiling.clip(1e-12, 1)
    above = rows.measured > bound + 4 * np.sqrt(bound * (1 - bound) / rows.draws)
    return Finding.counted(int(above.sum()), len(rows), says=f"of {len(rows)} points lie above")


def crossings(rows: pd.DataFrame) -> dict[tuple[int, float], Crossing | None]:
    """By size and eps: the width at which half of the layers hold the kernel of equal entries."""
    groups = rows[rows.kernel == "even"].groupby(["size", "eps"])
    return {(int(size), float(eps)): crossing(group, "n") for (size, eps), group in groups}


def growth(halves: dict[tuple[int, float], Crossing | None]) -> Finding:
    """The power of the size that the width grows with, from the smallest size to the largest whose widths are known."""
    known = {size: found for (size, eps), found in sorted(halves.items()) if eps == CLAIMED and found}
    if len(known) < 2:
        return Finding.uninformative(MISSED)
    small, large = min(known), max(known)
    first, last = known[small], known[large]
    sizes = log(large / small)
    at, low, high = (
        log(b / a) / sizes for a, b in ((first.at, last.at), (first.late, last.early), (first.early, last.late))
    )
    return Finding(at, low, high, len(known), "below", 2.0, says=f"from D = {small} to {large}", least=2)


def transitions(halves: dict[tuple[int, float], Crossing | None]) -> pd.DataFrame:
    """A row per size and eps."""
    rows = []
    for (size, eps), found in halves.items():
        ends = (found.at, found.early, found.late) if found else (float("nan"),) * 3
        told = dict(zip(("half", "early", "late"), ends, strict=True))
        rows.append({"D": size, "eps": eps, "n*": least_width(even(size), eps / size), **told})
    return pd.DataFrame(rows)


def verdicts(program: pd.DataFrame) -> pd.DataFrame:
    """A row per point that is decided by mixed-integer programming: how many draws have which verdict."""
    if not len(program):
        return program
    return program.groupby(["size", "n", "eps"], as_index=False)[["found", "impossible", "timeout"]].sum()


def shown(rows: pd.DataFrame) -> Figure:
    """The share of layers that hold a kernel over their width, and the first moment's ceiling, dashed."""
    import seaborn

    places = [(kernel, eps) for kernel in rows.kernel.unique() for eps in EPS]
    titles = [f"{kernel} kernels, eps = {eps:g} of the largest entry" for kernel, eps in places]
    figure, grid = panels(titles, (4.4, 3.2))
    sizes = sorted(rows["size"].unique())
    colours = dict(zip(sizes, seaborn.color_palette("colorblind"), strict=False))
    for axes, (kernel, eps) in zip(grid, places, strict=True):
        for size in sizes:
            curve(axes, rows[(rows.kernel == kernel) & (rows.eps == eps) & (rows["size"] == size)], colours[size])
        axes.axhline(0.5, color="0.6", lw=0.8, zorder=0)
        axes.set(xlabel="random filters n with v > 0", ylabel="share that hold the kernel", ylim=(-0.03, 1.03))
    grid[0].legend(title="D")
    return figure


def curve(axes: Any, rows: pd.DataFrame, colour: Any) -> None:
    """One size: what is measured, with its interval, and the ceiling."""
    if not len(rows):
        return
    rows = rows.sort_values("n")
    bars = np.maximum([rows.measured - rows.low, rows.high - rows.measured], 0)
    axes.errorbar(rows.n, rows.measured, bars, fmt="o-", color=colour, lw=1.2, ms=4, label=rows["size"].iloc[0])
    axes.plot(rows.n, rows.ceiling, "--", color=colour, lw=0.9)
