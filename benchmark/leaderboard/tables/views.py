"""Leaderboards at equal cost, against controls, and of edited graphs: each as tables, and as facts for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.errors import UsageError
from benchmark.leaderboard import Row
from benchmark.leaderboard.controls import Questioned, controls
from benchmark.leaderboard.costs import Matched, Priced, matched, priced
from benchmark.leaderboard.graph_edits import Edited, edited
from benchmark.leaderboard.rows import TaskName
from benchmark.leaderboard.tables.plain import Facts, Tables, chance, interval, number, place, several, titles
from benchmark.records.record import Record

WHERE = ("task", "task_options", "model", "budget", "pattern", "sparsity", "algorithm", "options", "label", "metric")
"""What every fact says of its row."""


def compute(rows: Sequence[Row], levels: Sequence[float]) -> tuple[Tables, Facts]:
    """Accuracy against cost, and at equal cost."""
    costs, at = priced(rows), matched(rows, levels)
    if not costs:
        raise UsageError("no run here ended well, so there is no cost to compare at")
    tables: Tables = {}
    for one in [one for one in costs if not one.row.dense] or costs:  # dense is there as what others are relative to
        tables.setdefault(f"{_question(one.row)}: {one.row.metric} against cost", []).append(_priced(one))
    for question in at:
        rows_of_it = [row for one in question for row in one.at.values() if row]
        if len(question) > 1 and rows_of_it:
            budgets = several(row.budget for row in rows_of_it)
            head = f"{_question(rows_of_it[0])}: best {rows_of_it[0].metric} for at most so many GFLOPs"
            tables[f"{head} (chosen on validation)"] = [_matched(one, budgets) for one in question]
    chosen = [(level, row) for question in at for one in question for level, row in one.at.items() if row]
    facts = [_priced_facts(one, [level for level, row in chosen if row is one.row]) for one in costs]
    return tables, facts


def _question(row: Row) -> str:
    return f"{place(row)}, {'dense' if row.dense else f'{row.pattern} at sparsity {row.sparsity:g}'}"


def _priced(one: Priced) -> dict[str, str]:
    row = one.row
    return {
        "algorithm": row.label,
        "budget": row.budget,
        row.metric: number(row.mean),
        "95% interval": interval(row.ci_low, row.ci_high),
        "n": str(row.n),
        "trainings": f"{row.cost['trainings']:.1f}",
        "GFLOPs": f"{one.flops / 1e9:,.1f}",
        "x dense": "" if one.relative is None else f"{one.relative:.3f}",
        "front": "*" if one.front else "",
    }


def _matched(one: Matched, budgets: bool) -> dict[str, str]:
    """The row's options stand at the name where they are always the same, at each number otherwise."""
    labels = {row.label for row in one.at.values() if row}
    shown = {"algorithm": labels.pop() if len(labels) == 1 else one.algorithm}
    for level, row in one.at.items():
        which = (
            [number(row.mean), row.budget if budgets else "", row.label.partition(":")[2] if labels else ""]
            if row
            else []
        )
        shown[f"{level / 1e9:,g}"] = " ".join(filter(None, which))
    return shown


def _priced_facts(one: Priced, levels: Sequence[float]) -> dict[str, Any]:
    row = one.row
    numbers = {"n": row.n, "mean": row.mean, "ci_low": row.ci_low, "ci_high": row.ci_high, "validation": row.validation}
    spent = {"flops": one.flops, "relative_to_dense": one.relative, "front": one.front, "best_at_flops": list(levels)}
    return {name: getattr(row, name) for name in WHERE} | numbers | spent


def controlled(rows: Sequence[Row]) -> tuple[Tables, Facts]:
    """Methods minus their controls."""
    questioned = controls(rows)
    if not questioned:
        raise UsageError("no method here has a control; run: bench run --algo snip --control shuffle,reinit --task ...")
    patterns = several(one.subject.pattern for one in questioned)
    tables: Tables = {}
    heads = titles(one.subject for one in questioned)
    for one in questioned:
        family = f"; p by Holm over {one.comparison.family}" if one.comparison else ""
        name = f"{heads[one.subject.table]}, methods minus their controls, paired by seed"
        key = next((known for known in tables if known.startswith(name)), name + family)
        tables.setdefault(key, []).append(_questioned(one, patterns))
    return tables, [_questioned_facts(one) for one in questioned]


def _questioned(one: Questioned, patterns: bool) -> dict[str, str]:
    difference = one.comparison.difference if one.comparison else None
    return {
        "algorithm": one.subject.label,
        **({"pattern": one.subject.pattern} if patterns else {}),
        "sparsity": f"{one.subject.sparsity:g}",
        "control": one.control,
        "method": number(one.subject.mean),
        "its control": number(one.other.mean),
        "difference": "" if difference is None else f"{difference.mean:+.4f}",
        "95% interval": "" if difference is None else interval(difference.low, difference.high, "+"),
        "p": chance(one.comparison.p) if one.comparison else "",
        "test": difference.test if difference else "",
        "": one.verdict,
    }


def _questioned_facts(one: Questioned) -> dict[str, Any]:
    row = one.subject
    numbers = ("a_mean", "b_mean", "n", "difference", "ci_low", "ci_high", "test", "p", "p_holm", "family", "separated")
    compared = one.comparison.facts() if one.comparison else {}
    names = {"a_mean": "mean", "b_mean": "control_mean"}
    facts = {names.get(name, name): compared.get(name) for name in numbers}
    return {name: getattr(row, name) for name in WHERE} | {"control": one.control} | facts | {"verdict": one.verdict}


def edits(records: Sequence[Record], task_name: TaskName) -> tuple[Tables, Facts]:
    """What edge methods did to the graphs, and what became of the metric."""
    graphs = edited(records, task_name)
    if not graphs:
        raise UsageError("no run here edited a graph; run: bench run --algo spectral,random-edges --task cora ...")
    tables: Tables = {}
    heads = titles(one.row for one in graphs)
    for one in graphs:
        tables.setdefault(f"{heads[one.row.table]}; means over runs", []).append(_edited(one))
    facts = [{name: getattr(one.row, name) for name in (*WHERE, "n", "mean")} | _edited_facts(one) for one in graphs]
    return tables, facts


def _edited(one: Edited) -> dict[str, str]:
    row, asked = one.row, "" if one.asked is None else f"{one.asked:,.0f}"
    return {
        "algorithm": row.label,
        "edges": f"{one.edges:,.0f}",
        "asked": asked,
        "deleted": f"{one.deleted:,.0f}",
        "added": f"{one.added:,.0f}",
        "gap": f"{one.gap[0]:.3g}",
        "then": f"{one.gap[1]:.3g}",
        "inter-class": "" if one.inter_class is None else f"{one.inter_class:.2f}",
        "ms an edit": f"{1000 * one.seconds:,.1f}",
        row.metric: number(row.mean),
        "95% interval": interval(row.ci_low, row.ci_high),
        "n": str(row.n),
    }


def _edited_facts(one: Edited) -> dict[str, Any]:
    values = vars(one) | {"seconds_per_edit": one.seconds}
    return {name: values[name] for name in values if name not in ("row", "seconds")}
