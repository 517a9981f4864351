"""Controls: what a method's claim is questioned with. A control runs its subject and changes one thing about it.

    bench run --algo snip --control shuffle,invert --task mnist

Every control is a cell of its own, `snip:control=shuffle`, with its subject's seed, so that the two are paired. One
that would change nothing is skipped and says why: the published shuffles of two peers were no-ops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from benchmark.define import Control
from benchmark.errors import Inapplicable
from benchmark.masks import Masks
from benchmark.run import Run, Snapshot
from benchmark.target import Anywhere, Layer, NofM, keep_top

Subject = Callable[[Run], None]
Redraw = Callable[[], Mapping[str, torch.Tensor]]
"""Another draw of the initial state, from a stream of its own."""


def shuffle(run: Run, subject: Subject, redraw: Redraw) -> None:
    """Same initial weights and layer densities, other positions: each mask is permuted (Frankle et al., 2021)."""
    start = _start_of(run, subject)
    masks = shuffled(run)
    if masks == run.masks:
        raise Inapplicable("the masks are the same however they are shuffled; ask for a sparsity above 0")
    _train_from(run, start, masks)


def reinit(run: Run, subject: Subject, redraw: Redraw) -> None:
    """Same masks, another draw of the initial weights, the full schedule (Frankle & Carbin, 2019)."""
    _start_of(run, subject)
    _train_from(run, Snapshot(redraw(), 0), run.masks)


def invert(run: Run, subject: Subject, redraw: Redraw) -> None:
    """Every ranking is turned over: what the method would keep longest goes first (Frankle et al., 2021)."""
    inversion = run.invert_rankings()
    subject(run)
    if not inversion.used:
        raise Inapplicable("this method ranks nothing through its target; there is nothing to invert")


def random_labels(run: Run, subject: Subject, redraw: Redraw) -> None:
    """The batches that are scored have their labels permuted; training does not (Su et al., 2020)."""
    run.permute_scoring_labels()
    subject(run)
    if not run.scored:
        raise Inapplicable("this method scores no batch; its labels cannot be randomised")


CONTROLS: dict[Control, Callable[[Run, Subject, Redraw], None]] = {
    "shuffle": shuffle,
    "reinit": reinit,
    "invert": invert,
    "random-labels": random_labels,
}


def shuffled(run: Run) -> Masks:
    """Each tensor's mask, permuted; under N:M, other N of every M.

    Raises:
        Inapplicable: the pattern ties weights together.
    """
    noise = {n: torch.rand(mask.shape, generator=run.rng, dtype=torch.float64) for n, mask in run.masks.items()}
    if isinstance(run.target.pattern, NofM):
        return keep_top({name: draw.to(run.masks[name].device) for name, draw in noise.items()}, run.target)
    if not isinstance(run.target.pattern, Anywhere | Layer):
        raise Inapplicable(f"masks of pattern {run.target.pattern.name} cannot be shuffled weight by weight")
    return Masks(
        {
            name: mask.reshape(-1)[noise[name].reshape(-1).argsort().to(mask.device)].view(mask.shape)
            for name, mask in run.masks.items()
        }
    )


def _start_of(run: Run, subject: Subject) -> Snapshot:
    """Run the subject; where its last training of the weights started from."""
    initial = run.snapshot()
    subject(run)
    return run.restored or initial


def _train_from(run: Run, start: Snapshot, masks: Masks) -> None:
    """Train as the subject did, if it trained at all, from a state under masks."""
    trained = run.weights_trained
    run.prune(masks)
    run.restore(start)
    if trained:
        run.train()
