"""Options of plug-ins: the keyword-only parameters of a function, typed, validated and documented.

The meaning of an option is in the function's docstring, or in its annotation, `Annotated[int, Doc("how many")]`, which
several functions can share.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import Doc

from benchmark.errors import UsageError, unknown_name
from benchmark.results.spelling import NO_VALUE

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


Key = Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
"""The key of a record whose masks are taken with `run.found`, or its first digits. With the default "" it is required.

`Key | None` is for an optional key.
"""


_VALUES_IN_WORDS = {
    Fraction: "number in [0, 1]",
    Sparsity: "number in [0, 1)",
    Share: "number in (0, 1)",
    Amount: "number >= 0",
    Positive: "number > 0",
    Count: "whole number >= 1",
    Key: "the key of a record (bench run prints it), or its first digits",
    Key | None: "the key of a record, or none",
}


@dataclass(frozen=True)
class Absent:
    """For the annotation of an option that was added to a plug-in later: what its absence in older cells means.

        norms: Annotated[Literal["batch", "running"], Absent("batch")] = "running"

    A cell in which the option has this value is written without it, so that older cells keep their keys and count as
    this cell. Any other value is written, even if it is the default. The value has to be a literal in the signature
    itself, because readers look it up without importing the plug-in.

    Args:
        matters: whether the option makes any difference for a network; if it makes none, it is left out as well.
    """

    value: Any
    matters: Callable[[Any], bool] | None = None


@dataclass(frozen=True)
class Follows:
    """In the annotation of an option: left out, it is made of the value of another option.

        vocabulary: Annotated[str, Follows("corpus", "{}:4000")] = "SST-2:4000"

    Its default has to be what is made of the other one's default. Cells have the value that was made. It has to stand
    in the signature itself, with literals: readers look it up without importing the plug-in.

    Args:
        option: the name of the other one, which comes before it.
        form: what is made of its value, which stands in place of the braces.
    """

    option: str
    form: str

    def made(self, values: Mapping[str, Any]) -> str:
        """The value, from those of the options before."""
        return self.form.format(values[self.option])


@dataclass(frozen=True)
class Option:
    """A keyword-only parameter of a plug-in's function.

    Args:
        kind: its annotation.
        meaning: what the docstring, or a `Doc` in its annotation, says about it.
        absent: what its absence in a cell means; None if every cell has it.
        follows: what it is made of if it is left out; None for its default.
    """

    name: str
    kind: Any
    default: Any
    meaning: str
    absent: Absent | None = None
    follows: Follows | None = None

    @property
    def values(self) -> str:
        """A description of the valid values."""
        for kind, words in _VALUES_IN_WORDS.items():
            if self.kind == kind:
                return words
        if literals := [str(literal) for literal in _literals(self.kind)]:
            return " | ".join(literals)
        if get_origin(self.kind) is Annotated:  # a type of the plug-in's own, described by its pydantic Field
            descriptions = (getattr(part, "description", None) for part in self.kind.__metadata__)
            return next(filter(None, descriptions), str(self.kind))
        return {bool: "true | false", int: "whole number", float: "number", str: "text"}.get(self.kind, str(self.kind))

    def parse(self, value: Any) -> Any:
        """Convert a value, or its text, to the option's type. Raises ValidationError."""
        spelled_out = {str(literal): literal for literal in _literals(self.kind)}  # 0 | 1, of which the text is "1"
        if value == NO_VALUE and NO_VALUE not in spelled_out and self._may_be_none:
            return None
        return TypeAdapter(self.kind).validate_python(
            spelled_out.get(value, value) if isinstance(value, str) else value
        )

    @property
    def _may_be_none(self) -> bool:
        try:
            return TypeAdapter(self.kind).validate_python(None) is None
        except ValidationError:
            return False


Options = Mapping[str, Option]


def options_of(function: Callable[..., Any], leading: int, reserved: Collection[str] = ()) -> dict[str, Option]:
    """The options of a function by name: all of its parameters after the first `leading`.

    Raises:
        TypeError: one of them is not of the form `*, option: type = default`, has a reserved name, or follows another
            one whose default does not make its own.
    """
    parameters = list(inspect.signature(function).parameters.values())[leading:]
    options = {parameter.name: _option(function, parameter, reserved) for parameter in parameters}
    before = dict[str, Any]()
    for name, option in options.items():
        if (follows := option.follows) and (follows.option not in before or follows.made(before) != option.default):
            raise TypeError(
                f"{function.__name__}: option '{name}' must come after '{follows.option}' and fit its default"
            )
        before[name] = option.default
    return options


