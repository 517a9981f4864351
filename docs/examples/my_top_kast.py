from benchmark import Run, Sparsity, algorithm, keep_top
from benchmark.scores import Tensors, magnitude


@algorithm(paper="arXiv:2106.03517", trains_once=False, family="during training")
def my_top_kast(run: Run, *, backward: Sparsity = 0.5) -> None:
    """Top-KAST: compute with the largest weights (A), update some more of them (B) (Jayakumar et al., 2020).

    Weights outside B get no gradient; the recipe's momentum and weight decay act on all. Without the penalty.

    Options:
        backward: sparsity of B; the target's, where that is lower
    """
    larger = run.target.with_density(max(run.target.density, 1 - backward))

    def largest(parameters: Tensors) -> Tensors:
        return magnitude({name: parameters[name].detach() for name in run.masks})

    def masked(parameters: Tensors) -> Tensors:
        used = keep_top(largest(parameters), run.target)
        hidden = {name: (parameters[name] * ~mask).detach() for name, mask in used.items()}
        return {**parameters, **{name: parameters[name] - hidden[name] for name in used}}

    with run.learning(run.parameters, masked) as parameters:
        for step in run.steps():
            updated = keep_top(largest(parameters), larger)
            for name, mask in updated.items():
                step.grads[name].mul_(mask)
    run.write({name: value.detach() for name, value in parameters.items()})
    run.prune(keep_top(magnitude(run.weights), run.target))
