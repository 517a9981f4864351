"""Defines a cell, the specification of one run: algorithm, task, model, pattern, sparsity, budget and seed."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any

import rfc8785
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from benchmark.results.numbers import Count, Json
from benchmark.results.spelling import LONGEST_NAME, LONGEST_TEXT, NAME, spelled
from benchmark.results.starts import Finetuning, Start, short

_Name = Annotated[str, Field(max_length=LONGEST_NAME)]


RESERVED = ("control", "curve")
"""Options that every algorithm has."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Cell(_Value):
    """One run to do: an algorithm on a task and model, to a sparsity in a pattern, with a budget and a seed.

    Args:
        start: what the network begins with; empty for a random initialisation.
        finetune: how a network with a start is trained, in place of the budget's whole recipe.
    """

    algorithm: _Name = Field(pattern=rf"^{NAME}(\+{NAME})*$")
    options: Json = {}
    task: _Name = Field(pattern=rf"^{NAME}$")
    task_options: Json = {}
    model: _Name
    pattern: _Name = "global"
    prunable: str = Field(default="all", pattern=r"^[\w.*?\[\]!-]{1,200}$")
    sparsity: float = Field(ge=0, lt=1)
    budget: _Name
    seed: Count
    start: Start = ""
    finetune: Finetuning | None = None

    @field_validator("options", "task_options")
    @classmethod
    def _short(cls, options: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for name, value in options.items():
            if len(name) > LONGEST_NAME or len(str(value)) > LONGEST_TEXT:
                most = f"a name has at most {LONGEST_NAME:,} characters, a value {LONGEST_TEXT:,}"
                raise ValueError(f"'{name[:40]}' is too long: {most}")
        return options

    @model_validator(mode="after")
    def _finetuned_from_a_start(self) -> Cell:
        if self.finetune and not self.start:
            raise ValueError("only a network that has a start is fine-tuned")
        return self

    @model_serializer(mode="wrap")
    def _without_later_fields(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit fields that earlier cells did not have if they are empty, so that those cells keep their keys."""
        later: dict[str, Any] = {"task_options": {}, "prunable": "all", "start": "", "finetune": None}
        values = dump(self)
        return {name: value for name, value in values.items() if name not in later or value != later[name]}

    @property
    def scope(self) -> str:
        """The pattern, and its tensors if it is not for all prunable ones: cells that agree in it are compared."""
        return self.pattern if self.prunable == "all" else f"{self.pattern} of {self.prunable}"

    @property
    def setting(self) -> str:
        """The task with all its options, as written on the command line."""
        return spelled(self.task, self.task_options)

    @property
    def network(self) -> str:
        """The model, and what it begins with if that is not a random initialisation."""
        return f"{self.model} from {short(self.start)}" if self.start else self.model

    @property
    def schedule(self) -> str:
        """The budget, and for how much of it an already trained network is fine-tuned."""
        return f"{self.budget}, {self.finetune}" if self.finetune else self.budget

    @property
    def table(self) -> tuple[str, str, str]:
        """The task with all its options, the network and the schedule: cells that agree in these share a table."""
        return self.setting, self.network, self.schedule

    @property
    def control(self) -> str | None:
        """Name of the control (`benchmark.results.controls`); None for the method itself."""
        return control_of(self.options)

    @property
    def method_options(self) -> dict[str, JsonValue]:
        """The options of the algorithm, without those that every algorithm has."""
        return {name: value for name, value in self.options.items() if name not in RESERVED}

    @property
    def density(self) -> float:
        """Share of prunable weights to keep.

        Rounded to twelve digits, because the floating-point error of 1 - sparsity would change how counts such as
        2152.5 round to even.
        """
        return round(1 - self.sparsity, 12)

    @cached_property
    def key(self) -> str:
        """SHA-256 of the cell's RFC 8785 canonical JSON, the same on every machine."""
        return hashlib.sha256(rfc8785.dumps(self.model_dump())).hexdigest()

    @cached_property
    def group(self) -> str:
        """SHA-256 of all fields but the seed. Cells of the same group are averaged."""
        return hashlib.sha256(rfc8785.dumps(self.model_dump(exclude={"seed"}))).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        algorithm, where = spelled(self.algorithm, self.options), f"{self.setting}/{self.network}"
        return f"{algorithm} on {where} at {self.sparsity:g} {self.scope}, {self.schedule}, {self.seed}"


def control_of(options: Mapping[str, Any]) -> str | None:
    """Return the name of the control in the options of an algorithm; None for the method itself."""
    value = options.get("control")
    return value if isinstance(value, str) else None


def command(
    cell: Cell, options: Mapping[str, Any], algorithm: str = "", task: str = "", seeds: Iterable[int] = ()
) -> str:
    """Return the `bench run` command for this cell, with every option explicit so that it survives changed defaults.

    Args:
        options: those of the cell, and those that are absent from it, with the value that their absence means.
        algorithm, task: how they are named on the command line, if not by name: as a file, `./my_pruner.py`.
        seeds: the seeds to run in place of the cell's own.
    """
    words = {
        "--algo": spelled(algorithm or cell.algorithm, options),
        "--task": spelled(task, cell.task_options) if task else cell.setting,
        "--model": cell.model,
        "--pattern": cell.pattern,
        **({} if cell.prunable == "all" else {"--prunable": cell.prunable}),
        "--sparsity": repr(cell.sparsity),
        "--budget": cell.budget,
        "--seed": ",".join(map(str, seeds)) or str(cell.seed),
        **({"--start": cell.start} if cell.start else {}),
        **({"--finetune": cell.finetune.typed} if cell.finetune else {}),
    }
    return shlex.join(["bench", "run", *(word for pair in words.items() for word in pair)])
