"""What a run leaves when its algorithm has ended: tensors, counts and notes. The referee works with these alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import safetensors.torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from benchmark.graphs.edit_log import Rewiring
from benchmark.results.numbers import Count, Json, Share, Size
from benchmark.results.record import Status

Text = Annotated[str, Field(max_length=10_000_000)]

GROUPS = ("state", "masks", "graphs", "stream")
"""The groups of tensors of a handover."""

Graphs = dict[str, Tensor]
"""Tensors of graphs, by `number/field`."""


class Named(BaseModel):
    """Masks that a run has declared on its way through a stream, which it hands over.

    Args:
        at: the part that it was in, counted from 0.
        of: the part that they are used on, or that has frozen them.
        digest: the digest of the masks when they were declared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Count
    of: Count
    digest: Text


class Notes(BaseModel):
    """What a run says about itself, apart from its tensors.

    Args:
        status: None if the algorithm returned normally.
        error: why it did not.
        breaches: the breaches that were found while it ran.
        log: what its meter counted (`benchmark.training.meter.Tally`).
        seconds: its seconds, by the clock of its own process.
        peak_bytes: the peak memory of its own process.
        steps: how steps were computed (`RunState.mode`).
        remarks: what readers of the record should know (`RunState.notes`).
        noted: what the method noted about itself (`Run.note`).
        edits: the number of edits of the graphs.
        data: the digest of the training data after the run; empty if they were edited.
        ever: the share of weights that were ever trained, if pruned ones were regrown (`TrainedWeights`).
        parts: how many parts of a stream it has gone through; 0 if it has taken all data at once.
        uses, frozen: the masks that it has declared there (`Course`), in their order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    status: Status | None = None
    error: Text = ""
    breaches: list[Text] = []
    log: list[tuple[Count, str, list[Any]]] = []
    seconds: Size = 0
    peak_bytes: Count = 0
    steps: Text = "plain"
    remarks: list[Text] = []
    noted: Json = {}
    edits: Count = 0
    data: Text = ""
    ever: Share | None = None
    rewiring_logs: dict[int, list[tuple[int, int, int]]] = {}
    rewiring_asked: Count | None = None
    rewiring_seconds: Size = 0
    parts: Annotated[int, Field(ge=0, le=1000)] = 0
    uses: list[Named] = []
    frozen: list[Named] = []

    @property
    def rewiring(self) -> Rewiring:
        """What the edits reported about themselves."""
        return Rewiring(dict(self.rewiring_logs), self.rewiring_asked, self.rewiring_seconds)


@dataclass(frozen=True)
class Handover:
    """The notes of a run, and its tensors.

    Args:
        state: every parameter and buffer of the network, by name.
        masks: the masks that were applied last, bool.
        graphs: the edges of the training graphs after the run; empty if they were not edited.
        stream: what it hands over of a stream (`benchmark.harness.stream_results`).
    """

    notes: Notes
    state: dict[str, Tensor] = field(default_factory=dict)
    masks: dict[str, Tensor] = field(default_factory=dict)
    graphs: Graphs = field(default_factory=dict)
    stream: dict[str, Tensor] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The length of the notes in 8 bytes, the notes as JSON, and the tensors as safetensors."""
        notes = self.notes.model_dump_json().encode()
        return (
            len(notes).to_bytes(8, "little") + notes + pack(joined({group: getattr(self, group) for group in GROUPS}))
        )


def unpacked(content: bytes) -> Handover:
    """The handover in the bytes of `Handover.to_bytes`. Nothing in them is executed.

    Raises:
        ValueError: they are not a handover.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    try:
        notes = Notes.model_validate_json(content[8:end])
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"the notes of the run are not valid: {first['loc']}: {first['msg']}") from None
    return Handover(notes, **grouped(unpack(content[end:]), GROUPS))


def joined(groups: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """Groups of tensors as one, by `group:name`."""
    return {f"{group}:{name}": value for group, values in groups.items() for name, value in values.items()}


def grouped(tensors: dict[str, Tensor], groups: Sequence[str]) -> dict[str, dict[str, Tensor]]:
    """The tensors of `joined`, by group. Those of other groups are left out."""
    return {
        group: {name.removeprefix(f"{group}:"): v for name, v in tensors.items() if name.startswith(f"{group}:")}
        for group in groups
    }


def pack(tensors: dict[str, Tensor]) -> bytes:
    """Tensors in the format of safetensors. Each is copied, so that none shares memory with another."""
    return safetensors.torch.save({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()})


def unpack(content: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of `pack`. Raises ValueError if the bytes are not in this format."""
    try:
        return safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise ValueError(f"the tensors of the run cannot be read: {error}") from None
