"""Plug-ins as values: an algorithm is a function of a run, a task with options a function of these."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from benchmark.options import Option, options_of, resolved, unusual

if TYPE_CHECKING:
    from benchmark.run import Run
    from benchmark.task import Task

Control = Literal["retrain", "shuffle", "erk-random", "reinit", "invert", "random-labels", "dense-small", "dense-long"]
"""What `--control` takes, and the option `control` that every algorithm has (`benchmark.control`)."""

When = Literal["", "dense", "before training", "during training", "after training", "learned masks", "data edits"]
"""Families of methods, by when they prune; what readers filter by."""

Most = Callable[[Mapping[str, Any], Any], int | None]

_CONTROL = {"control": Option("control", Control, None, "run the method with one thing changed (bench run --control)")}


@dataclass(frozen=True)
class Algorithm:
    """A pruning method: a plain function that is handed a `Run`.

    Args:
        paper: where it is published, as `arXiv:...` or a DOI; empty for a control.
        prunes: what it prunes: weights, edges, or nothing at all.
        once: it trains the weights once, so that at density 1 it equals dense training bit for bit.
        needs: what a task must have beside what the method prunes: edges, say.
        most: of the options and a `benchmark.graphs.edges.Graph`: the most edits that it allows; None where all can be.
        then: it only edits the graphs; a training follows, or the method after a `+` (`benchmark.chain`).
        family: when it prunes, for readers to filter by; empty where it does not say.
    """

    function: Callable[..., None]
    paper: str = ""
    prunes: frozenset[str] = frozenset({"weights"})
    once: bool = True
    then: bool = False
    family: When = ""
    needs: frozenset[str] = frozenset()
    most: Most | None = None
    name: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _spoken(self.function))
        _ = self.options  # a wrong signature is an error where the function is defined
        for said, known in ((self.prunes | self.needs, {"weights", "edges"}), ({self.family}, set(get_args(When)))):
            if strange := ", ".join(said - known):
                raise ValueError(f"{self.name}: there is no '{strange}' among {', '.join(sorted(known - {''}))}")

    def __call__(self, run: Run, **options: Any) -> None:
        self.function(run, **options)
        if self.then:
            run.train()

    @cached_property
    def options(self) -> dict[str, Option]:
        """By name. Raises TypeError where the signature is not `(run, *, option: type = default, ...)`."""
        run, *_ = inspect.signature(self.function).parameters.values()
        if run.kind not in (run.POSITIONAL_ONLY, run.POSITIONAL_OR_KEYWORD):
            raise TypeError(f"{self.function.__name__}: the first parameter is the run")
        return options_of(self.function, leading=1, reserved=_CONTROL)

    @property
    def summary(self) -> str:
        """What and whose: the first line of the docstring."""
        return _first_line(self.function)

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value: `given`, validated, over the defaults.

        Raises:
            UsageError: an unknown option or a wrong value, with the valid ones.
        """
        controls = {name: option for name, option in _CONTROL.items() if name in given}
        return resolved(self.name, self.options | controls, given)

    def unusual(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the options that are not at their default."""
        return unusual(options, {name: option.default for name, option in self.options.items()})


def algorithm(
    *,
    paper: str = "",
    prunes: str | tuple[str, ...] | None = "weights",
    once: bool = True,
    then: bool = False,
    family: When = "",
    needs: str | None = None,
    most: Most | None = None,
) -> Callable[[Callable[..., None]], Algorithm]:
    """Make a function `(run, *, option: type = default, ...) -> None` an algorithm; see `Algorithm`."""
    what = frozenset([prunes] if isinstance(prunes, str) else prunes or ())

    def decorate(function: Callable[..., None]) -> Algorithm:
        return Algorithm(function, paper, what, once, then, family, frozenset([needs] if needs else []), most)

    return decorate


@dataclass(frozen=True)
class Family:
    """A task and its options: a function of these that gives the `Task`. A plain `Task` is a family without options."""

    function: Callable[..., Task]
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or _spoken(self.function))
        _ = self.options  # a wrong signature is an error where the function is defined

    def __call__(self, **options: Any) -> Task:
        return self.function(**options)

    @cached_property
    def options(self) -> dict[str, Option]:
        """By name. Raises TypeError where the signature is not `(*, option: type = default, ...)`."""
        return options_of(self.function, leading=0)

    @property
    def summary(self) -> str:
        """What and whose: the first line of the docstring."""
        return _first_line(self.function)

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value: `given`, validated, over the defaults.

        Raises:
            UsageError: an unknown option or a wrong value, with the valid ones.
        """
        return resolved(self.name, self.options, given)


def task(function: Callable[..., Task]) -> Family:
    """Make a function `(*, option: type = default, ...) -> Task` a task with options; see `Family`.

    It is imported from here (`from benchmark.define import task`): `benchmark.task` is the module of `Task`.
    """
    return Family(function)


def _spoken(function: Callable[..., Any]) -> str:
    """The name on the command line of what a function makes."""
    return function.__name__.rstrip("_").replace("_", "-")


def _first_line(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]
