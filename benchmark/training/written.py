"""Notes which restored tensors do not come from training: those of a state that was not a snapshot of the run."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from torch import Tensor

from benchmark.training.state import digest_of

State = Mapping[str, Tensor]


class WrittenTensors:
    """Remembers the digest of every snapshot, and compares with them what is restored.

    Args:
        initial: the tensors that the network begins with.
        prunable: the tensors that may be pruned.

    Attributes:
        names: the tensors that an algorithm has set to values of its own, in the order of the first time.
    """

    def __init__(self, initial: State, prunable: Collection[str]) -> None:
        self._prunable = prunable
        self._snapshots: set[str] = set()
        self._tensors: set[tuple[str, str]] = set()
        self._zeroed: dict[str, Tensor] = {}
        self.names: list[str] = []
        self.know(initial)

    def know(self, state: State) -> None:
        """Remember a snapshot."""
        digests = _digests(state)
        self._tensors |= set(digests.items())
        self._snapshots.add(_whole(digests))

    def note(self, state: State, current: State) -> None:
        """Note the tensors of a state to be restored in place of the `current` one, unless it is a snapshot.

        A state that is put together from tensors of several snapshots is not one.
        """
        digests = _digests({name: state[name] for name in current})
        self._zeroed = {}
        if _whole(digests) in self._snapshots:
            return
        changed = [name for name, digest in digests.items() if digest != digest_of(name, [current[name]])]
        unknown = [name for name in changed if (name, digests[name]) not in self._tensors]
        self.names += [name for name in unknown or changed if name not in self.names]
        spared = [name for name in changed if name not in self._prunable and state[name].is_floating_point()]
        self._zeroed = {name: (state[name] == 0) & (current[name] != 0) for name in spared}

    def breaches(self, final: State) -> list[str]:
        """Entries of tensors that may not be pruned, that were set to zero by the last `note`, and still are zero.

        The network's first tensors do not show this: a bias that starts at zero may never have been trained.
        """
        counts = {name: int((zeroed & (final[name] == 0)).sum()) for name, zeroed in self._zeroed.items()}
        what = "entries that were set to zero"
        return [f"'{name}' may not be pruned and has {count:,} {what}" for name, count in counts.items() if count]

    @property
    def notes(self) -> list[str]:
        """What readers of the record have to know, in a sentence; empty if nothing was written."""
        first = ", ".join(self.names[:5]) + (f" and {len(self.names) - 5} more" if len(self.names) > 5 else "")
        return [f"tensors were set to values that the method made, not training: {first}"] if self.names else []


def _digests(state: State) -> dict[str, str]:
    return {name: digest_of(name, [value]) for name, value in state.items()}


def _whole(digests: Mapping[str, str]) -> str:
    return hashlib.sha256("".join(digests[name] for name in sorted(digests)).encode()).hexdigest()
