"""Builds the leaderboard views at equal cost, against controls and of graph edits, as tables and as values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from benchmark.errors import UsageError
from benchmark.leaderboard.comparisons import Comparison
from benchmark.leaderboard.controls import Questioned, controls
from benchmark.leaderboard.costs import Matched, Priced, matched, priced
from benchmark.leaderboard.graph_edits import Edited, edited
from benchmark.leaderboard.rows import Row, TaskName, shows_patterns
from benchmark.leaderboard.tables.plain import Facts, Tables, chance, how, interval, number, place, several, titles
from benchmark.results.record import Record

WHERE = ("task", "task_options", "model", "budget", "pattern", "sparsity", "algorithm", "options", "label", "metric")
"""Fields of a row that every view includes."""


def compute(rows: Sequence[Row], levels: Sequence[float]) -> tuple[Tables, Facts]:
    """Return the metric against cost, and the best rows at equal cost.

    Args:
        levels: costs to compare at, in FLOPs; see `matched`.

    Raises:
        UsageError: no run was successful.
    """
    costs, at = priced(rows), matched(rows, levels)
    if not costs:
        raise UsageError("no run here ended well, so there is no cost to compare at")
    tables: Tables = {}
    for method in [method for method in costs if not method.row.dense] or costs:  # dense is the reference of the others
        tables.setdefault(f"{_question(method.row)}: {method.row.metric} against cost", []).append(_priced(method))
    for question in at:
        rows_of_it = [row for method in question for row in method.at.values() if row]
        if len(question) > 1 and rows_of_it:
            budgets = several(row.budget for row in rows_of_it)
            head = f"{_question(rows_of_it[0])}: best {rows_of_it[0].metric} for at most so many GFLOPs"
            tables[f"{head} (chosen on validation)"] = [_matched(method, budgets) for method in question]
    chosen = [(level, row) for question in at for method in question for level, row in method.at.items() if row]
    facts = [_priced_facts(method, [level for level, row in chosen if row is method.row]) for method in costs]
    return tables, facts


def _question(row: Row) -> str:
    return f"{place(row)}, {'dense' if row.dense else f'{row.pattern} at sparsity {row.sparsity:g}'}"


def _priced(method: Priced) -> dict[str, str]:
    row = method.row
    return {
        "algorithm": row.label,
        "budget": row.budget,
        row.metric: number(row.mean),
        "95% interval": interval(row.ci_low, row.ci_high),
        "n": str(row.n),
        "trainings": f"{row.cost['trainings']:.1f}",
        "GFLOPs": f"{method.flops / 1e9:,.1f}",
        "x dense": "" if method.relative is None else f"{method.relative:.3f}",
        "front": "*" if method.front else "",
    }


def _matched(method: Matched, budgets: bool) -> dict[str, str]:
    """Show options next to the name if all levels chose the same row's options, and next to each number if not."""
    labels = {row.label for row in method.at.values() if row}
    shown = {"algorithm": labels.pop() if len(labels) == 1 else method.algorithm}
    for level, row in method.at.items():
        which = (
            [number(row.mean), row.budget if budgets else "", row.label.partition(":")[2] if labels else ""]
            if row
            else []
        )
        shown[f"{level / 1e9:,g}"] = " ".join(filter(None, which))
    return shown


def _priced_facts(method: Priced, levels: Sequence[float]) -> dict[str, Any]:
    row = method.row
    numbers = {"n": row.n, "mean": row.mean, "ci_low": row.ci_low, "ci_high": row.ci_high, "validation": row.validation}
    spent = {
        "flops": method.flops,
        "relative_to_dense": method.relative,
        "front": method.front,
        "best_at_flops": list(levels),
    }
    return {name: getattr(row, name) for name in WHERE} | numbers | spent


