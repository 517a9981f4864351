"""`Course`: how far a run has come in the stream of its task, and which masks it has declared on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from benchmark.data.splits import Data
from benchmark.errors import Inapplicable
from benchmark.pruning.masks import Masks
from benchmark.training.state import network_digest
from benchmark.training.stream import Stream


@dataclass(frozen=True)
class Declared:
    """Masks that a run has declared.

    Args:
        at: the part that the run was in, counted from 0.
        of: the part that the masks are for.
        digest: the digest of the masks when they were declared.
    """

    at: int
    of: int
    masks: Masks
    digest: str

    @classmethod
    def now(cls, at: int, of: int, masks: Masks) -> Declared:
        """Masks that are declared now."""
        return cls(at, of, masks, network_digest(masks))


@dataclass
class Course:
    """The progress of a run through its stream.

    Args:
        train, validation: the parts of these splits.

    Attributes:
        number: the number of the part that the run is in, from 0; -1 before the first one.
        done: whether the last part has been completed.
        snapshots: the network after each part except the last; the network after that one is what the run leaves.
        uses: the masks that the network is used with on each part. A later entry for a part replaces earlier ones.
        frozen: the weights that never change; every entry has all of them up to then.
    """

    stream: Stream
    train: Sequence[Data]
    validation: Sequence[Data]
    number: int = -1
    done: bool = False
    snapshots: list[Mapping[str, Tensor]] = field(default_factory=list)
    uses: list[Declared] = field(default_factory=list)
    frozen: list[Declared] = field(default_factory=list)

    @classmethod
    def of(cls, stream: Stream, train: Data, validation: Data | None) -> Course:
        """The course through these splits."""
        return cls(stream, stream.divide(train), stream.divide(validation) if validation is not None else [])

    @property
    def count(self) -> int:
        """The number of parts."""
        return len(self.train)

    def masks_of(self, part: int) -> Masks | None:
        """The masks that the network is used with on a part, as of now; None for all weights as they are."""
        return next((declared.masks for declared in reversed(self.uses) if declared.of == part), None)

    def use(self, part: int, masks: Masks) -> None:
        """From here on, use the network with these masks on a part."""
        self.uses.append(Declared.now(self.number, part, masks))

    def freeze(self, masks: Masks) -> None:
        """From here on, these weights never change."""
        now, before = max(self.number, 0), self.frozen[-1].masks if self.frozen else masks
        self.frozen.append(Declared.now(now, now, before | masks))

    def require_whole(self) -> None:
        """Raise ValueError if the run has begun the stream but has not gone through all of it."""
        if self.number >= 0 and not self.done:
            raise ValueError(f"the method has left its stream in part {self.number + 1} of {self.count}")


def require_course(course: Course | None) -> Course:
    """The course of a run. Raises Inapplicable if its task is not a stream."""
    if course is None:
        raise Inapplicable("this task is not a stream: its training data come all at once")
    return course
