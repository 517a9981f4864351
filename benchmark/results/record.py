"""Defines a record: the result of one cell, with its cost, audit and provenance."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from benchmark.results.cell import Cell, _Value
from benchmark.results.digest import with_digest
from benchmark.results.numbers import Count, Json, Number, Share, Size, Whole, out_of_range
from benchmark.results.spelling import LONGEST_NAME

Status = Literal["ok", "failed", "diverged", "skipped", "timeout"]

WELL: tuple[Status, ...] = ("ok", "skipped")
"""The statuses of a cell that needs no second look; every other status is a failure."""


class Ranking(_Value):
    """The metric that ranks methods, and whether higher (`max`) or lower (`min`) is better."""

    metric: str = Field(max_length=LONGEST_NAME)
    direction: Literal["max", "min"]


class Density(_Value):
    """Shares of the network that are kept.

    Args:
        weights: kept weights over prunable weights.
        parameters: kept parameters over all parameters.
        effective: kept weights on a path from input to output, over prunable weights; None if it is not known.
        edges: kept edges over all edges; None if the data are not graphs.
        ever: weights that were kept in any update, over prunable weights, as the run reports it; None if no pruned
            weight was regrown.
    """

    weights: Share
    parameters: Share
    effective: Share | None = None
    edges: Size | None = None
    ever: Share | None = None

    @model_serializer(mode="wrap")
    def _without_ever(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit `ever` if it is None: older records do not have it, and keep their bytes."""
        values: dict[str, Any] = dump(self)
        return {name: value for name, value in values.items() if value is not None or name != "ever"}


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


class EdgeWeights(_Value):
    """The weights that edits gave the edges of the training graphs.

    Args:
        least, mean, greatest: statistics over all edges.
        digest: SHA-256 of all weights, float32, graph by graph in the order of `edge_index`.
    """

    least: Size
    mean: Size
    greatest: Size
    digest: str = Field(pattern="^[0-9a-f]{64}$")


class Edits(_Value):
    """How the training graphs were edited, computed by comparing them. Pairs hold values before and after.

    Args:
        graphs: number of graphs.
        before: undirected edges of all graphs before editing.
        asked: edits requested over all graphs; fewer are made if connectivity does not allow more.
        deleted, added: undirected edges over all graphs.
        looked_at: number of graphs that `gap`, `components` and `bridges` were computed on.
        gap: mean spectral gap, by weight of the self-loops; for a graph, the smallest over its components. Edges count
            as 1, even if they have weights.
        inter_class: share of edits between nodes of different classes; None unless one graph has classes of nodes.
        seconds: time spent editing.
        log: the first ten thousand edits in order, as (i, j, -1 or +1); empty with several graphs.
        weights: None if edges have none.
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
    inter_class: Share | None = None
    seconds: Size
    log: list[tuple[Whole, Whole, Whole]] = []
    weights: EdgeWeights | None = None

    @model_serializer(mode="wrap")
    def _without_weights(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit `weights` if it is None: older records do not have it, and keep their bytes."""
        values: dict[str, Any] = dump(self)
        return {name: value for name, value in values.items() if value is not None or name != "weights"}


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
    where: Json = {}


