from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchmark import Amount, Count, Fraction, Positive, Run, algorithm, keep_top
from benchmark.schedules import geometric
from benchmark.scores import Tensors

from ._descent import Descent, learned
from ._masked import frozen

Value = Annotated[float, Field(allow_inf_nan=False, description="number")]


@algorithm(paper="arXiv:1912.04427", trains_once=False, family="during training")
def continuous_sparsification(
    run: Run,
    *,
    rounds: Count = 3,
    temperature: Positive = 200.0,
    initial: Value = 0.0,
    penalty: Amount = 1e-8,
    rate: Positive = 0.1,
    rewind: Fraction = 0.02,
) -> None:
    """Continuous sparsification: train soft masks that harden, then rewind and train (Savarese, Silva & Maire, 2020).

    Weights are multiplied by sigmoid(beta s) / sigmoid(initial). In each round beta grows from 1 to `temperature` along
    a geometric schedule; before the next one, s becomes min(beta s, initial). The paper keeps the weights with s > 0,
    here those with the largest s are kept, as many as are asked. The authors' code goes on to divide the rewound
    weights by sigmoid(initial) (lolemacs/continuous-sparsification, layers.py); here they are as they were.

    Options:
        rounds: trainings of weights and soft masks; one of the weights alone follows
        temperature: beta at the end of a round
        initial: s at the start
        penalty: weight of the sum of the soft masks in the loss
        rate: learning rate of s, which falls as the recipe's does, with momentum 0.9 and no weight decay
        rewind: to where the weights go back in the end, as a share of the first round
    """
    recipe, fixed, weights, early = run.recipe, frozen(run), run.parameters, run.snapshot()
    gates = learned({name: torch.full_like(weight, initial) for name, weight in run.weights.items()})
    back = round(rewind * recipe.steps)

    def beta() -> float:
        return geometric(1.0, temperature, min(1.0, run.clock / max(1, recipe.steps - 1)))

    for done in range(rounds):
        descent = Descent(gates, 0.9)
        with run.learning(
            weights, lambda values: {**values, **softly({**fixed, **values}, gates, beta(), initial)}
        ) as parameters:
            for step in run.steps():
                if done == 0 and step.index == back > 0:
                    early = run.snapshot()
                    early = replace(early, state={**early.state, **copies(parameters)})
                descent.step(rate * recipe.rate_at(step.index) / recipe.rate, slope(gates, beta(), initial, penalty))
        weights = copies(parameters)
        if done < rounds - 1:
            harden(gates, temperature, initial)
    run.prune(keep_top(gates, run.target))
    run.restore(early)
    run.train()


def softly(weights: Tensors, gates: Tensors, beta: float, initial: float) -> dict[str, Tensor]:
    """The weights under their soft masks, which are 1 where beta s is `initial`."""
    start = torch.sigmoid(torch.tensor(initial)).item()
    return {name: weights[name] * torch.sigmoid(beta * gate) / start for name, gate in gates.items()}


def slope(gates: Tensors, beta: float, initial: float, penalty: float) -> dict[str, Tensor]:
    """The gradient, with respect to s, of `penalty` times the sum of the soft masks."""
    start = torch.sigmoid(torch.tensor(initial)).item()
    soft = {name: torch.sigmoid(beta * gate.detach()) for name, gate in gates.items()}
    return {name: penalty * beta * mask * (1 - mask) / start for name, mask in soft.items()}


def harden(gates: Tensors, beta: float, initial: float) -> None:
    """Begin another round: s becomes min(beta s, initial), so that what was dropped stays dropped."""
    with torch.no_grad():
        for gate in gates.values():
            gate.mul_(beta).clamp_(max=initial)


def copies(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Detached copies."""
    return {name: value.detach().clone() for name, value in values.items()}
