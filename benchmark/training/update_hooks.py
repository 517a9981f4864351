"""Hooks after the updates that torch's hooks of optimizers do not see: sparse steps, and replays of recorded ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch.utils.hooks import RemovableHandle

_hooks: OrderedDict[int, Callable[[], None]] = OrderedDict()


def register_update_hook(hook: Callable[[], None]) -> RemovableHandle:
    """Call `hook` after every such update, of whatever network, as torch calls those of its optimizers."""
    handle = RemovableHandle(_hooks)
    _hooks[handle.id] = hook
    return handle


def call_update_hooks() -> None:
    """An update was made that torch's hooks do not see."""
    for hook in _hooks.values():
        hook()
