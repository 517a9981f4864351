"""Cell, the question; Record, the answer. Neither needs torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from benchmark.records.cell import Cell, _Value

Status = Literal["ok", "failed", "diverged", "skipped", "timeout"]


class Ranking(_Value):
    """The metric that ranks, and which way is up."""

    metric: str
    direction: Literal["max", "min"]


class Density(_Value):
    """Kept over prunable weights; over all parameters; of weights on a live path; and of edges, where there are any."""

    weights: float
    parameters: float
    effective: float
    edges: float | None = None


class LayerCount(_Value):
    """Of one prunable tensor.

    Args:
        dead: outputs (channels, units) that no live path runs through.
        note: why a pattern left the tensor dense.
    """

    total: int
    kept: int
    effective: int
    dead: int | None = None
    note: str = ""


class Edits(_Value):
    """How the training graphs were edited, found by comparing them. Pairs are before and after.

    Args:
        before: undirected edges of all graphs.
        asked: edits that were asked for in all graphs; fewer are made where connectivity allows no more.
        looked_at: graphs that `gap` is a mean of, and `components` and `bridges` are of.
        gap: exact, the smallest over a graph's components, by weight of the loops.
        inter_class: the share of edits between classes, where one graph has classes of nodes.
        seconds: spent in editing.
        log: edits in order, (i, j, -1 or +1), where there is one graph; the first ten thousand.
    """

    graphs: int
    before: int
    asked: int | None = None
    deleted: int
    added: int
    looked_at: int
    gap: dict[str, tuple[float, float]]
    components: tuple[int, int]
    bridges: tuple[int, int]
    inter_class: float | None = None
    seconds: float
    log: list[tuple[int, int, int]] = []


class Cost(_Value):
    """What the answer cost; `trainings` is in units of one full training of the recipe."""

    trainings: float = 0
    training_steps: int = 0
    scoring_passes: int = 0
    training_flops: float = 0
    scoring_flops: float = 0
    seconds: float = 0
    peak_bytes: int = 0


class Audit(_Value):
    """What was found wrong after the algorithm had returned."""

    passed: bool
    breaches: list[str] = []


class Verification(_Value):
    """That a record's cell was trained again, and how near the second answer came.

    Args:
        when: ISO 8601, UTC.
        how: "bit-equal", or "within 2.1 sd of n=5".
        where: versions, device and commit of the second training.
    """

    when: str
    how: str
    where: dict[str, JsonValue] = {}


class Record(_Value):
    """One answer: what came out, what it cost, whether it can be trusted, and where it was found."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True)

    schema_: Literal[1] = Field(1, alias="schema")
    key: str
    cell: Cell
    status: Status
    ranking: Ranking
    metrics: dict[str, float] = {}
    validation: dict[str, float] = {}
    diagnosis: dict[str, JsonValue] = {}
    density: Density | None = None
    layers: dict[str, LayerCount] = {}
    edits: Edits | None = None
    cost: Cost = Cost()
    audit: Audit | None = None
    provenance: dict[str, JsonValue] = Field({}, alias="where")
    mask_digest: str | None = None
    error: str | None = None
    verified: Verification | None = None

    @model_validator(mode="after")
    def _key_is_the_cells(self) -> Record:
        if self.key != self.cell.key:
            raise ValueError("the key is not that of the cell")
        return self

    @property
    def score(self) -> float | None:
        """The test metric that ranks; None where the run did not end well."""
        return self.metrics.get(self.ranking.metric) if self.status == "ok" else None

    @property
    def validated(self) -> float | None:
        """The same metric on the validation split; None where the run has none."""
        return self.validation.get(self.ranking.metric)

    @property
    def group(self) -> str:
        """`Cell.group`: records that share it are averaged."""
        return self.cell.group

    @property
    def spent(self) -> tuple[float, ...]:
        """The values of `cost`, in the order of its fields."""
        return tuple(getattr(self.cost, name) for name in Cost.model_fields)

    @property
    def own_seconds(self) -> float:
        """What the cell took beside the trainings that it shared with others."""
        shared, steps = self.provenance.get("shared_steps"), self.cost.training_steps
        taken = min(max(0, shared), steps) / max(1, steps) if isinstance(shared, int) else 0.0
        return self.cost.seconds * (1 - taken)

    @property
    def made_again(self) -> bool:
        """Whether `bench verify` has trained it again."""
        return self.verified is not None

    @property
    def edited(self) -> bool:
        """Whether the run edited the graphs that it trained on."""
        return self.edits is not None

    def to_bytes(self) -> bytes:
        """The content of its file, and its line in a table."""
        return f"{self.model_dump_json(by_alias=True)}\n".encode()


def failure(cell: Cell, ranking: Ranking, status: Status, error: str, **known: Any) -> Record:
    """The record of a run that has no result, and why."""
    return Record(key=cell.key, cell=cell, ranking=ranking, status=status, error=error, **known)
