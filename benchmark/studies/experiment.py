"""Experiments as values: a function of a study, with what is declared about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from benchmark.plugins.catalog import find
from benchmark.plugins.options import Option, command_line_name, options_of, require_known, resolved, summary_of
from benchmark.plugins.registry import load
from benchmark.results.spelling import bracketed, spelled, unusual

if TYPE_CHECKING:
    from benchmark.studies.study import Study

Size = Literal["smoke", "tiny", "full"]
"""How much an experiment runs: a trial of seconds, a version that a laptop runs in minutes, or the whole question."""


@dataclass(frozen=True)
class Experiment:
    """A question asked of many runs, or of exact computations: a plain function that is called with a `Study`.

    The defaults of its options are the size `tiny`, which takes two cores at most ten minutes.

    Args:
        paper: where the question comes from, as `arXiv:...` or a DOI.
        full: options of the size `full`.
        smoke: options of the size `smoke`, which takes seconds.
    """

    function: Callable[..., None]
    paper: str = ""
    full: Mapping[str, Any] = field(default_factory=dict)
    smoke: Mapping[str, Any] = field(default_factory=dict)
    name: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", command_line_name(self.function))
        for given in (self.full, self.smoke):
            require_known(self.name, self.options, given)

    def __call__(self, study: Study, **options: Any) -> None:
        from benchmark.leaderboard.figures.style import styled

        with styled():
            self.function(study, **options)

    @cached_property
    def options(self) -> dict[str, Option]:
        """Its options by name. Raises TypeError if the signature is not `(study, *, option: type = default, ...)`."""
        first, *_ = inspect.signature(self.function).parameters.values()
        if first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
            raise TypeError(f"{self.function.__name__}: the first parameter is the study")
        return options_of(self.function, leading=1)

    @property
    def summary(self) -> str:
        """The question, and who asked it first: the first line of the docstring."""
        return summary_of(self.function)

    def resolve(self, given: Mapping[str, Any], size: Size = "tiny") -> dict[str, Any]:
        """Every option with its value: `given`, validated, over those of the size.

        Raises:
            UsageError: an unknown option or a wrong value, with the valid ones.
        """
        return resolved(self.name, self.options, {**self.of_size(size), **given})

    def of_size(self, size: Size) -> dict[str, Any]:
        """The options that a size changes, with their values."""
        return dict({"smoke": self.smoke, "tiny": {}, "full": self.full}[size])

    def spelled(self, options: Mapping[str, Any]) -> str:
        """Its name with those options that are not at their default, `lottery:seeds=5`."""
        asked = unusual(options, {name: option.default for name, option in self.options.items()})
        return spelled(self.name, {name: bracketed(value) for name, value in asked.items()})


def experiment(
    *, paper: str = "", full: Mapping[str, Any] | None = None, smoke: Mapping[str, Any] | None = None
) -> Callable[[Callable[..., None]], Experiment]:
    """Make a function `(study, *, option: type = default, ...) -> None` an experiment; see `Experiment`."""

    def decorate(function: Callable[..., None]) -> Experiment:
        return Experiment(function, paper, full or {}, smoke or {})

    return decorate


SIZES = get_args(Size)
"""All sizes, the shortest first."""


def named(name: str) -> Experiment:
    """Import the experiment with this name.

    Raises:
        UsageError: an unknown name.
        PluginError: it cannot be used.
    """
    plugin = find("experiment", name)
    loaded = load(plugin)
    if not isinstance(loaded, Experiment):
        raise plugin.error(
            f"{plugin.module}:{plugin.attribute} is not an experiment; decorate it with @experiment(...)"
        )
    if loaded.name != name:
        raise plugin.error(f"its function is called '{loaded.name}'; name and function must agree")
    return loaded
