"""Scores of whole units, for methods that do not score single weights, and the masks that they choose."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from benchmark.errors import Inapplicable
from benchmark.pruning.masks import Masks
from benchmark.pruning.ranking import Scores, checked
from benchmark.pruning.structured import Blocks, Channels
from benchmark.pruning.target import Target
from benchmark.pruning.units import Units, chosen_of, live_units, masks_of, means_of, shapes_of, totals_of


def unit_means(values: Scores, target: Target) -> Tensor:
    """The mean of `values` over the weights of every unit of the target's pattern: float64 [units], on the CPU.

    The units are in the order that `keep_units` expects. Blocks are numbered tensor by tensor, within a tensor row by
    row, with a block for every kernel position; channels are numbered layer by layer. A weight in two units counts in
    both.

    Args:
        values: one number per weight of every prunable tensor: squares of weights, for example.

    Raises:
        Inapplicable: the pattern has no units; `blocks:RxC` and `channels` have.
        ValueError: a value is NaN.
    """
    pattern = _with_units(target)
    return means_of(values, pattern.units(shapes_of(values)))


def unit_sums(values: Scores, target: Target) -> Tensor:
    """The sum of `values` over the weights of every unit; otherwise like `unit_means`."""
    pattern = _with_units(target)
    total, _ = totals_of(values, pattern.units(shapes_of(values)))
    return total


def norm_scales(parameters: Mapping[str, Tensor], target: Target) -> Tensor:
    """The mean |scale| of the norm layers behind every channel: float64 [channels], on the CPU, as in `unit_means`.

    Args:
        parameters: `run.parameters`.

    Raises:
        Inapplicable: the pattern is not `channels`, or a channel has no norm layer with a trained scale behind it.
    """
    if not isinstance(target.pattern, Channels):
        raise Inapplicable(f"pattern {target.pattern.name} has no norm layers behind its units; channels has")
    scales = {name: parameters[name].abs() for name in target.pattern.norms if name in parameters}
    behind = {name: (target.pattern.norms[name],) for name in scales}
    total, size = totals_of(scales, Units(behind, len(target.pattern.layers)))
    if without := int((size == 0).sum()):
        raise Inapplicable(f"{without:,} of {len(size):,} channels have no norm layer with a scale behind them")
    return total / size


def keep_units(scores: Tensor, target: Target, among: Masks) -> Masks:
    """Keep the blocks or channels with the highest scores, for methods that score units and not weights.

    Exactly as many units are kept as the target's density asks for, with at least one channel in every layer; among
    units with equal scores, the first ones are kept. `keep_units(unit_means(scores, target), target, masks)` keeps the
    same weights as `keep_top(scores, target, masks)`.

    Args:
        scores: [units], in the order of `unit_means`; units with higher scores are kept longer.
        among: the masks to choose from, `run.masks`: a unit without any kept weight cannot come back.

    Raises:
        Inapplicable: the pattern has no units; `blocks:RxC` and `channels` have.
        ValueError: there is not one score per unit, a score is NaN, or more units are to be kept than `among` has.
    """
    pattern = _with_units(target)
    units = pattern.units(shapes_of(among))
    if scores.shape != (units.count,):
        raise ValueError(f"scores have the shape {tuple(scores.shape)}; pattern {pattern.name} has {units.count} units")
    ranked = checked("units", target.oriented({"units": scores})["units"]).cpu()
    chosen = chosen_of(ranked, units, pattern.kept(target.density, units), live_units(among, units))
    return masks_of(chosen, units.members, shapes_of(among), next(iter(among.values())).device)


def _with_units(target: Target) -> Blocks | Channels:
    if isinstance(target.pattern, Blocks | Channels):
        return target.pattern
    raise Inapplicable(f"pattern {target.pattern.name} has no units to keep whole; blocks:RxC and channels have")
