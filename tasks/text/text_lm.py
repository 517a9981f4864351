from typing import Annotated

import tokenizers  # noqa: F401
import transformers  # noqa: F401

from benchmark import Count, Follows, Task, task

from ._continued import continued
from ._options import CorpusName, VocabularyName


@task
def text_lm(
    *,
    corpus: CorpusName = "SST-2",
    length: Count = 128,
    vocabulary: Annotated[VocabularyName, Follows("corpus", "{}:4000")] = "SST-2:4000",
) -> Task:
    """Language model: the next word piece of any running text (Radford et al., 2019).

    Perplexity is per word piece, so that it compares within one vocabulary only.

    Options:
        corpus: a folder with train.txt, valid.txt and test.txt, or with tables of texts; or a file, of which nine in
            ten lines are to train
        length: word pieces of a row; rows share nothing
        vocabulary: a folder with tokenizer.json, or CORPUS:SIZE, for so many merges of bytes learnt from the training
            texts of a corpus; left out, 4000 of the corpus itself
    """
    return continued(corpus, length, vocabulary)
