"""Checks requested names and options against the sources of plug-ins; nothing is imported.

Loading a plug-in would report the same and more, but a second or two later, because it imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.plugins.algorithm import RESERVED
from benchmark.plugins.catalog import find
from benchmark.plugins.common_options import COMMON, options_for
from benchmark.plugins.options import require_known, resolved
from benchmark.plugins.plugin import Plugin
from benchmark.results.spelling import Choice

NOTHING = "nothing selected: name at least one --algo and one --task (bench list), or a file that does"


def require_algorithm(choice: Choice) -> None:
    """Raise UsageError for an unknown algorithm, alone or in a chain, or an option that it does not have."""
    parts = [find("algorithm", part) for part in choice.name.split("+")]
    if (own := _options_of(parts)) is None:
        return
    given = {_full(name, own): value for name, value in choice.options.items()}
    reserved = {name: option for name, option in RESERVED.items() if name in given}
    require_known(choice.name, [*own, *reserved], given)
    resolved(choice.name, reserved, {name: given[name] for name in reserved})


def require_task(choice: Choice) -> None:
    """Raise UsageError for an unknown task, or an option that it does not have."""
    if (own := _options_of([find("task", choice.name)])) is not None:
        known = dict.fromkeys([*own, *options_for(choice.options), *COMMON])
        require_known(choice.name, known, choice.options)


def _options_of(parts: Sequence[Plugin]) -> list[str] | None:
    """The options of a plug-in, or those of a chain by their full names; None if the source does not say."""
    listed = [(part.name, part.options) for part in parts]
    if any(part.problem or part.options is None for part in parts):
        return None
    return [name if len(parts) == 1 else f"{part}.{name}" for part, names in listed for name in names or ()]


def _full(name: str, known: Sequence[str]) -> str:
    """The full name of an option of a chain: one that only one method has may be given without the method's name."""
    full = [one for one in known if one.partition(".")[2] == name]
    return full[0] if len(full) == 1 else name
