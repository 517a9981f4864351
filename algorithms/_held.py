"""Training on at the rate of a moment."""

from __future__ import annotations

from dataclasses import replace

from benchmark import Run


def held(run: Run, steps: int) -> None:
    """Train on for so many steps at the learning rate of this moment, with a fresh optimizer.

    The data come in the order of the first steps of a training. The clock of the run does not move.
    """
    rate = run.recipe.rate_at(run.clock)
    recipe = replace(run.recipe, rate=rate, milestones=(), cosine=False, linear=False, warmup=0)
    with run.learning(run.parameters, dict, recipe) as learned:
        run.train(steps)
    run.write({name: value.detach() for name, value in learned.items()})