def resolved(owner: str, options: Options, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of a plug-in with its value: `given`, validated, over the defaults and what follows from others.

    Raises:
        UsageError: an unknown option or a wrong value, with the valid ones.
    """
    require_known(owner, options, given)
    values = dict[str, Any]()
    for name, option in options.items():
        left_out = option.follows.made(values) if option.follows else option.default
        values[name] = _value(owner, option, given.get(name, left_out))
    return values


def require_known(owner: str, known: Collection[str], given: Collection[str]) -> None:
    """Raise UsageError for a name that is not an option; the message lists the valid ones."""
    for name in given:
        if name not in known:
            raise unknown_name(f"option of '{owner}'", name, known, f"its options: {', '.join(known) or 'it has none'}")


def written(options: Options, values: Mapping[str, Any], network: Callable[[], Any]) -> dict[str, Any]:
    """The values that a cell contains: those of resolved options, except the ones that are left out (`Absent`).

    Args:
        network: builds the network of the cell; None if it cannot be built.
    """
    return {name: value for name, value in values.items() if not _is_absent(options[name].absent, value, network)}


def _is_absent(absent: Absent | None, value: Any, network: Callable[[], Any]) -> bool:
    if absent is None or value == absent.value:
        return absent is not None
    built = network() if absent.matters else None
    return absent.matters is not None and built is not None and not absent.matters(built)


def absences(options: Options) -> dict[str, Any]:
    """What the absence of options in a cell means, by name."""
    return {name: option.absent.value for name, option in options.items() if option.absent}


def _option(function: Callable[..., Any], parameter: inspect.Parameter, reserved: Collection[str]) -> Option:
    where = f"{function.__name__}: option '{parameter.name}'"
    if parameter.name in reserved:
        raise TypeError(f"{where} has a name that every plug-in of its kind uses itself")
    if parameter.kind is not parameter.KEYWORD_ONLY:
        raise TypeError(f"{where} must be keyword-only: put it after `*`")
    if parameter.default is parameter.empty or parameter.annotation is parameter.empty:
        raise TypeError(f"{where} needs a type and a default")
    kind = parameter.annotation
    if isinstance(kind, str):
        kind = eval(kind, function.__globals__)  # postponed annotations of the plug-in's own source
    kind, documented, absent, follows = _without_metadata(kind)
    text = inspect.getdoc(function) or ""  # without indentation, which Python 3.13 strips itself
    described = re.search(rf"^ *{parameter.name}: (.+(?:\n {{8,}}.+)*)", text, re.MULTILINE)
    meaning = described[1] if described else documented
    return Option(parameter.name, kind, parameter.default, " ".join(meaning.split()), absent, follows)


def _without_metadata(kind: Any) -> tuple[Any, str, Absent | None, Follows | None]:
    """An annotation without its `Doc`, `Absent` and `Follows`; the text of the first (PEP 727), if any; the others."""
    if get_origin(kind) is not Annotated:
        return kind, "", None, None
    inner, *metadata = get_args(kind)
    docs = [part.documentation for part in metadata if isinstance(part, Doc)]
    absent = next((part for part in metadata if isinstance(part, Absent)), None)
    follows = next((part for part in metadata if isinstance(part, Follows)), None)
    rest = [part for part in metadata if not isinstance(part, Doc | Absent | Follows)]
    return (Annotated[inner, *rest] if rest else inner), " ".join(docs), absent, follows


def _value(owner: str, option: Option, value: Any) -> Any:
    try:
        return option.parse(value)
    except ValidationError:
        raise UsageError(f"option '{option.name}' of '{owner}' cannot be {value!r}; it takes {option.values}") from None


def _literals(kind: Any) -> Iterator[Any]:
    """The values of a Literal, or of a union of Literals."""
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    elif get_origin(kind) in (Union, UnionType):
        for part in get_args(kind):
            yield from _literals(part)


def command_line_name(function: Callable[..., Any]) -> str:
    """The command-line name of the plug-in that a function defines."""
    return function.__name__.rstrip("_").replace("_", "-")


def summary_of(function: Callable[..., Any]) -> str:
    """The first line of its docstring; empty if it has none."""
    return (inspect.getdoc(function) or "").partition("\n")[0]
