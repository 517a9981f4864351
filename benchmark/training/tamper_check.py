"""Detects changes of a network that were not made by the methods of its run, which are called verbs here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from inspect import getattr_static

from torch import nn
from torch.nn.modules import module as torch_module

from benchmark.errors import Breach
from benchmark.training.state import comparison, fingerprint, version


class TamperCheck:
    """Remembers a network after every verb, and checks before the next one that it is still the same.

    Attributes:
        breaches: the changes that were detected, each once. They stay here even if an algorithm catches the exception.
        paused: whether the run is in a pause between a backward pass and its update.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model, self._parts = model, parts(model)
        self._mark = fingerprint(model)
        self._same: Callable[[], bool] | None = None
        self.paused = False
        self.breaches: list[str] = []

    @property
    def mark(self) -> str:
        """The digest of the network, as the last verb left it; empty in a pause that compares no bits."""
        return self._mark

    @contextmanager
    def verb(self, name: str, *, in_pauses: bool = False) -> Iterator[None]:
        """Allow changes of the network within this context.

        Args:
            in_pauses: whether this verb may be used in a pause. If not, it raises RuntimeError there.
        """
        if not in_pauses:
            self.not_paused(name)
        self._still() if self.paused else self.untouched(f"before {name}()")
        try:
            yield
        finally:
            if self.paused:
                self._remember(thorough=self._same is not None)
            else:
                self._mark, self._same = fingerprint(self._model), None

    @contextmanager
    def pause(self, *, thorough: bool) -> Iterator[None]:
        """Raise Breach at the end of a pause in which anything but a verb changed the network.

        Args:
            thorough: compare the bits of the network, and not only the version counters of its tensors, which is cheap.
        """
        self._remember(thorough)
        self.paused = True
        try:
            yield
        except GeneratorExit:  # the algorithm leaves its loop here
            with suppress(Breach):
                self._still()
            raise
        finally:
            self.paused = False
        self._still()
        self._same = None

    def untouched(self, when: str) -> None:
        """Raise Breach if the network is not as the last verb left it."""
        if fingerprint(self._model) != self._mark:
            self._breach(f"the network was changed outside the verbs of the run, {when}")
        if parts(self._model) != self._parts or global_hooks():
            self._breach(f"modules, hooks or forward methods of the network were changed, {when}")

    def not_paused(self, verb: str) -> None:
        """Raise RuntimeError if the run is in a pause, where this verb is not allowed."""
        if self.paused:
            raise RuntimeError(f"{verb}() cannot be called in a pause of steps()")

    def _remember(self, thorough: bool) -> None:
        self._version = version(self._model)
        self._same = comparison(self._model) if thorough else None

    def _still(self) -> None:
        if version(self._model) != self._version or (self._same and not self._same()):
            self._breach("weights were changed by hand in a pause of steps()")

    def _breach(self, what: str) -> None:
        if what not in self.breaches:
            self.breaches.append(what)
        raise Breach(what)


def parts(model: nn.Module) -> list[tuple[object, ...]]:
    """What a network computes with besides its tensors: its modules, their forward methods and their hooks."""
    modules = model.named_modules()
    return [(name, module, getattr_static(type(module), "forward", None), *_own(module)) for name, module in modules]


def global_hooks() -> bool:
    """Whether torch calls hooks for every module of this process. Training starts none."""
    every = (hooks for name, hooks in vars(torch_module).items() if name.startswith("_global_") and "hooks" in name)
    return any(isinstance(hooks, dict) and hooks for hooks in every)


def _own(module: nn.Module) -> list[object]:
    """The forward method of this one module, if it has its own, and its hooks."""
    hooks = [value for name, value in vars(module).items() if "hooks" in name and isinstance(value, dict)]
    return [vars(module).get("forward"), *(tuple(value.values()) for value in hooks)]
