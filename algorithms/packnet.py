from typing import Literal

from benchmark import Fraction, Masks, Run, Share, algorithm, keep_each, scores
from benchmark.scores import Tensors


@algorithm(paper="arXiv:1711.05769", prunes=None, needs="streams", trains_once=False, family="after training")
def packnet(
    run: Run,
    *,
    share: Share = 0.5,
    tune: Fraction = 0.5,
    score: Literal["magnitude", "sensitivity"] = "magnitude",
) -> None:
    """PackNet: train, keep the best of the free weights for this part, free the rest, go on (Mallya & Lazebnik, 2018).

    A part is answered with its own weights and those of all parts before it, which never move again. What is free
    starts from zero in the next part.

    Options:
        share: of the free weights of every layer that a part takes
        tune: length of the training after each pruning, as a multiple of the part's first one
        score: what the free weights of a layer are ranked by: |w|, or |w dL/dw| over one batch (SNIP's). LAMP, say,
            ranks a layer as |w| does
    """
    taken = ~Masks.ones(run.weights)
    for part in run.parts():
        run.train()
        counts = {name: round(share * free) for name, free in (~taken).counts.items()}
        taken |= keep_each(ranked(run, score), counts, among=~taken)
        run.prune(taken)
        run.train(round(tune * run.recipe.steps))
        run.freeze(taken)
        part.uses(taken)
        run.prune(Masks.ones(taken))


def ranked(run: Run, score: str) -> Tensors:
    """The scores of all weights, free or not."""
    if score == "sensitivity":
        return scores.sensitivity(run.weights, run.gradients())
    return scores.magnitude(run.weights)
