from typing import Annotated

import tokenizers  # noqa: F401
import transformers  # noqa: F401

from benchmark import Count, Follows, Task, task

from ._continued import continued
from ._options import Folder, VocabularyName


@task
def wikitext(
    *,
    folder: Folder = "wikitext-2-raw",
    length: Count = 512,
    vocabulary: Annotated[VocabularyName, Follows("folder", "{}:8000")] = "wikitext-2-raw:8000",
) -> Task:
    """WikiText: the next word piece of articles of Wikipedia (Merity et al., 2017).

    Perplexity is per word piece, so that it compares within one vocabulary only.

    Options:
        folder: holds wiki.train.raw, wiki.valid.raw and wiki.test.raw, or the same with .tokens
        length: word pieces of a row; rows share nothing
        vocabulary: a folder with tokenizer.json, or CORPUS:SIZE, for so many merges of bytes learnt from the training
            texts of a corpus; left out, 8000 of the folder itself
    """
    return continued(folder, length, vocabulary)
