"""The command that asks one cell again."""

from __future__ import annotations

import hashlib
import shlex
from functools import cached_property
from typing import Any

import rfc8785
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from benchmark.records.spelling import spelled

NAME = r"[a-z0-9][a-z0-9_-]*"
"""What an algorithm, a task, a model or a budget may be called: it becomes a folder's name."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Cell(_Value):
    """One question: this algorithm, on this task, to this sparsity, from this seed."""

    algorithm: str = Field(pattern=rf"^{NAME}(\+{NAME})*$")
    options: dict[str, JsonValue] = {}
    task: str = Field(pattern=rf"^{NAME}$")
    task_options: dict[str, JsonValue] = {}
    model: str
    pattern: str = "global"
    sparsity: float = Field(ge=0, lt=1)
    budget: str
    seed: int = Field(ge=0)

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A task without options has no field for them: its cells keep the keys that they had before there were any."""
        values: dict[str, Any] = dump(self)
        if not self.task_options:
            values.pop("task_options", None)
        return values

    @property
    def setting(self) -> str:
        """The task with all its options, as on the command line."""
        return spelled(self.task, self.task_options)

    @property
    def control(self) -> str | None:
        """What is changed about the method, by name (`benchmark.records.controls`); None where nothing is."""
        value = self.options.get("control")
        return value if isinstance(value, str) else None

    @property
    def method_options(self) -> dict[str, JsonValue]:
        """The options of the method itself."""
        return {name: value for name, value in self.options.items() if name != "control"}

    @property
    def density(self) -> float:
        """Kept / prunable, to twelve digits: with the dust of 1 - sparsity, 2152.5 weights would not round to even."""
        return round(1 - self.sparsity, 12)

    @cached_property
    def key(self) -> str:
        """SHA-256 of the RFC 8785 canonical JSON: the same question has the same key everywhere."""
        return hashlib.sha256(rfc8785.dumps(self.model_dump())).hexdigest()

    @cached_property
    def group(self) -> str:
        """The key of everything but the seed: cells that share it are averaged."""
        return hashlib.sha256(rfc8785.dumps(self.model_dump(exclude={"seed"}))).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        algorithm, where = spelled(self.algorithm, self.options), f"{self.setting}/{self.model}"
        return f"{algorithm} on {where} at {self.sparsity:g} {self.pattern}, {self.budget}, {self.seed}"


def command(cell: Cell) -> str:
    """`bench run ...` for this cell alone, with every option spelled out: a default that moves does not change it."""
    words = {
        "--algo": spelled(cell.algorithm, cell.options),
        "--task": cell.setting,
        "--model": cell.model,
        "--pattern": cell.pattern,
        "--sparsity": repr(cell.sparsity),
        "--budget": cell.budget,
        "--seed": str(cell.seed),
    }
    return shlex.join(["bench", "run", *(word for pair in words.items() for word in pair)])
