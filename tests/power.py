"""How often the ranks of a table are wrong, and what they find: `python -m tests.power [--tables 2000] [--jobs 2]`.

Tables are drawn in which the truth is known, and compared as leaderboards are. Error: the share of tables in which any
two equal rows are told apart. Power: the share in which one given pair is, whose means lie the gap apart. Gaps count in
standard deviations of a row's own noise, without what a seed does to all rows. Intervals: 95 %, Clopper-Pearson.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import scipy
from scipy import stats

from benchmark.leaderboard.corrections import ryan
from benchmark.leaderboard.statistics import ALPHA, paired
from benchmark.leaderboard.tables.formats import typeset
from benchmark.leaderboard.variances import spreads

Draw = Callable[[np.random.Generator, int, int], np.ndarray]
"""Draws the noise of a table: [rows][seeds]."""


def equal(rng: np.random.Generator, rows: int, seeds: int) -> np.ndarray:
    return rng.normal(size=(rows, seeds))


def unequal(rng: np.random.Generator, rows: int, seeds: int) -> np.ndarray:
    return np.exp(0.5 * rng.normal(size=(rows, 1))) * equal(rng, rows, seeds)


def wild(rng: np.random.Generator, rows: int, seeds: int) -> np.ndarray:
    return np.where(np.arange(rows) == 0, 8, 1)[:, None] * equal(rng, rows, seeds)


def correlated(share: float, noise: Draw, rng: np.random.Generator, rows: int, seeds: int) -> np.ndarray:
    """Seeds move all rows alike, by so large a share of the variance of a row with spread 1."""
    common = rng.normal(size=(1, seeds))
    return np.sqrt(share) * common + np.sqrt(1 - share) * noise(rng, rows, seeds)


def skewed(rng: np.random.Generator, rows: int, seeds: int) -> np.ndarray:
    return rng.exponential(size=(rows, seeds)) - 1


def proportional(rng: np.random.Generator, rows: int, seeds: int) -> np.ndarray:
    """Seeds move a row in proportion to its spread, which no subtraction of seed effects removes."""
    mixed = np.sqrt(0.9) * rng.normal(size=(1, seeds)) + np.sqrt(0.1) * rng.normal(size=(rows, seeds))
    return np.exp(0.5 * rng.normal(size=(rows, 1))) * mixed


NOISES: Mapping[str, Draw] = {
    "equal spreads": equal,
    "log-normal spreads, sd 0.5": unequal,
    "one row 8 times as wild": wild,
    "seeds correlated at 0.3": partial(correlated, 0.3, equal),
    "seeds correlated at 0.9": partial(correlated, 0.9, equal),
    "skewed (exponential)": skewed,
}
BEYOND: Mapping[str, Draw] = {"log-normal spreads, seeds at 0.9 in proportion to them": proportional}
"""What is not held in every size."""

LAYOUTS: Mapping[str, Callable[[int], np.ndarray]] = {
    "one row above nine equal ones": lambda rows: np.where(np.arange(rows) == 0, 1.0, 0.0),
    "every row above the next": lambda rows: -np.arange(rows, dtype=float),
}
"""Means of the rows, in gaps: the first lies one gap above the second."""


@dataclass(frozen=True)
class Case:
    """Tables to draw, with a gap in standard deviations, 0 if rows are equal; `split` moves half of them far off."""

    noise: Draw
    rows: int
    seeds: int
    gap: float = 0.0
    layout: str = ""
    split: bool = False

    def means(self) -> np.ndarray:
        if self.split:
            return np.where(np.arange(self.rows) < self.rows // 2, 100.0, 0.0)
        return self.gap * LAYOUTS[self.layout](self.rows) if self.layout else np.zeros(self.rows)

    def counts(self, scores: np.ndarray) -> bool:
        """Whether a table counts: the given pair is told apart; without a gap, any two equal rows are."""
        found, means = told_apart(scores), self.means()
        return (0, 1) in found if self.gap else any(means[i] == means[j] for i, j in found)


def told_apart(scores: np.ndarray) -> set[tuple[int, int]]:
    """The pairs of rows of one table [rows][seeds] that are told apart."""
    groups = scores.tolist()
    pairs, known = list(combinations(range(len(groups)), 2)), spreads(groups)
    ps = {}
    for i, j in pairs:
        p = paired(groups[i], groups[j], len(pairs), (known[i], known[j]) if known else None).p
        ps[i, j] = 1.0 if p is None else p
    if min(ps.values()) * len(pairs) > ALPHA:
        return set()  # the set of all rows is not rejected
    return {pair for pair, p in ryan(ps, len(groups)).items() if p <= ALPHA}


def count(case: Case, tables: int) -> int:
    rng = np.random.default_rng([case.rows, case.seeds, round(10 * case.gap), len(case.layout)])
    means = case.means()[:, None]
    return sum(case.counts(means + case.noise(rng, case.rows, case.seeds)) for _ in range(tables))


def bounds(found: int, tables: int) -> tuple[float, float]:
    low, high = stats.binomtest(found, tables).proportion_ci()
    return float(low), float(high)


def errors(rows: Sequence[int], seeds: Sequence[int]) -> dict[str, Case]:
    """Every case of the table of errors, by its name."""
    cases = {}
    for name, noise in (NOISES | BEYOND).items():
        cases |= {f"{name}|{r}|{s}": Case(noise, r, s) for r in rows for s in seeds}
    return cases | {f"half of the rows far off|{r}|{s}": Case(equal, r, s, split=True) for r in rows for s in seeds}


def powers() -> dict[str, Case]:
    sizes = ((3, 4.0), (5, 2.0), (5, 3.0), (10, 2.0))
    return {f"{name}|{s} seeds, {g:g} sd|found": Case(equal, 10, s, g, name) for name in LAYOUTS for s, g in sizes}


def measured(cases: Mapping[str, Case], tables: int, jobs: int) -> dict[str, str]:
    """The share of each case in percent, and the ends of its interval."""
    with ProcessPoolExecutor(jobs) as pool:
        found = list(pool.map(partial(count, tables=tables), cases.values()))
    ends = [bounds(number, tables) for number in found]
    return {
        name: f"{100 * number / tables:.1f} ({100 * low:.1f} to {100 * high:.1f})"
        for name, number, (low, high) in zip(cases, found, ends, strict=True)
    }


def shown(names: Sequence[str], shares: Mapping[str, str], unit: str) -> list[dict[str, str]]:
    """One row for each case but for its last size, which goes across."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for case, share in shares.items():
        *where, last = case.split("|")
        rows.setdefault(tuple(where), dict(zip(names, where, strict=True)))[f"{last} {unit}"] = share
    return list(rows.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=2000, help="to draw for each case")
    parser.add_argument("--rows", type=int, nargs="+", default=[4, 10, 30])
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5, 10])
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    parts = {
        "error": (errors(asked.rows, asked.seeds), ("rows that are equal, with", "rows"), "seeds"),
        "power, 10 rows": (powers(), ("means", "seeds and gap"), ""),
    }
    about = f"% of {asked.tables} tables (95 % interval); NumPy {np.__version__}, SciPy {scipy.__version__}"
    for title, (cases, names, unit) in parts.items():
        chosen = {name: case for name, case in cases.items() if asked.only in name}
        if chosen:
            rows = shown(names, measured(chosen, asked.tables, asked.jobs), unit)
            print(typeset("md", {f"{title}; {about}": rows}), flush=True)


if __name__ == "__main__":
    main()
