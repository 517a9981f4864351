"""The result of an experiment: files that are pure functions of its records and points."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.files import write
from benchmark.leaderboard.figures.style import encoded
from benchmark.leaderboard.tables.formats import typeset
from benchmark.studies.findings import Claim
from benchmark.studies.study import Study

if TYPE_CHECKING:
    from pandas import DataFrame


def folder(results: Path, name: str, spelled: str) -> Path:
    """The folder of an experiment's result with these options; `tiny` if all are at their defaults."""
    options = spelled.removeprefix(name).removeprefix(":")
    return results / "experiments" / name / (options.replace("/", "-") or "tiny")


def files(study: Study, title: str) -> dict[str, bytes]:
    """The contents of its files by name. The same records and points give the same bytes."""
    told = {"guards": [one.to_json() for one in study.guards], "claims": [one.to_json() for one in study.claims]}
    text = [f"# {title}\n", claims_table(study.guards + study.claims), *map(_titled, study.tables)]
    contents = {
        "rows.csv": _rows(study.asked).encode(),
        "table.md": "\n".join(text).encode(),
        "claims.json": (json.dumps(told, indent=1) + "\n").encode(),
    }
    return contents | {f"{name}.svg": encoded(figure, "svg") for name, figure in study.figures.items()}


def put(contents: dict[str, bytes], into: Path) -> bool:
    """Write the files, and delete files of an earlier result that this one lacks. Return whether anything changed."""
    there = {file.name: file.read_bytes() for file in into.iterdir() if file.is_file()} if into.is_dir() else {}
    for name, content in contents.items():
        if there.get(name) != content:
            write(content, into / name)
    for name in there.keys() - contents.keys():
        (into / name).unlink()
    return there != contents


def claims_rows(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """A row per claim, for a table."""
    return [
        {
            "claim": one.sentence,
            "verdict": one.verdict.upper() if one.verdict == "does not hold" else one.verdict,
            "found": "" if math.isnan(one.finding.estimate) else str(one.finding),
            "why": one.reason,
        }
        for one in claims
    ]


def claims_table(claims: Sequence[Claim]) -> str:
    """The claims as a table in Markdown."""
    return typeset("md", {"Claims": claims_rows(claims)}) if claims else ""


def _titled(table: tuple[str, DataFrame]) -> str:
    title, rows = table
    return typeset("md", {title or "table": table_rows(rows)})


def table_rows(rows: DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as it is shown: numbers with four significant digits."""
    return [{str(name): _shown(value) for name, value in row.items()} for row in rows.to_dict("records")]


def _shown(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.4g}"


def _rows(asked: Sequence[DataFrame]) -> str:
    """All requested data as CSV: a row per record, and one per point with means over its draws; without lists."""
    import pandas as pd

    parts = [_means(frame) if "point" in frame else frame for frame in asked if len(frame)]
    if not parts:
        return ""
    whole = pd.concat(parts, ignore_index=True)
    if "options" in whole:
        whole["options"] = [json.dumps(value) if isinstance(value, dict) else None for value in whole["options"]]
    named = [name for name in ("key", "point") if name in whole]
    whole = whole.loc[~whole[named].duplicated()]
    plain = [name for name in whole if not any(isinstance(value, list | dict) for value in whole[name])]
    return str(whole[plain].dropna(axis="columns", how="all").to_csv(index=False, lineterminator="\n"))


def _means(frame: DataFrame) -> DataFrame:
    """A row per point: the number of draws, and the means of all numbers and booleans."""
    parameters = ["status", *frame.attrs["parameters"]]
    numbers = frame.select_dtypes(["number", "bool"]).columns.difference(["draw", *parameters], sort=False)
    how = dict.fromkeys(parameters, "first") | {"draw": "count"} | dict.fromkeys(numbers, "mean")
    return frame.groupby("point", sort=False).agg(how).reset_index().rename(columns={"draw": "draws"})
