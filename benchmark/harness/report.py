"""Fills the record of a network that has passed its audit: metrics, densities, layers and provenance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.data.splits import Data, Splits
from benchmark.harness.effective_density import live_paths_or_reason
from benchmark.harness.network import build, evaluate
from benchmark.harness.prepare import Prepared
from benchmark.harness.question import Question
from benchmark.machine import software_facts, zoo_facts
from benchmark.pruning.masks import Masks
from benchmark.records.cell import command
from benchmark.records.mask_files import Bits, digest
from benchmark.records.record import Density, LayerCount, Prunable, Record
from benchmark.training.meter import live_share
from benchmark.training.prunable import prunable_of
from benchmark.training.run_state import RunState
from benchmark.training.state import put, tensors

Keep = Callable[[nn.Module, RunState], None]
"""Called with the network that is measured, and the state of the run that it comes from."""


def provenance_of(prepared: Prepared) -> dict[str, Any]:
    """The provenance of a record that is known before the run: software, command, recipe and digests of the data."""
    question = prepared.question
    cell = question.cell
    facts = (
        software_facts()
        | {"command": command(cell, question.algorithm.filled(cell.options))}
        | zoo_facts(cell.model)
        | (question.where or {})
    )
    return facts | {"recipe": prepared.state.recipe.describe(), "data": _digests(prepared.splits)}


def measure(question: Question, state: RunState, splits: Splits, keep: Keep, fields: dict[str, Any]) -> Record:
    """Measure a network that has passed its audit, and return its record.

    Its tensors are copied to a newly built network, without any hooks or wrappers that the algorithm may have left.

    Args:
        fields: the fields of the record that are known already.
    """
    cell, task = question.cell, question.task
    model = build(task, cell.model, cell.seed).to(question.device)
    put(model, tensors(state.model))
    layers, edges = _layers(state, model), state.data.edges
    live = [layer.effective for layer in layers.values() if layer.effective is not None]
    keep(model, state)
    test = _edited(splits.test, state)
    return Record(
        key=cell.key,
        cell=cell,
        ranking=question.ranking,
        status="ok",
        metrics=evaluate(task, model, test, question.device),
        validation=evaluate(task, model, _edited(splits.validation, state), question.device),
        diagnosis=task.diagnose(model, test.to(question.device)) if task.diagnose else {},
        density=Density(
            weights=state.masks.density,
            parameters=live_share(state.masks, dict(model.named_parameters())),
            effective=sum(live) / max(1, state.masks.total) if live else None,
            edges=edges / splits.train.edges if edges is not None and splits.train.edges else None,
        ),
        layers=layers,
        mask_digest=digest(arrays(state.masks)),
        notes=state.notes,
        prunable=Prunable.model_validate(asdict(prunable_of(task.prunable, model))),
        **fields,
    )


def arrays(masks: Masks) -> Bits:
    """Masks as numpy arrays, for `benchmark.records.mask_files`."""
    return {name: mask.cpu().numpy() for name, mask in masks.items()}


def _edited(data: Data, state: RunState) -> Data:
    for edit in state.edits:
        data = data.rewrite(edit)
    return data


def _layers(state: RunState, model: nn.Module) -> dict[str, LayerCount]:
    notes = state.target.pattern.exempt({name: mask.shape for name, mask in state.masks.items()})
    batch = state.data.batch(torch.zeros(2, dtype=torch.int64))
    live = live_paths_or_reason(model, state.task, state.masks, batch)
    if isinstance(live, str):
        state.log.add(live)
    return {
        name: LayerCount(
            total=mask.numel(),
            kept=int(mask.sum()),
            effective=None if isinstance(live, str) else int(live[name].sum()),
            dead=None if isinstance(live, str) else _dead(live[name]),
            note=notes.get(name, ""),
        )
        for name, mask in state.masks.items()
    }


def _dead(live: Tensor) -> int:
    """The number of outputs on no live path."""
    return int((~live.reshape(len(live), -1).any(dim=1)).sum())


def _digests(splits: Splits) -> dict[str, str]:
    return {name: getattr(splits, name).digest for name in ("train", "validation", "test")}
