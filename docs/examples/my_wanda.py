from benchmark import Anywhere, Count, Inapplicable, Masks, Run, algorithm, keep_each, weights_per_layer


@algorithm(paper="arXiv:2306.11695", trains_once=False, family="after training")
def my_wanda(run: Run, *, batches: Count = 8) -> None:
    """Wanda: keep the weights whose products with their inputs are largest, within each output (Sun et al., 2024).

    Options:
        batches: training batches in every look at inputs
    """
    if not isinstance(run.target.pattern, Anywhere):
        raise Inapplicable("my-wanda compares the weights of an output with each other; ask for --pattern global")
    if not run.trained:
        run.train()
    shapes = {name: mask.shape for name, mask in run.masks.items()}
    counts = weights_per_layer("uniform", shapes, run.target.density)
    for name, weight in run.weights.items():  # each layer after those before it are pruned
        products = weight.abs() * run.moments(batches)[name].sqrt()
        places = products.flatten(1).argsort(dim=1, stable=True).argsort(dim=1).double().view_as(weight)
        kept = keep_each(run.target.oriented({name: places}), {name: counts[name]})
        run.prune(Masks({**run.masks, **kept}))
