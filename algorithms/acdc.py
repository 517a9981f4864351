from benchmark import Fraction, Run, Share, algorithm, keep_top
from benchmark.scores import magnitude


@algorithm(paper="arXiv:2106.12379", family="during training")
def acdc(run: Run, *, warmup: Fraction = 0.1, phase: Share = 0.05, settle: Fraction = 0.85, reset: bool = True) -> None:
    """AC/DC: train compressed and dense in turns, and compressed at the end (Peste et al., 2021).

    A compressed phase keeps the weights that are largest when it begins. What it prunes is 0, and trains on from there
    in the next dense phase. The defaults are the authors' for 100 epochs of ImageNet (IST-DASLab/ACDC,
    configs/neurips); theirs for 200 epochs of CIFAR-10 are `warmup=0.05,phase=0.1`.

    Options:
        warmup: dense training before the first compressed phase, as a share of training
        phase: length of a phase, as a share of training; the last dense one ends where the last compressed one begins
        settle: beginning of the last compressed phase, as a share of training
        reset: begin every dense phase with a fresh optimizer, as the authors' scripts ask; otherwise kept weights keep
            their momentum
    """
    steps, dense = run.recipe.steps, run.masks
    for begin, compressed in phases(warmup, phase, settle):
        run.train(round(begin * steps) - run.clock)
        if reset and not compressed and run.masks != dense:
            run.rewind(run.clock)
        run.prune(keep_top(magnitude(run.weights), run.target) if compressed else dense)
    run.train()


def phases(warmup: float, phase: float, settle: float) -> list[tuple[float, bool]]:
    """When each phase after the warm-up begins, as a share of training, and whether it is compressed.

    Raises:
        ValueError: the last phase begins before the first.
    """
    if settle < warmup:
        raise ValueError(f"option settle, {settle:g}, must not lie before warmup, {warmup:g}")
    cycles = int((settle - warmup) / (2 * phase) + 1e-9)
    return [(warmup + place * phase, place % 2 == 0) for place in range(2 * cycles)] + [(settle, True)]
