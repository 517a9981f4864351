from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from benchmark import Count, Finding, Study, experiment, panels, wilson, without_result

from ._built_and_searched import build
from ._options import Several, numbers
from ._subset_sums import ceiling, floor, nearest, poisson, scale, widest_gap
from ._transitions import MISSED, crossing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VERSION = 1

Largest = Annotated[int, Field(ge=14, le=44, description="whole number from 14 to 44")]

SHARES, EPS, TARGETS = [1 / 2, 1 / 4, 1 / 8], [1e-1, 1e-3], [0.0, 0.5]
POINT = ["n", "share", "eps", "z"]


@experiment(
    paper="arXiv:2410.14754",
    full={"n_most": 40, "draws": 1000, "widths": "8,12,16,20,24", "networks": 5},
    smoke={"n_most": 14, "draws": 20, "widths": "6", "networks": 1, "budget": "smoke"},
)
def rfss(
    study: Study,
    *,
    n_most: Largest = 28,
    draws: Count = 400,
    widths: Several = "8,12,16,20",
    networks: Annotated[int, Field(ge=0)] = 3,
    budget: str = "short",
) -> None:
    """Random fixed-size subset sums: how sparse can a ticket be that nobody trained (Natale et al., 2024)?

    Given n normal numbers, is there a subset of exactly k whose sum lies within eps of a target? Two of the paper's
    theorems say: yes, once n exceeds a constant times log2(k / eps) / H2(k / n). They give no constant, and no
    experiment was made; so what is measured here is new. All subsets are searched, exactly. Then every weight of a
    trained network is built from such a subset, and the resulting network of random weights is tested on its images;
    edge-popup searches networks of the same kind for one that classifies as well.

    Options:
        n_most: the largest n; 44 is the most that is solved exactly
        draws: random sets of numbers at each point
        widths: n of the built networks, which have 2 n random units for every input
        networks: trained networks that are built, each once; 0 for none
        budget: length of their training
    """
    grid = {"n": range(6, n_most + 1, 2), "share": SHARES, "eps": EPS, "z": TARGETS}
    sums = study.each(hit, draws=draws, **grid)
    if lost := without_result(sums):
        study.claim("the first and the second moment enclose what is measured", Finding.incomplete(lost))
        return
    rows = with_theory(sums)
    study.claim("the first and the second moment enclose what is measured", enclosed(rows))
    for share in SHARES:
        of_share = rows[(rows.share == share) & (rows.z == 0) & (rows.eps == min(EPS))]
        sentence = f"half of the draws have a subset of {share:g} n numbers near 0 where r is 0.95 to 1.3"
        found = crossing(of_share, "r")
        study.claim(sentence, found.between(0.95, 1.3, "r") if found else Finding.uninformative(MISSED))
    every = study.each(hit_every, n=range(6, min(n_most - 8, 24) + 1, 2), share=SHARES, eps=EPS, draws=draws)
    study.table(rows[rows.eps == min(EPS)].drop(columns=["hits"]), f"at eps = {min(EPS):g}")
    study.figure("collapse", collapse(rows))
    study.figure("every-target", every_target(every))
    if networks:
        build(study, numbers(widths), networks, budget)


def hit(rng: np.random.Generator, *, n: int, share: float, eps: float, z: float) -> dict[str, float | bool]:
    """Whether some subset of k = round(share n) of n normal numbers sums to z sqrt(k) within eps, and its error."""
    k = size(n, share)
    found = nearest(rng.standard_normal(n), k, z * k**0.5)
    return {"error": found.error, "hit": found.error < eps}


def hit_every(rng: np.random.Generator, *, n: int, share: float, eps: float) -> dict[str, float | bool]:
    """The same for every target in [-sqrt(k), sqrt(k)] at once: the error of the worst one."""
    k = size(n, share)
    worst = widest_gap(rng.standard_normal(n), k, k**0.5)
    return {"error": worst, "hit": worst < eps}


def size(n: int, share: float) -> int:
    """The number of elements of a subset."""
    return max(1, round(share * n))


