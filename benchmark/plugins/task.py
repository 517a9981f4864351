"""Tasks with options as values: a function from options to a `Task`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmark.plugins.options import Option, command_line_name, options_of, resolved, summary_of

if TYPE_CHECKING:
    from benchmark.training.task import Task


@dataclass(frozen=True)
class Family:
    """A task and its options: a function of these that returns a `Task`. A plain `Task` is a family without options."""

    function: Callable[..., Task]
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or command_line_name(self.function))
        _ = self.options  # a wrong signature is an error where the function is defined

    def __call__(self, **options: Any) -> Task:
        return self.function(**options)

    @cached_property
    def options(self) -> dict[str, Option]:
        """By name. Raises TypeError if the signature is not `(*, option: type = default, ...)`."""
        return options_of(self.function, leading=0)

    @property
    def summary(self) -> str:
        """What and whose: the first line of the docstring."""
        return summary_of(self.function)

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value: `given`, validated, over the defaults.

        Raises:
            UsageError: an unknown option or a wrong value, with the valid ones.
        """
        return resolved(self.name, self.options, given)


def task(function: Callable[..., Task]) -> Family:
    """Make a function `(*, option: type = default, ...) -> Task` a task with options; see `Family`."""
    return Family(function)
