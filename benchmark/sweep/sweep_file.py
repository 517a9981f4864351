"""A sweep in a file: what `bench run` takes as flags, under the same names, as YAML.

    algo:
      - dense
      - granet: {interval: [100, 1000]}     # a method for each value
    task: mnist
    seeds: 5
    parts:                                  # each with what differs
      - {sparsity: [0.9, 0.98]}
      - {pattern: "2:4"}

Nothing in it is executed: it is read as text, numbers, lists and mappings, and each key has a type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from benchmark.errors import UsageError, one_line, unknown_name
from benchmark.results.spelling import spelled

LARGEST = 2**20
"""The most bytes of a file that is read."""

LENGTHS = ("budget", "epochs", "steps")
"""The names of which one says how long to train."""

Scalar = bool | int | float | str | None


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Named = str | dict[str, dict[str, Scalar | list[Scalar]]]
"""A name with its options: `granet:interval=100`, or `granet: {interval: [100, 1000]}`."""

Names = Annotated[list[Named], BeforeValidator(_listed)]
Words = Annotated[list[str], BeforeValidator(_listed)]
Numbers = Annotated[list[float], BeforeValidator(_listed)]
Count = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """What a sweep, or a part of one, says. The names are those of the flags."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    algo: Names = []
    task: Names = []
    model: Words = []
    sparsity: Numbers = []
    pattern: Words = []
    prunable: Words = []
    control: Words = []
    edges: Words = []
    budget: str | None = None
    epochs: Count | None = None
    steps: Count | None = None
    start: Words = []
    finetune: Words = []
    seeds: Count | list[int] = 1

    def words(self) -> dict[str, Any]:
        """Everything that is said, with names and options as `--algo` and `--task` take them."""
        told = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        return {name: [*_spelled(value)] if name in ("algo", "task") else value for name, value in told.items()}


class Sweep(Part):
    """A whole file."""

    parts: list[Part] = []


def read(file: Path) -> list[dict[str, Any]]:
    """The parts of the sweep in a file, as words; each has the values of the whole file, overridden by its own.

    Raises:
        UsageError: the file cannot be read, is not YAML, or has something that a sweep does not know.
    """
    sweep = _checked(file, _loaded(file))
    common = sweep.words()
    common.pop("parts", None)
    return [_with(common, part.words()) for part in sweep.parts] or [common]


def _with(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a part, and those common to all parts. Its own length replaces theirs, however it is given."""
    given = {*own, *(LENGTHS if own.keys() & set(LENGTHS) else ())}
    return {name: value for name, value in common.items() if name not in given} | dict(own)


def written(words: Mapping[str, Any]) -> str:
    """The file with these words, without those that are empty."""
    from ruamel.yaml import YAML

    into = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # it is declared as None
    yaml.dump({name: value for name, value in words.items() if value not in (None, [], ())}, into)
    return into.getvalue()


def _loaded(file: Path) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise UsageError(f"{file} has more than {LARGEST:,} bytes; a sweep is shorter")
        return YAML(typ="safe", pure=True).load(content.decode())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except (YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{file} is not YAML: {one_line(error)[:200]}") from None


def _checked(file: Path, content: Any) -> Sweep:
    try:
        return Sweep.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    except RecursionError:
        raise UsageError(f"{file} contains itself") from None
    *place, name = first["loc"] or ("",)
    if first["type"] == "extra_forbidden":
        known = Part.model_fields if place else Sweep.model_fields
        raise UsageError(f"{file}: {unknown_name('key', str(name), known, 'bench run --help')}")
    where = ".".join(map(str, first["loc"])) or "it"
    raise UsageError(f"{file}: {where}: {one_line(ValueError(first['msg']))}, got {str(first['input'])[:100]!r}")


def _spelled(names: Sequence[Named]) -> Iterator[str]:
    """Names with options; one for every combination of values where an option has several."""
    for named in names:
        if isinstance(named, str):
            yield named
            continue
        for name, options in named.items():
            for values in product(*map(_listed, options.values())):
                yield spelled(name, dict(zip(options, map(_text, values), strict=True)))


def _text(value: Scalar) -> Scalar:
    return str(value).lower() if isinstance(value, bool) else value
