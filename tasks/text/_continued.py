"""Tasks of the next word piece."""

from __future__ import annotations

from benchmark import Recipe, Task, shortened

from ._corpus import Corpus
from ._heads import Continuer
from ._language import METRICS, RunningText, evaluate, loss
from ._networks import Networks
from ._published import source
from ._vocabulary import Vocabulary, byte_pairs


def continued(corpus: str, length: int, vocabulary: str) -> Task:
    """The task of a corpus: AdamW, batches of 16 rows, warm-up, and a rate that falls to zero along a line."""
    pieces = Vocabulary(vocabulary, byte_pairs)
    rows = RunningText(Corpus(corpus), pieces, length)
    networks = Networks(Continuer, pieces, length, ("gpt-mini", "gpt-small"))
    full = Recipe(
        steps=10_000, batch_size=16, rate=1e-3, optimizer="adamw", weight_decay=0.01, warmup=500, linear=True, clip=1.0
    )
    return networks.task(
        recipes={"smoke": shortened(full, 10), "short": shortened(full, 1_000), "full": full},
        data=source(rows, rows.corpus, pieces),
        loss=loss,
        evaluate=evaluate,
        metrics=METRICS,
    )
