"""Notes which restored tensors were not made by training: those that no snapshot of the run has held."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from benchmark.training.state import digest_of

State = Mapping[str, Tensor]


class WrittenTensors:
    """Remembers the digest of every tensor of every snapshot, and compares with them what is restored.

    Args:
        initial: the tensors that the network begins with.

    Attributes:
        names: the tensors that an algorithm has made itself and restored, in the order of the first time.
        breaches: entries of tensors that may not be pruned, and were set to zero in this way. A bias that starts at
            zero does not show this in the end: a bias that was never trained has zeros, too.
    """

    def __init__(self, initial: State) -> None:
        self._known: set[tuple[str, str]] = set()
        self.names: list[str] = []
        self.breaches: list[str] = []
        self.know(initial)

    @property
    def notes(self) -> list[str]:
        """What readers of the record have to know, in a sentence; empty if nothing was written."""
        first = ", ".join(self.names[:5]) + (f" and {len(self.names) - 5} more" if len(self.names) > 5 else "")
        return [f"tensors were set to values that the method made, not training: {first}"] if self.names else []

    def know(self, state: State) -> None:
        """Remember the tensors of a snapshot."""
        self._known |= {(name, digest_of(name, [value])) for name, value in state.items()}

    def note(self, state: State, current: State, spared: Collection[str]) -> None:
        """Note the tensors of a state to be restored that no snapshot has held.

        Args:
            current: the tensors of the network before that.
            spared: tensors that may be pruned.
        """
        for name in [name for name in current if (name, digest_of(name, [state[name]])) not in self._known]:
            if name not in self.names:
                self.names.append(name)
            zeroed = int(((state[name] == 0) & (current[name] != 0)).sum())
            if zeroed and name not in spared and state[name].is_floating_point():
                self.breaches.append(f"'{name}' may not be pruned and has {zeroed:,} entries that were set to zero")
