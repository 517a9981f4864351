from typing import Annotated, Literal

from benchmark import Absent, Amount, Run, algorithm, keep_top, scores

from ._powered import Power, powered


@algorithm(paper="arXiv:1506.02626", trains_once=False, family="after training")
def magnitude(
    run: Run,
    *,
    when: Literal["end", "init"] = "end",
    finetune: Amount = 1.0,
    score: Literal["magnitude", "square", "lamp"] = "magnitude",
    power: Annotated[Power, Absent(1.0)] = 1.0,
) -> None:
    """Magnitude: keep the largest weights, in one shot, after training or before it (Han et al., 2015).

    A network that comes trained is pruned at once, and then fine-tuned by the recipe of its cell.
    Fine-tuning is at the last learning rate, which is 0 if the recipe anneals it to 0. IMP with a single round rewinds
    the rate instead, as in `imp:fraction=0.9,retrain=rate` for sparsity 0.9 (Renda et al., 2020).

    Options:
        when: `end` prunes the trained network and fine-tunes it; `init` prunes at initialisation and trains
        finetune: length of fine-tuning, as a multiple of a training; only with `end`
        score: |w|; w^2, which ranks channels and blocks by their L2 norm, not their L1 norm; or LAMP, which makes
            magnitudes comparable between layers (Lee et al., 2021)
        power: train each weight as sign(t) |t|^power (powerpropagation; Schwarz et al., 2021); 1 is plain training
    """
    rank = {"magnitude": scores.magnitude, "square": scores.square, "lamp": scores.lamp}[score]
    with powered(run, power) as trained:
        if when == "end" and not run.trained:
            run.train()
        run.prune(keep_top(rank(trained.weights), run.target))
        run.train(round(finetune * run.recipe.steps) if when == "end" else None)
