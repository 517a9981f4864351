from __future__ import annotations

from functools import partial

from benchmark import Task, task

from ._classification import METRICS, cross_entropy, evaluate
from ._digits import EPOCH, load, sgd
from ._models import mlp
from ._streams import streamed


@task
def split_digits() -> Task:
    """Split digits: scikit-learn's handwritten digits, two classes at a time (after Zenke et al., 2017)."""
    whole = Task(
        models={"mlp": partial(mlp, 64, 100, 100, 10)},
        recipes={"smoke": sgd(steps=2 * EPOCH), "short": sgd(steps=30 * EPOCH), "full": sgd(steps=120 * EPOCH)},
        data=load,
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
    )
    return streamed(whole, classes=2)
