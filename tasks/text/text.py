import tokenizers  # noqa: F401
import transformers  # noqa: F401

from benchmark import Count, Task, task

from ._labelled import labelled
from ._options import Folder, RowLength, VocabularyName


@task
def text(
    *,
    folder: Folder = "CoLA",
    classes: Count = 2,
    length: RowLength = 128,
    vocabulary: VocabularyName = "bert-base-uncased",
) -> Task:
    """Text: classes of one or two texts, from the tables of any folder in a layout of GLUE (Wang et al., 2019).

    Options:
        folder: holds train.tsv and dev.tsv, with a label and one or two texts in each row, as CoLA's, MRPC's, RTE's and
            QNLI's have, or dev_matched.tsv, as MNLI; and test.tsv, which is the test split if it has labels: else that
            is dev.tsv, and validation is carved from training
        classes: number of labels
        length: word pieces of a row that are read
        vocabulary: a folder with tokenizer.json or vocab.txt, or CORPUS:SIZE, for so many word pieces learnt from the
            training texts of a corpus: CoLA:4000
    """
    return labelled(folder, classes, length, vocabulary, epoch=300)
