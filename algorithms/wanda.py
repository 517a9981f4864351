from typing import Literal

import torch
from torch import Tensor

from benchmark import Anywhere, Blocks, Channels, Count, Inapplicable, Run, algorithm, allocate, keep_top
from benchmark.scores import Tensors

from ._layerwise import (
    Finetune,
    equal_shares,
    fine_tune,
    keep_in_layer,
    product,
    replaced,
    train_if_drawn,
    within_outputs,
)


@algorithm(paper="arXiv:2306.11695", trains_once=False, family="after training")
def wanda(
    run: Run,
    *,
    batches: Count = 8,
    scope: Literal["output", "layer", "pattern"] = "output",
    score: Literal["wanda", "ria"] = "wanda",
    budget: Literal["uniform", "owl"] = "uniform",
    sequential: bool = True,
    finetune: Finetune = 0.0,
) -> None:
    """Wanda: keep the weights whose products with their inputs are largest, within each output (Sun et al., 2024).

    A network that comes trained is pruned at once; else it is trained first. No weight is corrected. Where a layer's
    share of an output is no whole number, some outputs keep one weight more than others; the authors' code
    (locuslab/wanda) rounds up for all of them.

    Options:
        batches: training batches in every look at inputs; the authors use 128 sequences, the same for all layers
        scope: weights are compared within each output, as the paper does for language models; within each layer; or as
            the pattern says, in one ranking under `global`
        score: |w| |x|; or RIA's relative importance, (|w| / its column's sum + |w| / its row's sum) |x|^0.5 (Zhang et
            al., 2024)
        budget: all layers lose the same share; or OWL's, where those with outliers among their scores keep more (Yin et
            al., 2024); only under `global` and if `scope` is not `pattern`
        sequential: look at the inputs of a layer after the ones before it are pruned, at the price of a look per layer
    """
    train_if_drawn(run)
    rank = {"wanda": product, "ria": relative}[score]
    weights, inputs = run.weights, run.moments(batches)
    scores = {name: rank(weight, inputs[name]) for name, weight in weights.items()}
    if scope == "pattern" or isinstance(run.target.pattern, Blocks | Channels):
        run.prune(keep_top(scores, run.target))
    else:
        counts = outliers(run, scores) if budget == "owl" else equal_shares(run)
        for number, name in enumerate(scores):
            if sequential and number:
                scores[name] = rank(weights[name], run.moments(batches)[name])
            values = within_outputs(scores[name]) if scope == "output" else scores[name]
            run.prune(replaced(run.masks, {name: keep_in_layer(run, name, values, counts[name])}))
    fine_tune(run, finetune)


def relative(weight: Tensor, squares: Tensor) -> Tensor:
    """Relative importance and activation, with the power 1/2 of the inputs' norm."""
    size = weight.abs().flatten(1)
    tiny = torch.finfo(size.dtype).tiny
    shares = size / size.sum(dim=0, keepdim=True).clamp_min(tiny) + size / size.sum(dim=1, keepdim=True).clamp_min(tiny)
    return shares.view_as(weight) * squares.sqrt() ** 0.5


def outliers(run: Run, scores: Tensors, above: float = 5.0, width: float = 0.08) -> dict[str, int]:
    """How many weights each tensor keeps: more the larger the share of its scores above `above` times their mean.

    Densities lie within 2 * `width` of each other. The authors' mean over layers is the target; here that over weights
    is, so that the total is exact (Yin et al., 2024, eq. 1 and 2).
    """
    if not isinstance(run.target.pattern, Anywhere):
        raise Inapplicable(f"pattern {run.target.pattern.name} sets the layer densities; budget must be 'uniform'")
    shares = {name: float((s > above * s.mean()).double().mean()) for name, s in scores.items()}
    low, spread = min(shares.values()), max(shares.values()) - min(shares.values())
    offsets = {name: 2 * width * (share - low) / spread if spread else 0.0 for name, share in shares.items()}
    sizes, density = {name: s.numel() for name, s in scores.items()}, run.target.density
    mean = sum(offsets[name] * size for name, size in sizes.items()) / sum(sizes.values())
    wanted = {name: size * (density + offsets[name] - mean) for name, size in sizes.items()}
    if any(not 0 <= wanted[name] <= size for name, size in sizes.items()):
        raise Inapplicable(f"OWL's budgets leave [0, 1] at density {density:g}; take budget=uniform")
    return allocate(wanted, round(density * sum(sizes.values())))
