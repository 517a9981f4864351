"""Tickets on other tasks than their own: when they match, and the matrix of sources and targets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmark import Finding, difference, panels, without_result

from ._arms import curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

AGNOSTIC = ["one-shot", "random"]
"""Sources that do not depend on a task."""


READ = ("length", "precision")
"""Options that say how texts are read and computed with; names leave them out."""

EQUAL = 1e-9
"""Scores that differ by less are equal: means are rounded."""


LEARNED = 5
"""How many times as often as the commonest word of all is right, a network has to be that was pre-trained on words."""


def has_learned(pretrained: DataFrame) -> Finding | None:
    """How often a network that was pre-trained here predicts a masked word; None if it was trained on other data.

    The bound is `LEARNED` times the accuracy of always answering the commonest word, which networks reach early and may
    not leave for long.
    """
    if lost := without_result(pretrained):
        return Finding.incomplete(lost)
    if "diagnosis.commonest" not in pretrained or pretrained["diagnosis.commonest"].isna().all():
        return None
    [score], [commonest] = pretrained.score, pretrained["diagnosis.commonest"]
    return Finding.of_one_run(score, above=LEARNED * commonest)


def matches(rows: DataFrame, dense: DataFrame, among: DataFrame) -> Finding:
    """How far a row lies above the dense network; it matches if it is at most one standard deviation of that below."""
    if lost := without_result(rows, dense):
        return Finding.incomplete(lost)
    deviation = float(dense.score.std())
    return difference(rows, dense, above=-deviation, says=f"of a dense deviation of {deviation:.2g}", among=among)


def matrix(runs: DataFrame, helps: Mapping[str, Finding]) -> DataFrame:
    """A row per source and target: the mean score, its distance from dense in points and in dense deviations.

    `matches` says whether it is at most one of these lower; `universal`, whether it matches on every target;
    `informative`, whether pre-training helps on the target. One seed has no deviation, and `matches` is empty.
    """
    import pandas as pd

    rows = []
    for target, finding in helps.items():
        on = runs[runs.task == target]
        dense = on[on.arm == "dense"].score
        for source in [*helps, *AGNOSTIC]:
            score = of_source(on, source, target).score
            below = float(score.mean() - dense.mean())
            deviation = float(dense.std())
            deviations = below / deviation if deviation > EQUAL else float("nan")
            told = {
                "n": int(score.count()),
                "score": float(score.mean()),
                "points": 100 * below,
                "deviations": deviations,
            }
            judged = {
                "matches": below >= -deviation - EQUAL if np.isfinite(below + deviation) else None,
                "informative": finding.verdict(None)[0] == "holds",
            }
            rows.append({"source": short(source), "target": short(target)} | told | judged)
    found = pd.DataFrame(rows)
    return found.assign(universal=found.matches.eq(True).groupby(found.source).transform("all"))


def of_source(on: DataFrame, source: str, target: str) -> DataFrame:
    """The runs on a target whose masks come from a source."""
    arm = source if source in AGNOSTIC else "ticket" if source == target else "moved"
    return on[(on.arm == arm) & (on.source == source)]


def drawn(runs: DataFrame, helps: Mapping[str, Finding]) -> Figure:
    """A field for each source and target: points below dense, and deviations; grey where pre-training does not help."""
    rows = matrix(runs, helps)
    sources, targets, tickets = list(dict.fromkeys(rows.source)), list(map(short, helps)), set(map(short, helps))
    points = rows.pivot(index="source", columns="target", values="points").loc[sources, targets].to_numpy()
    deviations = rows.pivot(index="source", columns="target", values="deviations").loc[sources, targets].to_numpy()
    useful = [finding.verdict(None)[0] == "holds" for finding in helps.values()]
    figure, [axes] = panels(["points from dense (in its deviations)"], (5.4, 1.2 + 0.5 * len(sources)))
    most = max(float(np.nanmax(np.abs(points))), 1e-9) if np.isfinite(points).any() else 1.0
    shown = np.where(useful, points, np.nan)
    axes.grid(visible=False)
    axes.set_facecolor("0.85")
    axes.imshow(shown, cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
    for (row, column), value in np.ndenumerate(points):
        dark = useful[column] and abs(value) > 0.55 * most
        inside = f" ({deviations[row, column]:+.1f})" if np.isfinite(deviations[row, column]) else ""
        text = f"{value:+.1f}{inside}" if np.isfinite(value) else "-"
        axes.text(column, row, text, ha="center", va="center", size=8, color="white" if dark else "0.15")
    axes.set_xticks(range(len(targets)), [f"on {target}".replace(", ", "\n") for target in targets])
    axes.set_yticks(range(len(sources)), [f"ticket of {source}" if source in tickets else source for source in sources])
    return figure


def over_levels(on: DataFrame, target: str, arms: Sequence[str]) -> Figure:
    """Every arm on a target over the share of weights kept, together with the tickets of other tasks."""
    moved = on.arm == "moved"
    named = on.assign(arm=on.arm.mask(moved, "ticket of " + on.source.map(short)))
    others = [*named.arm[moved].unique()]
    return curves(named, {"score": f"score on {short(target)}"}, [*arms, *others], dotted=others)


def file_name(task: str, tasks: Sequence[str]) -> str:
    """The name of a task in the name of a file; with its options where others have the same name."""
    names = [other.partition(":")[0] for other in tasks]
    name = task.partition(":")[0]
    return name if names.count(name) == 1 else re.sub(r"[^\w.]+", "-", short(task))


def short(task: str) -> str:
    """A task without the options that say how its texts are read."""
    name, _, options = task.partition(":")
    kept = [option for option in options.split(",") if option and option.partition("=")[0] not in READ]
    return ", ".join([name, *kept])
