"""Defines a record: the result of one cell, with its cost, audit and provenance."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from benchmark.records.cell import Cell, _Value

Status = Literal["ok", "failed", "diverged", "skipped", "timeout"]


Number = Annotated[float, Field(ge=-1e15, le=1e15)]
"""A result. Whatever is larger is a mistake, and sums of it would overflow."""

Size = Annotated[float, Field(ge=0, le=1e30)]
"""A share, seconds, or operations."""

Count = Annotated[int, Field(ge=0, le=10**15)]


class Ranking(_Value):
    """The metric that ranks methods, and whether higher (`max`) or lower (`min`) is better."""

    metric: str
    direction: Literal["max", "min"]


class Density(_Value):
    """Shares of the network that are kept.

    Args:
        weights: kept weights over prunable weights.
        parameters: kept parameters over all parameters.
        effective: kept weights on a path from input to output, over prunable weights; None if it is not known.
        edges: kept edges over all edges; None if the data are not graphs.
    """

    weights: Size
    parameters: Size
    effective: Size | None = None
    edges: Size | None = None


class LayerCount(_Value):
    """Weights of one prunable tensor.

    Args:
        total: number of weights.
        kept: weights that were not pruned.
        effective: kept weights on a live path, one from input to output; None if it is not known.
        dead: outputs (channels or units) on no live path.
        note: why the pattern left the tensor dense.
    """

    total: Count
    kept: Count
    effective: Count | None = None
    dead: Count | None = None
    note: str = ""


class Prunable(_Value):
    """What could be pruned of the network.

    Args:
        names: the tensors that could be.
        left_out: the other matrices, each with the reason.
        share: prunable weights as a share of all parameters.
        matrices: prunable weights as a share of the weights of all matrices.
    """

    names: list[str]
    left_out: dict[str, str] = {}
    share: Size
    matrices: Size


class Edits(_Value):
    """How the training graphs were edited, computed by comparing them. Pairs hold values before and after.

    Args:
        graphs: number of graphs.
        before: undirected edges of all graphs before editing.
        asked: edits requested over all graphs; fewer are made if connectivity does not allow more.
        deleted, added: undirected edges over all graphs.
        looked_at: number of graphs that `gap`, `components` and `bridges` were computed on.
        gap: mean spectral gap, by weight of the self-loops; of a graph, the smallest over its components.
        inter_class: share of edits between nodes of different classes; None unless one graph has classes of nodes.
        seconds: time spent editing.
        log: the first ten thousand edits in order, as (i, j, -1 or +1); empty with several graphs.
    """

    graphs: Count
    before: Count
    asked: Count | None = None
    deleted: Count
    added: Count
    looked_at: Count
    gap: dict[str, tuple[Number, Number]]
    components: tuple[Count, Count]
    bridges: tuple[Count, Count]
    inter_class: Size | None = None
    seconds: Size
    log: list[tuple[int, int, int]] = []


class Cost(_Value):
    """The cost of a run; `trainings` is in units of one full training of the recipe."""

    trainings: Size = 0
    training_steps: Count = 0
    scoring_passes: Count = 0
    training_flops: Size = 0
    scoring_flops: Size = 0
    seconds: Size = 0
    peak_bytes: Count = 0


class Audit(_Value):
    """The result of the checks made after the algorithm returned."""

    passed: bool
    breaches: list[str] = []


class Verification(_Value):
    """States that a record's cell was trained again, and how close the second result came.

    Args:
        when: time in ISO 8601, UTC.
        how: "bit-equal", or for instance "within 2.1 sd of n=5".
        where: versions, device and commit of the second training.
    """

    when: str
    how: str
    where: dict[str, JsonValue] = {}


class Record(_Value):
    """The result of one run: its metrics, masks, cost, audit and provenance.

    Args:
        metrics, validation: on the test split and on the validation split, by name.
        provenance: versions, machine and settings of the run; `where` in JSON.
        error: why there is no result, if the run was not successful.
        prunable: what could be pruned of the network; older records do not say.
        notes: what readers have to know about the run, a sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True)

    schema_: Literal[1] = Field(1, alias="schema")
    key: str
    cell: Cell
    status: Status
    ranking: Ranking
    metrics: dict[str, Number] = {}
    validation: dict[str, Number] = {}
    diagnosis: dict[str, JsonValue] = {}
    density: Density | None = None
    layers: dict[str, LayerCount] = {}
    edits: Edits | None = None
    cost: Cost = Cost()
    audit: Audit | None = None
    provenance: dict[str, JsonValue] = Field({}, alias="where")
    mask_digest: str | None = None
    error: str | None = None
    notes: list[str] = []
    prunable: Prunable | None = None
    verified: Verification | None = None

    @model_serializer(mode="wrap")
    def _without_empty_fields(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit fields that older records do not have if they are empty, so that those keep their bytes."""
        values: dict[str, Any] = dump(self)
        return {name: value for name, value in values.items() if value or name not in ("notes", "prunable")}

    @model_validator(mode="after")
    def _key_is_the_cells(self) -> Record:
        if self.key != self.cell.key:
            raise ValueError("the key is not that of the cell")
        return self

    @property
    def score(self) -> float | None:
        """The ranking metric on the test split; None if the run was not successful."""
        return self.metrics.get(self.ranking.metric) if self.status == "ok" else None

    @property
    def validated(self) -> float | None:
        """The ranking metric on the validation split; None if the run has no value."""
        return self.validation.get(self.ranking.metric)

    @property
    def group(self) -> str:
        """The cell's group: records of the same group are averaged."""
        return self.cell.group

    @property
    def spent(self) -> tuple[float, ...]:
        """The values of `cost`, in the order of its fields."""
        return tuple(getattr(self.cost, name) for name in Cost.model_fields)

    @property
    def own_seconds(self) -> float:
        """Seconds the cell took, without its share of the trainings that it reused from other cells."""
        shared, steps = self.provenance.get("shared_steps"), self.cost.training_steps
        reused = min(max(0, shared), steps) / max(1, steps) if isinstance(shared, int) else 0.0
        return self.cost.seconds * (1 - reused)

    @property
    def made_again(self) -> bool:
        """Whether `bench verify` has reproduced the record."""
        return self.verified is not None

    @property
    def edited(self) -> bool:
        """Whether the run edited the graphs it trained on."""
        return self.edits is not None

    @property
    def noted(self) -> bool:
        """Whether there is something that readers have to know about the run."""
        return bool(self.notes)

    def to_bytes(self) -> bytes:
        """Return the record as a line of JSON: the content of its file, and its line in a table."""
        return f"{self.model_dump_json(by_alias=True)}\n".encode()


LONGEST_ERROR = 10_000
"""Characters of an error that a record keeps."""


def failure(cell: Cell, ranking: Ranking, status: Status, error: str, **known: Any) -> Record:
    """Return the record of a run without a result.

    Args:
        error: why there is no result.
        known: further fields of the record.
    """
    return Record(key=cell.key, cell=cell, ranking=ranking, status=status, error=readable(error), **known)


def readable(text: str) -> str:
    """Text that any file and terminal can take: without lone surrogates, and at most LONGEST_ERROR characters of it."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    cut = len(whole) - LONGEST_ERROR
    return whole if cut <= 0 else f"{whole[:LONGEST_ERROR]} ... ({cut:,} more characters)"