class Record(_Value):
    """The result of one run: its metrics, masks, cost, audit and provenance.

    Args:
        metrics, validation: metrics on the test split and on the validation split, by name.
        provenance: versions, machine and settings of the run; `where` in JSON.
        error: why there is no result, if the run was not successful.
        prunable: what could be pruned of the network; older records do not say.
        notes: what readers should know about the run, one sentence each.
        noted: what the method noted about itself, by name; it is not used for ranking.
        network_digest: the digest of the network's tensors (`benchmark.training.state.network_digest`); older records
            do not have it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True)

    schema_: Literal[1] = Field(1, alias="schema")
    key: str
    cell: Cell
    status: Status
    ranking: Ranking
    metrics: dict[str, Number] = {}
    validation: dict[str, Number] = {}
    diagnosis: Json = {}
    density: Density | None = None
    layers: dict[str, LayerCount] = {}
    edits: Edits | None = None
    cost: Cost = Cost()
    audit: Audit | None = None
    provenance: Json = Field({}, alias="where")
    mask_digest: str | None = None
    error: str | None = None
    notes: list[str] = []
    prunable: Prunable | None = None
    noted: Json = {}
    network_digest: str | None = None
    verified: Verification | None = None

    @model_serializer(mode="wrap")
    def _without_empty_fields(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit fields that older records do not have if they are empty, so that those keep their bytes."""
        values: dict[str, Any] = dump(self)
        later = ("notes", "prunable", "noted", "network_digest")
        return {name: value for name, value in values.items() if value or name not in later}

    @model_validator(mode="after")
    def _key_is_the_cells(self) -> Record:
        if self.key != self.cell.key:
            raise ValueError("the key is not that of the cell")
        return self

    @model_validator(mode="after")
    def _metrics_are_those_of_a_run(self) -> Record:
        if self.status == "ok" and self.ranking.metric not in self.metrics:
            raise ValueError(f"it has no {self.ranking.metric}, the metric that ranks")
        if self.status != "ok" and self.metrics:
            raise ValueError("it has metrics, and did not end well")
        for name, values in (("metrics", self.metrics), ("validation", self.validation)):
            for problem in out_of_range(values):
                raise ValueError(f"{name}.{problem}")
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
    def in_parts(self) -> bool:
        """Whether the run took its training data part by part, as in a stream."""
        return "capacity" in self.metrics

    @property
    def remarked(self) -> bool:
        """Whether there is something that readers should know about the run."""
        return bool(self.notes)

    @property
    def unrefereed(self) -> bool:
        """Whether its algorithm ran in the process that judged it (`bench run --jobs 0`)."""
        return self.provenance.get("refereed") is False

    @property
    def data(self) -> str:
        """A digest of the data it was made with, of all splits; empty if the record does not have them."""
        told = self.provenance.get("data")
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16] if told else ""

    @property
    def code(self) -> tuple[str, str]:
        """The digests of the source of its algorithm and of its task; empty if the record does not have them.

        For a record that `bench verify` has reproduced bit for bit, those of the source that reproduced it.
        """
        same = self.verified is not None and self.verified.how == "bit-equal"
        again = self.verified.where.get("code") if same and self.verified else None
        told = again or self.provenance.get("code")
        kinds = told if isinstance(told, dict) else {}
        algorithm, task = (str(kinds.get(kind, "")) for kind in ("algorithm", "task"))
        return algorithm, task

    def origins(self, kind: Literal["algorithm", "task"]) -> list[str]:
        """Where one of its plug-ins, or those of a chain, come from: distributions with versions, or users' files."""
        told = self.provenance.get("plugins")
        return str(told.get(kind, "")).split(", ") if isinstance(told, dict) else []

    def to_json(self) -> bytes:
        """Return the record as JSON in one line, without its digest."""
        return self.model_dump_json(by_alias=True).encode()

    def to_bytes(self) -> bytes:
        """Return the record as a line of JSON with its digest: the content of its file, and its line in a table."""
        return with_digest(self.to_json()) + b"\n"


LONGEST_ERROR = 10_000
"""Characters of an error that a record keeps."""


def failure(cell: Cell, ranking: Ranking, status: Status, error: str, **known: Any) -> Record:
    """Return the record of a run without a result.

    Args:
        error: why there is no result.
        known: further fields of the record.
    """
    return Record(key=cell.key, cell=cell, ranking=ranking, status=status, error=readable(error), **known)


def encodable(text: str) -> str:
    """Text with question marks in place of lone surrogates, which cannot be written to a file."""
    return text.encode("utf-8", "replace").decode("utf-8")


def readable(text: str) -> str:
    """Text that any file and terminal can take: without lone surrogates, and at most LONGEST_ERROR characters of it."""
    whole = encodable(text)
    cut = len(whole) - LONGEST_ERROR
    return whole if cut <= 0 else f"{whole[:LONGEST_ERROR]} ... ({cut:,} more characters)"
