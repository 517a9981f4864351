"""Renders the HTML page. Its content security policy allows no network access and no script but its own."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmark.leaderboard.page.drawn import pictures
from benchmark.leaderboard.page.experiments import experiments
from benchmark.leaderboard.page.facts import Names, facts
from benchmark.leaderboard.worth import Measured, nothing
from benchmark.results.experiments import Answered
from benchmark.results.published import TAGS, Published
from benchmark.results.record import Record

HERE = Path(__file__).parent

SCRIPTS = ("elements", "columns", "tables", "published", "row", "overall", "experiments", "files", "view")
"""The parts of the page's script, in the order in which they run: the last one starts it."""


def page(
    records: Sequence[Record],
    numbers: Sequence[Published],
    names: Names,
    answers: Sequence[Answered] = (),
    *,
    draw: bool = True,
    measured: Measured = nothing,
) -> str:
    """Return the HTML page of these records. The same records give the same page.

    Args:
        numbers: published results, shown next to the records.
        answers: what experiments have found, shown after the records.
        draw: whether to include figures.
        measured: returns what `bench measure` has measured for the network of a record.
    """
    known = facts(records, numbers, pictures(records) if draw else {}, names, measured, draw=draw)
    known["experiments"] = experiments(answers, names.asks)
    style = (HERE / "style.css").read_text(encoding="utf-8")
    script = "\n".join((HERE / "script" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("page.html").render(
        style=style,
        script=script,
        policy=_policy(style, script),
        data=embedded(known),
        facts=known,
        tags=TAGS,
    )


def embedded(value: Any) -> str:
    """Return JSON for use inside a script element: `<` is escaped, so that no text can end the element or start one."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _policy(style: str, script: str) -> str:
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    rules = {
        "default-src": "'none'",
        "style-src": f"'sha256-{hashes[0]}'",
        "script-src": f"'sha256-{hashes[1]}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
