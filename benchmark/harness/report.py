"""Fills the record of a network that has passed its audit: metrics, densities, layers and provenance."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.data.splits import Data, Splits
from benchmark.harness.effective_density import live_paths_or_reason
from benchmark.harness.handover import Notes
from benchmark.harness.prepare import Beginning
from benchmark.harness.question import Question
from benchmark.harness.starts import Fit, StartFile
from benchmark.harness.stream_results import Passed, stream_metrics
from benchmark.machine import software_facts, zoo_facts
from benchmark.pruning.masks import Masks
from benchmark.results.cell import command
from benchmark.results.mask_files import Bits, digest
from benchmark.results.record import Density, LayerCount, Prunable, Record
from benchmark.training.evaluation import evaluate, examine
from benchmark.training.meter import live_share
from benchmark.training.prunable import prunable_of
from benchmark.training.state import network_digest, tensors
from benchmark.training.task import Task


def provenance_of(beginning: Beginning, digests: dict[str, str]) -> dict[str, Any]:
    """The provenance of a record apart from its run: software, command, recipe, start and digests of the data."""
    question, cell = beginning.question, beginning.question.cell
    known = question.where or {"command": command(cell, question.algorithm.filled(cell.options))}
    facts = software_facts() | zoo_facts(cell.model) | known
    if question.start and beginning.fit:
        facts |= {"start": {"source": cell.start, **_start_facts(question.start, beginning.fit)}}
    facts |= {"processes": question.processes} if question.processes > 1 else {}
    return facts | {"recipe": beginning.recipe.describe(), "data": digests}


def _start_facts(start: StartFile, fit: Fit) -> dict[str, Any]:
    """What a record says about its start: which bytes, what was taken from them, and their cost if that is known."""
    facts = {"sha256": start.digest, "taken": list(fit.values), "drawn": list(fit.drawn)}
    known = {"cost": dict(start.cost), "remark": start.remark}
    return facts | {name: value for name, value in known.items() if value}


def measured(
    beginning: Beginning,
    masks: Masks,
    splits: Splits,
    train: Data,
    edited: dict[str, Data],
    notes: Notes,
    fields: dict[str, Any],
    passed: Passed | None = None,
) -> Record:
    """Measure a network that has passed its audit, and return its record.

    Args:
        beginning: what the cell began with; its network now has the tensors that the run has left.
        train: the training data after the run.
        edited: the validation and the test split with the edits that the run made.
        notes: what the run says about itself.
        fields: the fields of the record that are known already.
        passed: the stream that it has gone through; None if its task is not a stream.
    """
    question, model = beginning.question, beginning.model
    cell, task, device = question.cell, question.task, question.device
    found = live_paths_or_reason(model, task, masks, train.batch(torch.zeros(2, dtype=torch.int64)))
    layers = _layers(beginning, masks, found)
    live = [layer.effective for layer in layers.values() if layer.effective is not None]
    return Record(
        key=cell.key,
        cell=cell,
        ranking=question.ranking,
        status="ok",
        **_performance(task, model, edited, device, passed),
        density=Density(
            weights=masks.density,
            parameters=live_share(masks, dict(model.named_parameters())),
            effective=sum(live) / max(1, masks.total) if live else None,
            edges=train.edges / splits.train.edges if train.edges is not None and splits.train.edges else None,
            ever=notes.ever,
        ),
        layers=layers,
        mask_digest=digest(arrays(masks)),
        network_digest=network_digest(tensors(model)),
        notes=[
            *beginning.remarks,
            *_together(question),
            *notes.remarks,
            *([found] if isinstance(found, str) else []),
        ],
        noted=notes.noted,
        prunable=Prunable.model_validate(asdict(prunable_of(task.prunable, model))),
        **fields,
    )


def _performance(
    task: Task, model: nn.Module, splits: dict[str, Data], device: torch.device, passed: Passed | None
) -> dict[str, Any]:
    """The fields of a record that come from the test and the validation split."""
    if passed:
        return stream_metrics(passed, task, model, splits["test"], splits["validation"])
    metrics, diagnosis = examine(task, model, splits["test"], device)
    validation = evaluate(task, model, splits["validation"], device)
    return {"metrics": metrics, "validation": validation, "diagnosis": diagnosis}


def _together(question: Question) -> list[str]:
    """What readers of a record should know if several processes have trained its network."""
    count = question.processes
    return [f"{count} processes have trained it together: other last bits than one's"] if count > 1 else []


def arrays(masks: Masks) -> Bits:
    """Masks as numpy arrays, for `benchmark.results.mask_files`."""
    return {name: mask.cpu().numpy() for name, mask in masks.items()}


def _layers(beginning: Beginning, masks: Masks, live: Masks | str) -> dict[str, LayerCount]:
    """The counts of each prunable tensor.

    Args:
        live: the weights on a path from input to output, or why they cannot be found.
    """
    notes = beginning.target.pattern.exempt({name: mask.shape for name, mask in masks.items()})
    return {
        name: LayerCount(
            total=mask.numel(),
            kept=int(mask.sum()),
            effective=None if isinstance(live, str) else int(live[name].sum()),
            dead=None if isinstance(live, str) else _dead(live[name]),
            note=notes.get(name, ""),
        )
        for name, mask in masks.items()
    }


def _dead(live: Tensor) -> int:
    """The number of outputs on no live path."""
    return int((~live.reshape(len(live), -1).any(dim=1)).sum())
