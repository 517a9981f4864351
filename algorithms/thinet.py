import torch
from torch import Tensor

from benchmark import Channels, Count, Run, algorithm, keep_units

from ._channels import channels, within_layers
from ._layerwise import Finetune, fine_tune, train_if_drawn
from ._maps import read_channels

Parts = dict[str, tuple[Tensor, Tensor]]
"""By the weight of a layer: the channel of each column of its input, and the mean of x_c x_d for all n channels read.

These are int64 [columns], -1 for no channel, and float64 [n, n] in the order of the channels' numbers.
"""


@algorithm(paper="arXiv:1707.06342", trains_once=False, family="after training", only="channels")
def thinet(run: Run, *, batches: Count = 8, correct: bool = True, finetune: Finetune = 1.0) -> None:
    """ThiNet: remove the channels without which the next layer's outputs change least (Luo, Wu & Lin, 2017).

    What channel c adds to an output is x_c. One after the other, the channel goes for which the mean square of the sum
    of x_c over all that are gone is smallest (eq. 6), here over all outputs and positions of all layers that read the
    channel, where the authors draw some. All layers lose the same share, up to one channel, at once, where the authors
    go on with the next layer after some training. A network that comes trained is pruned at once; else it is trained
    first.

    Options:
        batches: training batches whose inputs are looked at
        correct: scale what is left of a layer's input by least squares, so that its outputs are as before (eq. 7)
    """
    pattern = channels(run)
    train_if_drawn(run)
    parts = contributions(run, pattern, batches)
    run.prune(keep_units(within_layers(order_of(parts, pattern), pattern), run.target, run.masks))
    if correct:
        run.write({name: scaled(run.weights[name], *part) for name, part in parts.items()})
    fine_tune(run, finetune)


def contributions(run: Run, pattern: Channels, batches: int) -> Parts:
    """What channels add to the outputs of the layers that read them, summed over the outputs; on the CPU."""
    read = {n: found for n, w in run.weights.items() for found in read_channels(pattern, n, w.shape[1])}
    grams, parts = run.gram(batches, read), {}
    for name, numbers in read.items():
        rows = run.weights[name].double().flatten(1)
        belongs = (units_of(numbers)[:, None] == numbers.repeat_interleave(rows.shape[1] // len(numbers))).double()
        parts[name] = numbers, belongs @ ((rows.T @ rows) * grams[name][0]).cpu() @ belongs.T
    return parts


def units_of(numbers: Tensor) -> Tensor:
    """The channels that columns are of, in order."""
    units: Tensor = torch.unique(numbers[numbers >= 0])
    return units


def order_of(parts: Parts, pattern: Channels) -> Tensor:
    """When each channel goes, of those of its layer: float64 [channels]."""
    order = torch.zeros(len(pattern.layers), dtype=torch.float64)
    for layer in torch.unique(pattern.layers):
        members = (pattern.layers == layer).nonzero().flatten()
        total = torch.zeros(len(members), len(members), dtype=torch.float64)
        for numbers, products in parts.values():
            places = (members[:, None] == units_of(numbers)).double()
            total += places @ products @ places.T
        order[members] = removal(total)
    return order


def removal(products: Tensor) -> Tensor:
    """When each channel goes, if always the one goes that leaves the smallest sum of products of all that are gone."""
    order, cross = torch.full((len(products),), torch.inf, dtype=torch.float64), torch.zeros(len(products)).double()
    for step in range(len(products)):
        cost = (2 * cross + products.diagonal()).masked_fill(order.isfinite(), torch.inf)
        at = int(cost.argmin())
        order[at], cross = step, cross + products[at]
    return order


def scaled(weight: Tensor, numbers: Tensor, products: Tensor) -> Tensor:
    """The weight of a layer, of whose input channels have gone: what is left gets factors of least squares."""
    units, columns = units_of(numbers), weight.transpose(0, 1).flatten(1).any(dim=1).cpu()
    kept = (units[:, None] == numbers[columns]).any(dim=1)
    wanted = products[kept].sum(dim=1, keepdim=True)
    factors = torch.ones(len(units) + 1, dtype=torch.float64)  # the last is of no channel
    factors[:-1][kept] = torch.linalg.lstsq(products[kept][:, kept], wanted, rcond=1e-9, driver="gelsd").solution[:, 0]
    each = factors[torch.where(numbers >= 0, torch.searchsorted(units, numbers), -1)]
    return weight * each.view(1, -1, *[1] * (weight.dim() - 2)).to(weight)