def controlled(rows: Sequence[Row]) -> tuple[Tables, Facts]:
    """Return the differences between methods and their controls.

    Raises:
        UsageError: no method has a control.
    """
    questioned = controls(rows)
    if not questioned:
        raise UsageError("no method here has a control; run: bench run --algo snip --control shuffle,reinit --task ...")
    patterns = shows_patterns(pair.subject.pattern for pair in questioned)
    tables: Tables = {}
    heads = titles(pair.subject for pair in questioned)
    compared: dict[tuple[str, ...], list[Comparison]] = defaultdict(list)
    for pair in questioned:
        compared[pair.subject.table] += [pair.comparison] if pair.comparison else []
    for pair in questioned:
        tests = f"; p: {how(compared[pair.subject.table])}" if compared[pair.subject.table] else ""
        name = f"{heads[pair.subject.table]}, methods minus their controls, paired by seed"
        tables.setdefault(name + tests, []).append(_questioned(pair, patterns))
    return tables, [_questioned_facts(pair) for pair in questioned]


def _questioned(pair: Questioned, patterns: bool) -> dict[str, str]:
    difference = pair.comparison.difference if pair.comparison else None
    return {
        "algorithm": pair.subject.label,
        **({"pattern": pair.subject.pattern} if patterns else {}),
        "sparsity": f"{pair.subject.sparsity:g}",
        "control": pair.control,
        "method": number(pair.subject.mean),
        "its control": number(pair.other.mean),
        "difference": "" if difference is None else f"{difference.mean:+.4f}",
        "95% interval": "" if difference is None else interval(difference.low, difference.high, "+"),
        "p": chance(pair.comparison.p) if pair.comparison else "",
        "test": difference.test if difference else "",
        "": pair.verdict,
    }


def _questioned_facts(pair: Questioned) -> dict[str, Any]:
    row = pair.subject
    tested = ("ci_low", "ci_high", "test", "pooled_rows", "p", "p_corrected", "family", "separated")
    numbers = ("a_mean", "b_mean", "n", "difference", *tested)
    compared = pair.comparison.facts() if pair.comparison else {}
    names = {"a_mean": "mean", "b_mean": "control_mean"}
    facts = {names.get(name, name): compared.get(name) for name in numbers}
    return {name: getattr(row, name) for name in WHERE} | {"control": pair.control} | facts | {"verdict": pair.verdict}


def edits(records: Sequence[Record], task_name: TaskName) -> tuple[Tables, Facts]:
    """Return how edge methods edited graphs, with the resulting metric.

    Raises:
        UsageError: no run edited a graph.
    """
    edited_rows = edited(records, task_name)
    if not edited_rows:
        raise UsageError("no run here edited a graph; run: bench run --algo spectral,random-edges --task cora ...")
    tables: Tables = {}
    heads = titles(edited_row.row for edited_row in edited_rows)
    for edited_row in edited_rows:
        tables.setdefault(f"{heads[edited_row.row.table]}; means over runs", []).append(_edited(edited_row))
    facts = [
        {name: getattr(edited_row.row, name) for name in (*WHERE, "n", "mean")} | _edited_facts(edited_row)
        for edited_row in edited_rows
    ]
    return tables, facts


def _edited(edits_of_row: Edited) -> dict[str, str]:
    row, asked = edits_of_row.row, "" if edits_of_row.asked is None else f"{edits_of_row.asked:,.0f}"
    return {
        "algorithm": row.label,
        "edges": f"{edits_of_row.edges:,.0f}",
        "asked": asked,
        "deleted": f"{edits_of_row.deleted:,.0f}",
        "added": f"{edits_of_row.added:,.0f}",
        "gap": f"{edits_of_row.gap[0]:.3g}",
        "then": f"{edits_of_row.gap[1]:.3g}",
        "inter-class": "" if edits_of_row.inter_class is None else f"{edits_of_row.inter_class:.2f}",
        "ms an edit": f"{1000 * edits_of_row.seconds:,.1f}",
        row.metric: number(row.mean),
        "95% interval": interval(row.ci_low, row.ci_high),
        "n": str(row.n),
    }


def _edited_facts(edits_of_row: Edited) -> dict[str, Any]:
    values = vars(edits_of_row) | {"seconds_per_edit": edits_of_row.seconds}
    return {name: values[name] for name in values if name not in ("row", "seconds")}
