import torch

from benchmark import Blocks, Channels, Count, Masks, Run, Target, algorithm, keep_top, keep_units, unit_sums

from ._layerwise import Finetune, fine_tune, train_if_drawn


@algorithm(paper="arXiv:1906.10771", trains_once=False, family="after training")
def taylor(run: Run, *, batches: Count = 10, rounds: Count = 10, finetune: Finetune = 1.0) -> None:
    """Taylor: keep what the loss changes most without, to first order, in rounds of pruning and training (Molchanov et
    al., 2019).

    The score of a weight is (w dL/dw)^2; of a channel or a block, the square of the sum of its w dL/dw. Squares are
    averaged over batches, in training mode. A network that comes trained is pruned at once; else it is trained first.
    A channel has the weights that make it and those that read it, so that its score is four times that of the gate in
    the authors' code (NVlabs/Taylor_pruning), but for the bias, which only the gate counts.

    Options:
        batches: training batches in every round
        rounds: prunings on a geometric schedule, with a part of the fine-tuning after each
    """
    train_if_drawn(run)
    for done in range(1, rounds + 1):
        run.prune(most_important(run, batches, run.target.at_progress(done / rounds)))
        fine_tune(run, finetune, rounds)


def most_important(run: Run, batches: int, target: Target) -> Masks:
    """The masks of the weights or units with the largest mean squares over batches."""
    in_units = isinstance(target.pattern, Blocks | Channels)
    totals: dict[str, torch.Tensor] = {}
    for _ in range(batches):
        gradients = run.gradients(1)
        changes = {name: weight * gradients[name] for name, weight in run.weights.items()}
        summed = {"units": unit_sums(changes, target)} if in_units else changes
        totals = {name: totals.get(name, 0) + value.double() ** 2 for name, value in summed.items()}
    if in_units:
        return keep_units(totals["units"], target, run.masks)
    return keep_top(totals, target, among=run.masks)
