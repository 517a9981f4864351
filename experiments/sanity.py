from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmark import Count, Finding, Study, difference, experiment, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIMS = {
    "shuffle": "loses when its masks are shuffled within layers",
    "erk-random": "is better than random masks with the layer densities of ERK",
    "reinit": "loses when its masks are trained from other initial weights",
    "invert": "loses when its ranking is turned over",
    "random-labels": "loses when it scores random labels",
}
"""What is claimed about a method, by the control that tests it."""

ONCE = {"shuffle", "erk-random", "reinit"}
"""Controls that train once. Methods that train differently are compared with them via `retrain`, as on leaderboards."""

VERDICTS = {"holds": "passes", "does not hold": "FAILS"}

Findings = Mapping[tuple[str, str], Finding]
Verdicts = Mapping[tuple[str, str], str]
"""Verdicts by method and control."""


@experiment(
    paper="arXiv:2009.11094",
    full={"budget": "full", "seeds": 5},
    smoke={"budget": "smoke", "pruners": "snip,magnitude"},
)
def sanity(
    study: Study,
    *,
    task: str = "digits",
    model: str = "",
    budget: str = "10-epochs",
    seeds: Count = 3,
    pruners: str = "",
) -> None:
    """Sanity: which pruners need their positions, weights, ranking and labels (Su et al., 2020)?

    Each method is compared with itself with one thing changed (`bench run --control`). It passes a control if it is
    worse under it, and fails if it is better. If they do not differ significantly, it may not need what was changed.

    Options:
        task: what networks are trained for
        model: by default the task's first
        budget: how long they are trained
        seeds: runs of each method, and of each of its controls
        pruners: methods, separated by commas; by default all built-in ones that prune weights one by one
    """
    study.on(task, model=model, budget=budget, seeds=seeds)
    runs = study.runs(*(pruners.split(",") if pruners else study.pruners()), control=["retrain", *CLAIMS])
    found = compared(runs)
    for (method, control), finding in found.items():
        study.claim(f"{method} {CLAIMS[control]}", finding)
    verdicts = {
        place: VERDICTS.get(claim.verdict, claim.verdict) for place, claim in zip(found, study.claims, strict=True)
    }
    table = matrix(runs, found, verdicts)
    study.table(table, "each method, and how much better it is than under a control")
    study.table(counts(verdicts), "methods by verdict")
    study.table(reasons(runs), "does not apply")
    study.figure("sanity", drawn(table.method.tolist(), found, verdicts))


def compared(runs: pd.DataFrame) -> dict[tuple[str, str], Finding]:
    """How much better each method is than under each control that applies to it, paired by seed."""
    sign = {"max": 1, "min": -1}[runs.attrs["direction"]]
    signed = runs.assign(score=sign * runs.score)
    ok = signed[signed.status == "ok"]
    distinct = ok[ok.control != "erk-random"]  # whose network is the same for most methods
    found = {}
    for method, rows in signed.groupby("method", sort=False):
        under = {control: rows[rows.control == control] for control in ("", "retrain", *CLAIMS)}
        for control in CLAIMS:
            fair = under["retrain" if control in ONCE and not skipped(under["retrain"]) else ""]
            if not skipped(under[control]):
                found[str(method), control] = difference(fair, under[control], among=distinct)
    return found


def skipped(rows: pd.DataFrame) -> bool:
    """Whether no run applies."""
    return bool((rows.status == "skipped").all())


def matrix(runs: pd.DataFrame, found: Findings, verdicts: Verdicts) -> pd.DataFrame:
    """A row per method, the best first; under each control the verdict and the difference."""
    own = runs[(runs.control == "") & (runs.status == "ok")]
    means = own.groupby("method").score.mean().sort_values(ascending=runs.attrs["direction"] == "min", kind="stable")
    rows = [{"method": method, "score": score} | cells(str(method), found, verdicts) for method, score in means.items()]
    return pd.DataFrame(rows)


def cells(method: str, found: Findings, verdicts: Verdicts) -> dict[str, str]:
    """What the table says about one method, by control."""
    return {control: cell(found.get((method, control)), verdicts.get((method, control), "")) for control in CLAIMS}


def cell(finding: Finding | None, verdict: str) -> str:
    """What the table says about one method under one control."""
    if finding is None:
        return "does not apply"
    return verdict if np.isnan(finding.estimate) else f"{verdict} {finding.estimate:+.3f}"


def counts(verdicts: Verdicts) -> pd.DataFrame:
    """How many methods have each verdict, by control."""
    rows = [{"control": control, "verdict": verdict} for (_, control), verdict in verdicts.items()]
    return (
        pd.crosstab(pd.DataFrame(rows).control, pd.DataFrame(rows).verdict)
        .reindex([*CLAIMS], fill_value=0)
        .reset_index()
    )


def reasons(runs: pd.DataFrame) -> pd.DataFrame:
    """Why controls do not apply, with the methods."""
    left = runs[(runs.status == "skipped") & (runs.control != "retrain")].drop_duplicates(["method", "control"])
    grouped = left.groupby(["control", "error"], sort=False).method.agg(", ".join)
    return grouped.rename("methods").reset_index().rename(columns={"error": "why"})


def estimate(finding: Finding | None) -> float:
    """The estimate; NaN if the control does not apply."""
    return float("nan") if finding is None else finding.estimate


def drawn(methods: list[str], found: Findings, verdicts: Verdicts) -> "Figure":
    """A field for each method and control: how much better the method is, in bold where the verdict says so."""
    values = np.array([[estimate(found.get((method, control))) for control in CLAIMS] for method in methods])
    most = max(2 * float(np.nanmedian(np.abs(values))), 1e-9)  # turned rankings lose so much that all else looks white
    figure, [axes] = panels(
        ["better than under a control by (bold: passes or fails)"], (7.2, 1.2 + 0.21 * len(methods))
    )
    axes.grid(visible=False)
    axes.imshow(values, cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        place = methods[row], [*CLAIMS][column]
        told = verdicts.get(place) in ("passes", "FAILS")
        text = "-" if np.isnan(value) else f"{value:+.3f}"
        colour = "white" if abs(value) > 0.55 * most else "0.15"
        axes.text(
            column, row, text, ha="center", va="center", size=7.5, color=colour, weight="bold" if told else "normal"
        )
    axes.set_xticks(range(len(CLAIMS)), [*CLAIMS])
    axes.set_yticks(range(len(methods)), methods, fontsize=8)
    return figure
