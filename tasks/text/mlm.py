from functools import partial

import tokenizers  # noqa: F401
import transformers  # noqa: F401

from benchmark import Recipe, Task, shortened, task

from ._corpus import Corpus
from ._heads import Restorer
from ._masking import METRICS, Packed, diagnose, evaluate, hidden_anew, loss
from ._networks import Networks
from ._options import CorpusName, MaskedLength, VocabularyName
from ._published import source
from ._vocabulary import Vocabulary, word_pieces


@task
def mlm(
    *, corpus: CorpusName = "SST-2", length: MaskedLength = 48, vocabulary: VocabularyName = "bert-base-uncased"
) -> Task:
    """Masked words: restore the words that are hidden in a text (Devlin et al., 2019).

    Exactly round(.15 * length) words of a row are hidden, other ones whenever it is trained on. The diagnosis has the
    accuracy of answering the commonest hidden word. Encoders that were trained here are starts of the other tasks.

    Options:
        corpus: a folder with train.tsv, dev.tsv and test.tsv, of which training texts within others are left out; or
            with train.txt and so on, or wiki.train.raw and so on; or a file, of which nine in ten lines are to train
        length: word pieces of a row
        vocabulary: a folder with tokenizer.json or vocab.txt, or CORPUS:SIZE, for so many word pieces learnt from the
            training texts of a corpus: SST-2:4000
    """
    pieces = Vocabulary(vocabulary, word_pieces)
    rows = Packed(Corpus(corpus), pieces, length)
    networks = Networks(Restorer, pieces, length, ("bert-mini", "bert-small", "minilm"))
    return networks.task(
        recipes=recipes(1e-3),
        model_recipes={"minilm": recipes(5e-4), "hf": recipes(1e-4)},
        data=source(rows, rows.corpus, pieces),
        loss=loss,
        evaluate=evaluate,
        metrics=METRICS,
        diagnose=diagnose,
    )


def recipes(rate: float) -> dict[str, Recipe]:
    """A recipe for each budget: AdamW with warm-up, and a rate that falls to zero along a line."""
    adamw = partial(Recipe, batch_size=64, rate=rate, optimizer="adamw", weight_decay=0.01, linear=True, clip=1.0)
    full = adamw(steps=4_000, warmup=200, augment=hidden_anew)
    return {"smoke": shortened(full, 10), "short": shortened(full, 400), "full": full}
