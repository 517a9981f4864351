"""Names of starts, which replace the random initialisation of networks, and how such networks are fine-tuned."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from benchmark.errors import UsageError
from benchmark.results.numbers import Share

FILES = "files"
"""The start of networks that come trained with their task."""

OF_TIMM = "timm:"
"""The prefix of starts that are timm checkpoints."""

NAMES = rf"^(|{FILES}|[0-9a-f]{{64}}|({OF_TIMM})?[\w.+-]{{1,100}}@sha256:[0-9a-f]{{64}})$"
"""Pattern of starts: none, files of the task, the key of a record, or the name and the digest of a file."""

Start = Annotated[str, Field(pattern=NAMES)]

USUAL_RATE = 0.1
"""The learning rate of fine-tuning, as a multiple of the recipe's, unless another is asked for."""


class Finetuning(BaseModel):
    """How an already trained network is trained further.

    Args:
        share: its length, as a share of the recipe's.
        rate: its learning rate, as a multiple of the recipe's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    share: Share
    rate: float = Field(default=USUAL_RATE, gt=0, le=1000)

    def __str__(self) -> str:
        if not self.share:
            return "not fine-tuned"
        return f"fine-tuned {self.share:g}" + ("" if self.rate == USUAL_RATE else f" at {self.rate:g} of the rate")

    @property
    def typed(self) -> str:
        """As on the command line: `0.1`, or `0.1:0.5`."""
        return f"{self.share!r}" + ("" if self.rate == USUAL_RATE else f":{self.rate!r}")


def finetuning(text: str) -> Finetuning:
    """Parse `SHARE` or `SHARE:RATE`. Raises UsageError if it is neither."""
    share, colon, rate = text.partition(":")
    try:
        asked = Finetuning(share=float(share), rate=float(rate) if colon else USUAL_RATE)
    except ValueError:
        raise UsageError(
            f"--finetune {text} is no share of the recipe; write 0.1, 0 for none, or 0.1:0.5 for half the rate"
        ) from None
    if colon and not asked.share:
        raise UsageError(f"--finetune {text} has no update, and so no rate; write 0")
    return asked


def is_key(start: str) -> bool:
    """Whether a start is the network of a record."""
    return len(start) == 64 and "@" not in start


def short(start: str) -> str:
    """A short form of a start, for titles: `1a2b3c4d`, `files`, or `resnet.safetensors@1a2b3c4d`."""
    name, at, digest = start.partition("@sha256:")
    return f"{name}@{digest[:8]}" if at else start[:8]
