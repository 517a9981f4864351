from benchmark import Amount, Run, algorithm

from ._learned import pop_up, signed_constant, straight_through


@algorithm(paper="arXiv:1911.13299", trains_once=False, family="learned masks")
def edge_popup(run: Run, *, rate: Amount = 0.1, weight_decay: Amount = 1e-4, constant: bool = True) -> None:
    """Edge-popup: leave the weights as drawn and learn which of them to use (Ramanujan et al., 2020).

    Every forward pass uses the weights with the largest |score|, the same share of each layer under `global`.

    Options:
        rate: initial learning rate of the scores, decayed to 0 along a cosine
        weight_decay: weight decay of the scores
        constant: give all weights of a layer the same magnitude, keeping their signs
    """
    if constant:
        signed_constant(run)
    weights = run.weights
    run.prune(pop_up(run, lambda used, scores: straight_through(weights, used, scores), rate, weight_decay))