def with_theory(sums: pd.DataFrame) -> pd.DataFrame:
    """A row per point: how often there was a hit, its interval, and what theory says about it."""
    rows = sums.groupby(POINT, as_index=False).agg(hits=("hit", "sum"), draws=("hit", "size"))
    rows["measured"] = rows.hits / rows.draws
    rows["low"], rows["high"] = zip(
        *(wilson(int(h), int(d)) for h, d in zip(rows.hits, rows.draws, strict=True)), strict=True
    )
    told = [theory(*values) for values in rows[POINT].itertuples(index=False)]
    return rows.assign(**{name: [one[name] for one in told] for name in told[0]})


def theory(n: int, share: float, eps: float, z: float) -> dict[str, float]:
    """The bounds on the share of hits, the heuristic of independent subsets, and the scale r."""
    k = size(n, share)
    given = (n, k, eps, z * k**0.5)
    return {"r": scale(n, k, eps), "floor": floor(*given), "ceiling": ceiling(*given), "poisson": poisson(*given)}


def enclosed(rows: pd.DataFrame) -> Finding:
    """How many points lie outside floor and ceiling by more than four standard errors."""
    error = 4 * np.sqrt(rows[["floor", "ceiling"]].clip(1e-12, 1).apply(lambda p: p * (1 - p)).div(rows.draws, axis=0))
    below, above = rows.measured < rows.floor - error.floor, rows.measured > rows.ceiling + error.ceiling
    return Finding.counted(int((below | above).sum()), len(rows), says=f"of {len(rows)} points lie outside")


def collapse(rows: pd.DataFrame) -> "Figure":
    """The share of hits over r: points with intervals, and the band between floor and ceiling."""
    import seaborn

    places = [(eps, z) for eps in EPS for z in TARGETS]
    figure, grid = panels([f"eps = {eps:g}, target {z:g} sqrt(k)" for eps, z in places], across=2)
    colours = dict(zip(SHARES, seaborn.color_palette("colorblind"), strict=False))
    for axes, (eps, z) in zip(grid, places, strict=True):
        for share, colour in colours.items():
            curve(axes, rows[(rows.eps == eps) & (rows.z == z) & (rows.share == share)].sort_values("r"), share, colour)
        axes.axhline(0.5, color="0.6", lw=0.8, zorder=0)
        axes.set(xlabel="r = n H2(k/n) / log2(k/eps)", ylabel="share of draws with a subset", ylim=(-0.03, 1.03))
    grid[0].legend(title="k / n", loc="lower right")
    return figure


def curve(axes: Any, rows: pd.DataFrame, share: float, colour: Any) -> None:
    """One curve: what is measured, with the band that theory encloses it in."""
    bars = [rows.measured - rows.low, rows.high - rows.measured]
    axes.errorbar(rows.r, rows.measured, np.maximum(bars, 0), fmt="o-", color=colour, lw=1.2, ms=4, label=f"{share:g}")
    axes.fill_between(rows.r, rows.floor, rows.ceiling, color=colour, alpha=0.12, lw=0)


def every_target(every: pd.DataFrame) -> "Figure":
    """The share of draws in which every target has a subset, over r."""
    import seaborn

    rows = every.groupby(["n", "share", "eps"], as_index=False).agg(measured=("hit", "mean"))
    rows["r"] = [scale(n, size(n, share), eps) for n, share, eps in rows[["n", "share", "eps"]].itertuples(index=False)]
    figure, grid = panels([f"every target at once, eps = {eps:g}" for eps in EPS], across=2)
    for axes, eps in zip(grid, EPS, strict=True):
        for share, colour in zip(SHARES, seaborn.color_palette("colorblind"), strict=False):
            line = rows[(rows.eps == eps) & (rows.share == share)].sort_values("r")
            axes.plot(line.r, line.measured, "o-", color=colour, lw=1.2, ms=4, label=f"{share:g}")
        axes.set(xlabel="r = n H2(k/n) / log2(k/eps)", ylabel="share of draws", ylim=(-0.03, 1.03))
    grid[0].legend(title="k / n", loc="lower right")
    return figure
