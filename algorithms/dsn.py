from torch import Tensor

from benchmark import Amount, Group, Run, algorithm
from benchmark.scores import Tensors

from ._gates import clamped, drawn, gated, masks_between, price, sharpness, slope_of
from ._replay import Transfer, aside

GATE = "gate of "
"""What the names of gates begin with, among those of parameters."""


@algorithm(paper="openreview:uj9PxVTVqq", prunes=None, needs="streams", trains_once=False, family="learned masks")
def dsn(run: Run, *, eta: Amount = 0.75, replay: bool = False) -> None:
    """DSN: each part learns with gates which units it uses, and reuses those of earlier parts (Gao et al., 2023).

    Weights between units that are used never move again. A part is answered with hard gates: a unit is used, or not.
    Weights and gates are trained by the task's recipe; gates have no weight decay.

    Options:
        eta: weight of the penalty on units that no part has used before
        replay: after each part, try for every earlier one whether it gains from units that others use, on inputs that
            are generated from its own network; kept if its validation accuracy rises. Later parts learn as without it
    """
    used = {name: weight.new_zeros(len(weight)).bool() for name, weight in run.weights.items()}
    earlier: list[Transfer] = []
    verdicts: list[bool] = []
    for part in run.parts():
        shape = run.batches(1)[0][0].shape[1:]
        units = learned(run, used, eta)
        used = {name: used[name] | mine for name, mine in units.items()}
        part.uses(masks_between(units, run.weights))
        run.freeze(masks_between(used, run.weights))
        if replay:
            with aside(run.rng):
                verdicts += [transfer.attempt(run, used) for transfer in earlier]
            earlier.append(Transfer(part, units, shape))
            run.note("transfers", {"tried": len(verdicts), "kept": sum(verdicts)})


def learned(run: Run, used: Tensors, eta: float) -> dict[str, Tensor]:
    """Train the network and gates of this part. Returns the units whose gate is open, bool [units] by layer.

    Args:
        used: the units that earlier parts use, which cost nothing.
    """
    start, costs, epoch = drawn(run), price(used, eta), max(1, len(run.data) // run.recipe.batch_size)
    gates = {f"{GATE}{name}": e for name, e in start.items()}

    def effective(values: Tensors) -> Tensors:
        s = sharpness(run.clock, epoch)
        soft = {name: (s * values[f"{GATE}{name}"]).sigmoid() for name in start}
        return gated({name: value for name, value in values.items() if name not in gates}, soft)

    undecayed = dict.fromkeys(gates, Group(weight_decay=0.0))
    with run.learning({**run.parameters, **gates}, effective, groups=undecayed) as values:
        for step in run.steps():
            clamped(values, gates)
            s = sharpness(step.index, epoch)
            for name, cost in costs.items():
                gradient = step.grads[f"{GATE}{name}"]
                gradient.copy_(slope_of(values[f"{GATE}{name}"].detach(), s, gradient, cost))
    run.write({name: value.detach() for name, value in values.items() if name not in gates})
    return {name: values[f"{GATE}{name}"].detach() > 0 for name in start}
