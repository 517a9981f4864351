"""Records whose text is markup, quotes, line breaks or pipes."""

from __future__ import annotations

from benchmark.results.cell import Cell
from benchmark.results.record import Ranking, Record, Status, failure

MARKUP, QUOTES, LINES, PIPES = "[red]x[/red]", "a\"b'c,d;e", "one\ntwo\r\nthree", "a|b & c_d % e \\ $f {g}"
HOSTILE = {"markup": MARKUP, "unclosed": "[/nonsense", "quotes": QUOTES, "lines": LINES, "pipes": PIPES}


def hostile(text: str, *, seed: int = 0, status: Status = "failed") -> Record:
    cell = Cell(
        algorithm="imp", options={"name": text}, task="digits", model="mlp", sparsity=0.9, budget="smoke", seed=seed
    )
    return failure(cell, Ranking(metric="accuracy", direction="max"), status, text)
