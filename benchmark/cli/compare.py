"""`bench compare`: differences between algorithms, paired by seed, with intervals drawn as bars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import click

from benchmark.cli.completion import names_of
from benchmark.cli.filters import filters, selected, whole_records
from benchmark.cli.output import console, emit, format_option
from benchmark.errors import UsageError
from benchmark.leaderboard.comparisons import (
    Comparison,
    comparable,
    compare_all,
    compare_pairs,
    compare_rows,
    compare_with_best,
)
from benchmark.leaderboard.rows import Row, rows, shows_patterns
from benchmark.leaderboard.tables.mask_overlap import compared
from benchmark.leaderboard.tables.plain import Tables, chance, how, interval, titles
from benchmark.plugins import catalog
from benchmark.plugins.in_files import known
from benchmark.results.spelling import Choice, choices, named
from benchmark.results.store import Store

EVERYBODY = ("on", "leaderboard")
"""`bench compare on leaderboard` is accepted as another way to write `bench compare`."""


@click.command()
@click.argument("names", nargs=-1, shell_complete=names_of("algorithm"))
@click.option(
    "--against", type=click.Choice(["best", "all"]), help="Without names: the best of each column, or all pairs."
)
@click.option("--masks", is_flag=True, help="Compare masks instead of scores: their overlap beyond chance.")
@filters
@format_option
def compare(names: Sequence[str], against: str | None, masks: bool, form: str, **wanted: Any) -> None:
    """Differences between algorithms, paired by seed.

    \b
    bench compare granet snip --task mnist    these two at every sparsity; dense is compared at all of them
    bench compare granet                      against each of the others
    bench compare snip snip:control=shuffle   options distinguish variants of a method
    bench compare on leaderboard              everything against the best; --against all for every pair
    bench compare --masks snip synflow        masks, not scores; also of two records, by the first digits of their keys

    Each interval is for its own difference; p is corrected over all differences of a table. The test is the exact
    sign-flip test if there are enough seeds for it to become significant; otherwise the t test whose variances are
    pooled over all rows of the column, whether they are compared or not; or the paired t test, for two rows alone; or
    Welch's test, with fewer than two common seeds. The title says which (docs/statistics.md).
    """
    if masks and against:
        raise UsageError("--against compares scores; with --masks, name two records or two algorithms")
    if masks:
        emit(form, *compared(names, Store(wanted["results"]), whole_records(**wanted), catalog.absent))
        return
    everybody = not names or tuple(names) == EVERYBODY
    if against and not everybody:
        raise UsageError("--against cannot be combined with names; leave out one or the other")
    board = rows(selected(**wanted), catalog.label, catalog.absent, catalog.defaults)
    if everybody:
        comparisons = compare_all(board) if against == "all" else compare_with_best(board)
    else:
        comparisons = _of(known(choices(names), "algorithm"), board)
    if not comparisons:
        raise UsageError(
            "nothing to compare: no two of these have results for the same task, model, budget, pattern and sparsity"
        )
    emit(form, _tables(comparisons, bars=form == "table"), [one.facts() for one in comparisons])


def _of(wanted: Sequence[Choice], board: Sequence[Row]) -> list[Comparison]:
    """Compare the named methods with each other; a single one with every other method."""
    groups = [_matching(choice, board) for choice in wanted]
    chosen = list({id(row): row for group in groups for row in group}.values())
    if len(wanted) > 1:
        return compare_rows(sorted(chosen, key=lambda row: (row.table, row.pattern)), board)
    named_rows = {id(row) for row in chosen}
    others = [row for row in board if row.control is None and id(row) not in named_rows]
    return compare_pairs([(a, b) for a in chosen for b in others if comparable(a, b)], board)


def _matching(choice: Choice, board: Sequence[Row]) -> list[Row]:
    """Return the rows that a name matches. Controls match only if the name has the option `control`.

    Raises:
        UsageError: no row matches.
    """
    rows = [row for row in board if named(choice, row.algorithm, catalog.absent(row.algorithm) | row.options)]
    chosen = [row for row in rows if row.control is None or "control" in choice.options]
    if not chosen:
        labels = ", ".join(dict.fromkeys(row.label for row in board))
        raise UsageError(f"no record here matches '{choice.name}' with these options; there are: {labels}")
    return chosen


def _tables(comparisons: Sequence[Comparison], *, bars: bool) -> Tables:
    patterns = shows_patterns(one.place.pattern for one in comparisons)
    width = max(15, min(41, console().width - 100))
    groups: dict[tuple[str, str, str], list[Comparison]] = defaultdict(list)
    for one in comparisons:
        groups[one.a.table].append(one)
    tables: Tables = {}
    heads = titles([one.a for one in comparisons], "difference in ")
    for table, group in groups.items():
        shown = [_display_row(one, patterns) for one in group]
        if bars:
            for row, bar in zip(shown, _bars(group, width), strict=True):
                row["0".center(width, "·")] = bar
        tables[f"{heads[table]}, p: {how(group)}"] = shown
    return tables


def _display_row(one: Comparison, patterns: bool) -> dict[str, str]:
    difference = one.difference
    n = str(difference.n) if difference.n else f"{one.a.n}, {one.b.n}"
    return {
        **({"pattern": one.place.pattern} if patterns else {}),
        "sparsity": f"{one.place.sparsity:g}",
        "a": one.a.label,
        "minus b": one.b.label,
        "difference": f"{difference.mean:+.4f}",
        "95% interval": interval(difference.low, difference.high, "+"),
        "n": n,
        "test": difference.test,
        "p": chance(one.p),
        "better": one.better.label if one.separated else "",
    }


def _bars(comparisons: Sequence[Comparison], width: int) -> list[str]:
    """Draw intervals on one scale around 0. An interval that exceeds the scale ends in an arrow."""
    ends = [abs(end) for one in comparisons for end in (one.difference.low, one.difference.high) if end is not None]
    reach = min(max(ends, default=0.0), 3 * max(abs(one.difference.mean) for one in comparisons)) or 1.0
    return [_bar(one, reach, width) for one in comparisons]


def _bar(one: Comparison, reach: float, width: int) -> str:
    middle = width // 2
    cells = ["·"] * width  # not spaces, since tables collapse them
    cells[middle] = "│"
    low, high = one.difference.low, one.difference.high
    if low is not None and high is not None:
        left, right = (round(middle + max(-1.0, min(1.0, end / reach)) * middle) for end in (low, high))
        for at in range(left, right + 1):
            cells[at] = "┼" if at == middle else "─"
        cells[left], cells[right] = "◂" if low < -reach else "├", "▸" if high > reach else "┤"
    cells[round(middle + max(-1.0, min(1.0, one.difference.mean / reach)) * middle)] = "●"
    return "".join(cells)
