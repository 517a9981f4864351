from benchmark import Amount, Run, algorithm, keep_units, norm_scales


@algorithm(paper="arXiv:1708.06519", trains_once=False, family="after training", only="channels")
def my_slimming(run: Run, *, penalty: Amount = 1e-4) -> None:
    """Slimming: train with a penalty on the scales of norm layers, keep channels of large ones (Liu et al., 2017).

    Options:
        penalty: weight of the sum of |scale| in the loss
    """
    norm_scales(run.parameters, run.target)  # refuses networks without them before it trains
    for step in run.steps():
        for name, value in run.parameters.items():
            if name in run.target.pattern.norms:
                step.grads[name].add_(value.sign(), alpha=penalty)
    run.prune(keep_units(norm_scales(run.parameters, run.target), run.target, run.masks))
    run.rewind(0)
    run.train()
