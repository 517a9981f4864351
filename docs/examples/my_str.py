import torch

from benchmark import Anywhere, Group, Inapplicable, Positive, Run, algorithm, keep_top
from benchmark.scores import Tensors


@algorithm(paper="arXiv:2002.03231", trains_once=False, family="during training")
def my_str(run: Run, *, decay: Positive = 0.01, start: float = -10.0) -> None:
    """STR: learn a soft threshold for each layer, by which weights shrink to 0 (Kusupati et al., 2020).

    As many weights are kept as are asked, those that are farthest above their threshold. The authors choose a decay
    with which that many survive; so should you.

    Options:
        decay: weight decay of thresholds, which raises them
        start: of thresholds, before the sigmoid
    """
    if not isinstance(run.target.pattern, Anywhere):
        raise Inapplicable("my-str learns how many weights each layer keeps; ask for --pattern global")
    thresholds = {f"threshold of {name}": weight.new_full((1,), start) for name, weight in run.weights.items()}
    groups = {name: Group(weight_decay=decay) for name in thresholds}
    trained, pruned = list(run.parameters), list(run.masks)

    def excess(values: Tensors) -> Tensors:
        return {name: values[name].abs() - torch.sigmoid(values[f"threshold of {name}"]) for name in pruned}

    def shrunk(values: Tensors) -> Tensors:
        weights = {name: values[name].sign() * torch.relu(over) for name, over in excess(values).items()}
        return {name: weights.get(name, values[name]) for name in trained}

    with run.learning({**run.parameters, **thresholds}, shrunk, groups=groups) as values:
        run.train()
    run.write({name: value.detach() for name, value in shrunk(values).items()})
    run.prune(keep_top({name: over.detach() for name, over in excess(values).items()}, run.target))
