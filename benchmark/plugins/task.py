"""Tasks with options as values: a function from options to a `Task`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmark.plugins.common_options import COMMON, RESERVED, options_for
from benchmark.plugins.options import (
    Option,
    absences,
    command_line_name,
    options_of,
    require_known,
    resolved,
    summary_of,
    written,
)

if TYPE_CHECKING:
    from benchmark.training.task import Task


@dataclass(frozen=True)
class Family:
    """A task and its options: a function of these that returns a `Task`. A plain `Task` is a family without options.

    Every family has the common options as well (`benchmark.plugins.common_options`). They are not parameters of its
    function: they change the task that it returns.
    """

    function: Callable[..., Task]
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or command_line_name(self.function))
        _ = self.options  # a wrong signature is an error where the function is defined

    def __call__(self, **options: Any) -> Task:
        from benchmark.plugins.variations import varied

        own = {name: value for name, value in options.items() if name in self.options}
        return varied(self.function(**own), {name: value for name, value in options.items() if name not in own})

    @cached_property
    def options(self) -> dict[str, Option]:
        """Its own options, by name.

        Raises:
            TypeError: the signature is not `(*, option: type = default, ...)`, an option has the name of a common one,
                or its absence in older cells means another value than its default.
        """
        options = options_of(self.function, leading=0, reserved=RESERVED)
        for name, value in absences(options).items():
            if value != options[name].default:
                raise TypeError(f"{self.function.__name__}: the absence of option '{name}' must mean its default")
        return options

    @property
    def summary(self) -> str:
        """What the task is, and by whom: the first line of the docstring."""
        return summary_of(self.function)

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value: `given`, validated, over the defaults. Common ones only where they are given.

        Raises:
            UsageError: an unknown option or a wrong value, with the valid ones.
        """
        known = self.options | options_for(given)
        require_known(self.name, [*dict.fromkeys([*known, *COMMON])], given)
        return resolved(self.name, known, given)

    def written(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a cell, from resolved ones: without those at the value that their absence means."""
        own = {name: value for name, value in values.items() if name in self.options}
        common = {name: value for name, value in values.items() if name not in own}
        return written(self.options, own, lambda: None) | common


def task(function: Callable[..., Task]) -> Family:
    """Make a function `(*, option: type = default, ...) -> Task` a task with options; see `Family`."""
    return Family(function)
