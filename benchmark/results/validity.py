"""Checks whether a record is consistent in itself, from its numbers alone: without training and without torch."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.pruning.pattern_counts import counts
from benchmark.results.controls import CONTROLS
from benchmark.results.record import Density, Record


def problems_of(record: Record, masks: bytes | None = None) -> list[str]:
    """Return a message for each contradiction in a record. What needs no other field was checked when it was read.

    Args:
        masks: its saved masks (`benchmark.results.saved_masks.content`), which are compared with it; None if there are
            none.
    """
    saved = mask_problems(record, masks) if masks is not None else []
    if record.status != "ok":
        return saved
    return [*_answered(record), *_counts(record), *_target(record), *saved]


def mask_problems(record: Record, packed: bytes) -> list[str]:
    """Return a message for each difference between a record and its saved masks."""
    from benchmark.results import mask_files

    try:
        masks = mask_files.unpack(packed)
    except ValueError as error:
        return [f"its masks cannot be read: {error}"]
    saved = {name: (int(mask.sum()), mask.size) for name, mask in masks.items()}
    recorded = {name: (layer.kept, layer.total) for name, layer in record.layers.items()}
    wrong = [
        f"the masks keep {saved.get(name)} of '{name}', and the record tells {recorded.get(name)}"
        for name in sorted(saved.keys() | recorded.keys())
        if saved.get(name) != recorded.get(name)
    ]
    if not wrong and mask_files.digest(masks) != record.mask_digest:
        wrong = ["its masks have another digest than the record tells"]
    return wrong


def _answered(record: Record) -> Iterator[str]:
    if record.audit is None or not record.audit.passed or record.audit.breaches:
        yield "its audit was not passed"
    if record.mask_digest is None:
        yield "it has no digest of its mask"


def _counts(record: Record) -> Iterator[str]:
    """Check that the counts of each layer are possible, and that the densities follow from them."""
    for name, layer in record.layers.items():
        live = 0 if layer.effective is None else layer.effective
        if not 0 <= live <= layer.kept <= layer.total:
            yield f"'{name}' has {live:,} live of {layer.kept:,} kept of {layer.total:,} weights"
    if record.density is None:
        yield "it has no density"
        return
    if record.density.ever is not None and record.density.ever < record.density.weights:
        yield f"density.ever is {record.density.ever:g}, and {record.density.weights:g} of the weights are kept"
    total = sum(layer.total for layer in record.layers.values())
    for what, recorded, count in (
        ("weights", record.density.weights, sum(layer.kept for layer in record.layers.values())),
        ("effective", record.density.effective, _live(record)),
    ):
        if recorded is None or count is None:
            if recorded is not count:
                yield f"density.{what} is {recorded}, and its layers give {count}"
            continue
        share = count / total if total else 1.0
        if abs(recorded - share) > 1e-12:
            yield f"density.{what} is {recorded:g}, and its layers keep {count:,} of {total:,} ({share:g})"


def _live(record: Record) -> int | None:
    """The weights on a live path; None if that is not known for any layer."""
    known = [layer.effective for layer in record.layers.values() if layer.effective is not None]
    return sum(known) if known else None


def _target(record: Record) -> Iterator[str]:
    """Check the counts against sparsity and pattern, as far as counts show it; structured patterns need the masks."""
    density, pattern = record.cell.density, record.cell.pattern
    if record.density is None or _prunes_edges(record.density, record.cell.sparsity):
        return
    control = CONTROLS.get(record.cell.control or "")
    if control and control.keeps_everything:
        density, pattern = 1.0, "layer"
    sizes = {name: layer.total for name, layer in record.layers.items()}
    asked = counts(pattern, sizes, density, exempt=[name for name, layer in record.layers.items() if layer.note])
    if asked.network is not None:
        kept = sum(layer.kept for layer in record.layers.values())
        yield from _asked("the network", kept, sum(sizes.values()), asked.network)
    for name, count in asked.tensors.items():
        yield from _asked(f"'{name}'", record.layers[name].kept, sizes[name], count)


def _asked(what: str, kept: int, total: int, asked: int) -> Iterator[str]:
    if kept != asked:
        yield f"{what} keeps {kept:,} of {total:,} weights, and the cell asks for {asked:,}"


def _prunes_edges(density: Density, sparsity: float) -> bool:
    """Return whether the sparsity may refer to edges: the data are graphs and no weight was pruned."""
    return sparsity > 0 and density.weights == 1 and density.edges is not None
