"""An algorithm as a value: a function of a run, its options, and where it comes from."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Field, TypeAdapter, ValidationError

from benchmark.errors import UsageError, unknown

if TYPE_CHECKING:
    from benchmark.run import Run

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""An option in [0, 1]."""

Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
"""An option strictly between 0 and 1."""

Sparsity = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
"""An option in [0, 1)."""

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""An option of at least 0."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""An option above 0."""

Count = Annotated[int, Field(ge=1)]
"""A whole number of at least 1."""

_SPOKEN = {
    Fraction: "number in [0, 1]",
    Sparsity: "number in [0, 1)",
    Share: "number in (0, 1)",
    Amount: "number >= 0",
    Positive: "number > 0",
    Count: "whole number >= 1",
}


Control = Literal["shuffle", "erk-random", "reinit", "invert", "random-labels", "dense-small"]
"""What `--control` takes, and the option `control` that every algorithm has (`benchmark.control`)."""


@dataclass(frozen=True)
class Option:
    """A keyword-only parameter of an algorithm.

    Args:
        kind: its annotation.
        meaning: what the docstring says of it.
    """

    name: str
    kind: Any
    default: Any
    meaning: str

    @property
    def values(self) -> str:
        """The valid values, in words."""
        for kind, words in _SPOKEN.items():
            if self.kind == kind:
                return words
        if literals := list(_literals(self.kind)):
            return " | ".join(literals)
        return {bool: "true | false", int: "whole number", float: "number", str: "text"}.get(self.kind, str(self.kind))

    def parse(self, value: Any) -> Any:
        """The value in the option's type, from text or from a value. Raises ValidationError."""
        return TypeAdapter(self.kind).validate_python(value)


_CONTROL = {"control": Option("control", Control, None, "run the method with one thing changed (bench run --control)")}


@dataclass(frozen=True)
class Algorithm:
    """A pruning method: a plain function that is handed a `Run`.

    Args:
        paper: where it is published, as `arXiv:...` or a DOI; empty for a control.
        prunes: what it prunes: weights, edges, or nothing at all.
        once: it trains the weights once, so that at density 1 it equals dense training bit for bit.
    """

    function: Callable[..., None]
    paper: str = ""
    prunes: frozenset[str] = frozenset({"weights"})
    once: bool = True
    name: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.function.__name__.rstrip("_").replace("_", "-"))
        _ = self.options  # a wrong signature is an error where the function is defined

    def __call__(self, run: Run, **options: Any) -> None:
        self.function(run, **options)

    @cached_property
    def options(self) -> dict[str, Option]:
        """By name. Raises TypeError where the signature is not `(run, *, option: type = default, ...)`."""
        run, *rest = inspect.signature(self.function).parameters.values()
        if run.kind not in (run.POSITIONAL_ONLY, run.POSITIONAL_OR_KEYWORD):
            raise TypeError(f"{self.function.__name__}: the first parameter is the run")
        return {parameter.name: self._option(parameter) for parameter in rest}

    @property
    def summary(self) -> str:
        """What and whose: the first line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value: `given`, validated, over the defaults.

        Raises:
            UsageError: an unknown option or a wrong value, with the valid ones.
        """
        options = self.options | _CONTROL
        for name in given:
            if name not in options:
                there = ", ".join(self.options) or "it has none"
                raise unknown(f"option of '{self.name}'", name, self.options, f"its options: {there}")
        own = {name: self._value(option, given.get(name, option.default)) for name, option in self.options.items()}
        return own | {name: self._value(_CONTROL[name], given[name]) for name in _CONTROL if name in given}

    def unusual(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the options that are not at their default."""
        defaults = {name: option.default for name, option in self.options.items()}
        return {name: value for name, value in options.items() if name not in defaults or value != defaults[name]}

    def _option(self, parameter: inspect.Parameter) -> Option:
        where = f"{self.function.__name__}: option '{parameter.name}'"
        if parameter.name in _CONTROL:
            raise TypeError(f"{where} is one that every algorithm has")
        if parameter.kind is not parameter.KEYWORD_ONLY:
            raise TypeError(f"{where} must be keyword-only: put it after `*`")
        if parameter.default is parameter.empty or parameter.annotation is parameter.empty:
            raise TypeError(f"{where} needs a type and a default")
        kind = parameter.annotation
        if isinstance(kind, str):
            kind = eval(kind, self.function.__globals__)  # postponed annotations of the plug-in's own source
        meaning = re.search(rf"^\s*{parameter.name}: (.+(?:\n\s{{12,}}.+)*)", self.function.__doc__ or "", re.MULTILINE)
        return Option(parameter.name, kind, parameter.default, " ".join(meaning[1].split()) if meaning else "")

    def _value(self, option: Option, value: Any) -> Any:
        try:
            return option.parse(value)
        except ValidationError:
            raise UsageError(
                f"option '{option.name}' of '{self.name}' cannot be {value!r}; it takes {option.values}"
            ) from None


def _literals(kind: Any) -> Iterator[str]:
    """The values of a Literal, or of a union of Literals."""
    if get_origin(kind) is Literal:
        yield from map(str, get_args(kind))
    elif get_origin(kind) in (Union, UnionType):
        for part in get_args(kind):
            yield from _literals(part)


def algorithm(
    *, paper: str = "", prunes: str | None = "weights", once: bool = True
) -> Callable[[Callable[..., None]], Algorithm]:
    """Make a function `(run, *, option: type = default, ...) -> None` an algorithm; see `Algorithm`."""
    what = frozenset([prunes] if prunes else [])

    def decorate(function: Callable[..., None]) -> Algorithm:
        return Algorithm(function, paper, what, once)

    return decorate
