from benchmark import Amount, Run, algorithm, keep_units, norm_scales

from ._channels import channels


@algorithm(paper="arXiv:1708.06519", trains_once=False, family="after training", only="channels")
def slimming(run: Run, *, penalty: Amount = 1e-4) -> None:
    """Slimming: train with a penalty on the scales of norm layers, keep channels of large ones (Liu et al., 2017).

    The penalty is L1. Channels rank over the whole network by |scale|; one that passes through several norm layers has
    the mean of theirs. The pruned network is then trained by the whole recipe again, from the weights that it has. The
    authors begin with scales of 0.5 (Eric-mingjie/network-slimming); here they begin as the network's. A network that
    has channels without a norm layer behind them is refused.

    Options:
        penalty: weight of the sum of |scale| in the loss; the authors take 1e-4 for VGG, 1e-5 for ResNet and DenseNet
    """
    norm_scales(run.parameters, run.target)  # refuses networks without them before it trains
    for step in run.steps():
        parameters = run.parameters
        for name in trained_scales(run):
            step.grads[name].add_(parameters[name].sign(), alpha=penalty)
    run.prune(keep_units(norm_scales(run.parameters, run.target), run.target, run.masks))
    run.rewind(0)
    run.train()


def trained_scales(run: Run) -> list[str]:
    """The names of the scales of norm layers behind channels, of those that are trained."""
    norms = channels(run).norms
    return [name for name in run.parameters if name in norms]
