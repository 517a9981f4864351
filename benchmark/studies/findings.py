"""A number with its interval, and what it says about a claim."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from benchmark.errors import UsageError
from benchmark.leaderboard.corrections import holm
from benchmark.leaderboard.statistics import ALPHA, Spread, compare
from benchmark.leaderboard.variances import spreads

Verdict = Literal["holds", "does not hold", "not told apart", "uninformative", "incomplete"]

LEAST_SEEDS = 3
"""Claims over fewer seeds never get the verdict that they hold."""

MOST = 200
"""The most claims of an experiment, about. With too few seeds for a sign-flip test of that many, t tests are used."""

POWERFUL = 1.43
"""The effect that is detected with a power of 80 %, in half widths of the 95 % interval: (1.96 + 0.84) / 1.96."""


@dataclass(frozen=True)
class Finding:
    """A number, its 95 % interval, and the bound that the claim puts it above or below.

    Args:
        n: the number of seeds, draws or cells that the interval is based on.
        p: two-sided p-value of the number against the bound, for the correction over all claims of an experiment; None
            if the interval alone decides.
        says: where and for what it was found, as in "at sparsity 0.98".
        missing: cells and points that the number needs but that have no result.
        misses: why the number is uninformative, whatever its value: "the grid misses the transition".
        least: the smallest `n` for which a claim can hold; 0 if it is about one run alone, 1 if about a count.
    """

    estimate: float
    low: float
    high: float
    n: int
    side: Literal["above", "below"] = "above"
    bound: float = 0.0
    p: float | None = None
    says: str = ""
    missing: tuple[str, ...] = ()
    misses: str = ""
    least: int = LEAST_SEEDS

    @classmethod
    def counted(cls, found: int, of: int, *, says: str = "") -> Self:
        """A claim about each of `of` cells, of which `found` break it."""
        return cls(found, found, found, of, "below", 0.5, says=says, least=1)

    @classmethod
    def of_one_run(cls, number: float, *, above: float, says: str = "") -> Self:
        """A claim about one run alone: its number has no interval."""
        return cls(number, number, number, 1, "above", above, says=says, least=0)

    @classmethod
    def incomplete(cls, missing: Sequence[str]) -> Self:
        """A finding without a number, because these cells have no result."""
        return cls(math.nan, math.nan, math.nan, 0, missing=tuple(missing))

    @classmethod
    def uninformative(cls, reason: str) -> Self:
        """A finding without a number, because the runs cannot answer the question."""
        return cls(math.nan, math.nan, math.nan, 0, misses=reason)

    @property
    def detectable(self) -> float:
        """How far from the bound a value has to be to be detected with a power of 80 %, were its claim the only one."""
        return POWERFUL * (self.high - self.low) / 2

    def verdict(self, p: float | None) -> tuple[Verdict, str]:
        """The verdict on its claim, and the reason.

        Args:
            p: the p-value, corrected for all claims that are tested together.
        """
        if self.missing or (math.isnan(self.estimate) and not self.misses):
            return "incomplete", f"no result of {', '.join(self.missing) or 'any run'}"
        if self.misses:
            return "uninformative", self.misses
        if doubt := self._doubt(p):
            return "not told apart", doubt
        right = self.estimate > self.bound if self.side == "above" else self.estimate < self.bound
        return ("holds" if right else "does not hold"), ""

    def _doubt(self, p: float | None) -> str:
        """Why the number could lie on either side of the bound; empty if it could not."""
        if self.n < self.least:
            return f"n is {self.n}; {self.least} are needed"
        if self.low <= self.bound <= self.high and self.low < self.high:
            return (
                f"{self.detectable:.2g} from {self.bound:g} would be found in 80 % of the cases, were it the only claim"
            )
        return f"p is {p:.2g}, corrected for all claims" if p is not None and p > ALPHA else ""

    @property
    def shortfall(self) -> str:
        """Why its claim does not hold: the number and what is needed, or why there is no number."""
        if math.isnan(self.estimate):
            return self.verdict(None)[1]
        needed = f"{self.least} are" if self.n < self.least else f"{self.side} {self.bound:g} is"
        return f"{self}; {needed} needed"

    def __str__(self) -> str:
        where = f" {self.says}" if self.says else ""
        if self.least == 0:
            return f"{self.estimate:.4g}, one run{where}"
        if self.least == 1:
            return f"{self.estimate:.4g} of {self.n}{where}"
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}], n = {self.n}{where}"


@dataclass(frozen=True)
class Claim:
    """A sentence, what was found, and the verdict."""

    sentence: str
    finding: Finding
    verdict: Verdict
    reason: str

    def to_json(self) -> dict[str, Any]:
        """The claim as JSON, with None for numbers that are not finite."""
        found = self.finding
        numbers = {"estimate": found.estimate, "low": found.low, "high": found.high, "bound": found.bound}
        known = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        told = {"claim": self.sentence, "verdict": self.verdict, "reason": self.reason, **known}
        return told | {"side": found.side, "n": found.n, "where": found.says}


def judged(sentences: Sequence[tuple[str, Finding, str]]) -> list[Claim]:
    """Judge the claims of one experiment, with Holm's correction over those that have a p-value.

    Args:
        sentences: each with its finding, and the reason why a guard before it failed; empty if none did.
    """
    corrected = holm([finding.p for _, finding, _ in sentences])
    claims = []
    for (sentence, finding, failed), p in zip(sentences, corrected, strict=True):
        verdict, reason = finding.verdict(p)
        judgement = Claim(sentence, finding, verdict, reason)
        claims.append(replace(judgement, verdict="uninformative", reason=failed) if failed else judgement)
    return claims


def paired(
    a: Mapping[int, float],
    b: Mapping[int, float],
    *,
    above: float | None = None,
    below: float | None = None,
    says: str = "",
    among: Sequence[Mapping[int, float]] = (),
) -> Finding:
    """How far a lies above b, both by seed: the mean of the paired differences, with Student's t interval.

    Args:
        above, below: the claim is that the difference lies above, or below, this number; by default above 0.
        among: other rows of the table that a and b are in. If they have the same seeds, the noise is estimated from
            all rows together (`benchmark.leaderboard.variances`), as on leaderboards.

    Raises:
        UsageError: both bounds are given.
    """
    if above is not None and below is not None:
        raise UsageError("a claim has one bound; give above or below")
    bound = above if above is not None else below if below is not None else 0.0
    noise = _noise(a, b, among)
    found = compare(a, b, MOST, noise)
    shifted = compare({seed: value - bound for seed, value in a.items()}, b, MOST, noise)
    low, high = (found.mean if end is None else end for end in (found.low, found.high))
    n = found.n or min(len(a), len(b))
    return Finding(found.mean, low, high, n, "above" if below is None else "below", bound, shifted.p, says)


def _noise(
    a: Mapping[int, float], b: Mapping[int, float], among: Sequence[Mapping[int, float]]
) -> tuple[Spread, Spread] | None:
    """The spreads of a and b, estimated from all rows with their seeds together; None if there are too few of these."""
    seeds = sorted(a.keys() & b.keys())
    others = [row for row in among if row not in (a, b) and row.keys() >= set(seeds)]
    known = spreads([[row[seed] for seed in seeds] for row in (a, b, *others)]) if seeds else None
    return (known[0], known[1]) if known else None


def wilson(hits: int, draws: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927); [0, 1] if there are no draws."""
    if not draws:
        return 0.0, 1.0
    z2 = 1.959963984540054**2
    share = hits / draws
    middle = (share + z2 / (2 * draws)) / (1 + z2 / draws)
    half = math.sqrt(z2 * (share * (1 - share) / draws + z2 / (4 * draws**2))) / (1 + z2 / draws)
    return (0.0 if hits == 0 else middle - half), (1.0 if hits == draws else middle + half)
