"""Tasks of classes of texts."""

from __future__ import annotations

from functools import partial

from benchmark import Recipe, Task, shortened

from ..images._classification import cross_entropy
from ._classification import METRICS, Labels, evaluate, logits
from ._heads import Classifier
from ._networks import Networks
from ._published import source
from ._vocabulary import Vocabulary, word_pieces

MODELS = ("bert-mini", "bert-small", "minilm")

RATES = {"bert-mini": 5e-4, "bert-small": 5e-4, "minilm": 1e-4, "hf": 2e-5}
"""Learning rates; 2e-5 is what Chen et al. (2020) tune BERT at."""


def labelled(folder: str, classes: int, length: int, vocabulary: str, epoch: int, tested: bool = False) -> Task:
    """The task of the tables of a folder.

    Networks are trained as BERT is tuned (Devlin et al., 2019): AdamW without weight decay, batches of 32, and a rate
    that falls to zero along a line, in three epochs.

    Args:
        epoch: steps of an epoch of the budgets.
        tested: whether the folder has to have a labelled test table.
    """
    pieces = Vocabulary(vocabulary, word_pieces)
    labels = Labels(folder, pieces, length, classes, tested)
    networks = Networks(partial(Classifier, classes=classes), pieces, length, MODELS)
    return networks.task(
        recipes=recipes(RATES["bert-mini"], epoch),
        model_recipes={name: recipes(rate, epoch) for name, rate in RATES.items()},
        data=source(labels, labels, pieces),
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
        logits=logits,
    )


def recipes(rate: float, epoch: int) -> dict[str, Recipe]:
    """A recipe for each budget: `short` is a tenth of `full`, three epochs."""
    full = Recipe(steps=3 * epoch, batch_size=32, rate=rate, optimizer="adamw", linear=True)
    return {"smoke": shortened(full, 10), "short": shortened(full, full.steps // 10), "full": full}
