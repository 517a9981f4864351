"""Algorithms as values: a function of a run, with what is declared about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from benchmark.errors import Inapplicable
from benchmark.plugins.options import (
    Count,
    Key,
    Option,
    absences,
    command_line_name,
    options_of,
    resolved,
    summary_of,
    written,
)
from benchmark.results.controls import CONTROLS
from benchmark.results.spelling import unusual

if TYPE_CHECKING:
    from benchmark.training.run import Run


Control = Literal[tuple(CONTROLS)]  # type: ignore[valid-type]
"""The values of `--control`, and of the option `control` that every algorithm has."""


When = Literal["", "dense", "before training", "during training", "after training", "learned masks", "data edits"]
"""Families of methods, by when they prune; readers can filter by them."""

TRAINS = frozenset({"during training", "learned masks"})
"""The families whose methods choose weights while they train."""


Only = Literal["", "channels"]
"""Patterns that a method may be restricted to."""


EditLimit = Callable[[Mapping[str, Any], Any], int | None]
"""A function from a method's options and a graph to the most edits it can make there; None if there is no limit."""


RESERVED = {
    "control": Option("control", Control, None, "run the method with one thing changed (bench run --control)"),
    "curve": Option("curve", Count, None, "note loss and validation metrics at this many steps of the last training"),
}
"""Options that every algorithm has. They are in a cell only when given."""


@dataclass(frozen=True)
class Algorithm:
    """A pruning method: a plain function that is called with a `Run`.

    Args:
        paper: where it is published, as `arXiv:...` or a DOI; empty for a control.
        prunes: what it prunes: weights, edges, or nothing at all.
        trains_once: whether it trains the weights once, so that at density 1 it equals dense training bit for bit.
        needs: what a task must have besides what the method prunes: edges, say, or a stream.
        edit_limit: a function from its options and a `benchmark.graphs.edges.Graph` to the most edits it can make
            there; None if there is no limit.
        edges: the name of the option that says how many edges are edited (`bench run --edges`); empty if none does.
        edits_only: whether it only edits the graphs; a training follows, or the method after a `+`
            (`benchmark.plugins.chain`).
        family: when it prunes, for readers to filter by; empty if it does not say. Methods that prune during training,
            or learn masks, are skipped in cells without training steps.
        only: the one pattern that it prunes in, `channels`; empty for any.
    """

    function: Callable[..., None]
    paper: str = ""
    prunes: frozenset[str] = frozenset({"weights"})
    trains_once: bool = True
    edits_only: bool = False
    family: When = ""
    needs: frozenset[str] = frozenset()
    edit_limit: EditLimit | None = None
    edges: str = ""
    only: Only = ""
    name: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", command_line_name(self.function))
        _ = self.options  # a wrong signature is an error where the function is defined
        if self.edges and self.edges not in self.options:
            raise ValueError(f"{self.name}: edges names the option '{self.edges}', which it does not have")
        self._check("prunes", self.prunes, {"weights", "edges"})
        self._check("needs", self.needs, {"weights", "edges", "streams"})
        self._check("family", {self.family}, set(get_args(When)))
        self._check("only", {self.only}, set(get_args(Only)))

    def __call__(self, run: Run, **options: Any) -> None:
        if self.only and run.target.pattern.name != self.only:
            raise Inapplicable(f"{self.name} prunes whole {self.only}; ask for --pattern {self.only}")
        self.function(run, **options)
        if self.edits_only:
            run.train()

    def _check(self, field_name: str, given: Collection[str], known: Collection[str]) -> None:
        for value in given:
            if value not in known:
                valid = ", ".join(sorted(filter(None, known)))
                raise ValueError(f"{self.name}: {field_name} cannot be '{value}'; it takes {valid}")

    @cached_property
    def options(self) -> dict[str, Option]:
        """Its options by name. Raises TypeError if the signature is not `(run, *, option: type = default, ...)`."""
        run, *_ = inspect.signature(self.function).parameters.values()
        if run.kind not in (run.POSITIONAL_ONLY, run.POSITIONAL_OR_KEYWORD):
            raise TypeError(f"{self.function.__name__}: the first parameter is the run")
        return options_of(self.function, leading=1, reserved=RESERVED)

    @cached_property
    def keys(self) -> frozenset[str]:
        """The options whose value is the key of a record, of which it takes the masks with `run.found`."""
        return frozenset(name for name, option in self.options.items() if option.kind in (Key, Key | None))

    @property
    def summary(self) -> str:
        """What the method is, and by whom: the first line of the docstring."""
        return summary_of(self.function)

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value: `given`, validated, over the defaults.

        Raises:
            UsageError: an unknown option or a wrong value, with the valid ones.
        """
        reserved = {name: option for name, option in RESERVED.items() if name in given}
        return resolved(self.name, self.options | reserved, given)

    def written(self, values: Mapping[str, Any], network: Callable[[], Any]) -> dict[str, Any]:
        """The options of a cell, from resolved ones: without those at the value that their absence means."""
        control = {name: value for name, value in values.items() if name not in self.options}
        return written(self.options, {n: v for n, v in values.items() if n in self.options}, network) | control

    def filled(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a cell, completed by those that are absent from it."""
        return absences(self.options) | dict(options)

    def unusual(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options that are not at their default."""
        return unusual(options, {name: option.default for name, option in self.options.items()})


def algorithm(
    *,
    paper: str = "",
    prunes: str | tuple[str, ...] | None = "weights",
    trains_once: bool = True,
    edits_only: bool = False,
    family: When = "",
    needs: str | None = None,
    edit_limit: EditLimit | None = None,
    edges: str = "",
    only: Only = "",
) -> Callable[[Callable[..., None]], Algorithm]:
    """Make a function `(run, *, option: type = default, ...) -> None` an algorithm; see `Algorithm`."""
    what = frozenset([prunes] if isinstance(prunes, str) else prunes or ())
    further = frozenset([needs] if needs else [])

    def decorate(function: Callable[..., None]) -> Algorithm:
        return Algorithm(function, paper, what, trains_once, edits_only, family, further, edit_limit, edges, only)

    return decorate
