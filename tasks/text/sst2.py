import tokenizers  # noqa: F401
import transformers  # noqa: F401

from benchmark import Task, task

from ._labelled import labelled
from ._options import RowLength, VocabularyName

PHRASES = 67_349


@task
def sst2(*, length: RowLength = 48, vocabulary: VocabularyName = "bert-base-uncased") -> Task:
    """SST-2: is a sentence of a film review positive or negative (Socher et al., 2013)?

    Training texts are 67,349 phrases. They overlap, so that `examples` counts phrases, not sentences. Validation is
    GLUE's `dev.tsv`, 872 sentences, and test the 1,821 sentences with their published labels, of which one occurs in
    training.

    Options:
        length: word pieces of a text that are read; with BERT's vocabulary no sentence of validation or test is longer
            than 66, and 9 in 1,000 than 48
        vocabulary: a folder with tokenizer.json or vocab.txt, or CORPUS:SIZE, for so many word pieces learnt from the
            training texts of a corpus: SST-2:4000
    """
    return labelled("SST-2", 2, length, vocabulary, epoch=PHRASES // 32, tested=True)
