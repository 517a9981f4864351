from typing import Literal

from benchmark import Amount, Run, algorithm, keep_top, scores


@algorithm(paper="arXiv:1506.02626", trains_once=False, family="after training")
def magnitude(
    run: Run,
    *,
    when: Literal["end", "init"] = "end",
    finetune: Amount = 1.0,
    score: Literal["magnitude", "lamp"] = "magnitude",
) -> None:
    """Magnitude: keep the largest weights, in one shot, after training or before it (Han et al., 2015).

    A recipe that anneals the rate to 0 leaves none to fine-tune with: IMP with one round rewinds it, as in
    `imp:fraction=0.9,retrain=rate` for nine tenths (Renda et al., 2020).

    Options:
        when: `end` prunes the trained network and fine-tunes it; `init` prunes at initialisation and trains
        finetune: length of fine-tuning in trainings, at the last learning rate; only after `end`
        score: |w|, or LAMP, which makes magnitudes comparable between layers (Lee et al., 2021)
    """
    rank = {"magnitude": scores.magnitude, "lamp": scores.lamp}[score]
    if when == "end":
        run.train()
    run.prune(keep_top(rank(run.weights), run.target))
    run.train(round(finetune * run.recipe.steps) if when == "end" else None)
