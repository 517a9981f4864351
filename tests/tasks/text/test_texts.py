"""From files to rows of numbers: tables in the layouts of GLUE, corpora, vocabularies, and words that are hidden."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tokenizers", reason="tokenizers are not installed: pip install 'prunebench[text]'")

from benchmark.tasks.text._classification import Labels
from benchmark.tasks.text._corpus import Corpus
from benchmark.tasks.text._language import RunningText, evaluate
from benchmark.tasks.text._masking import HIDDEN, NEVER, Packed, hidden, packed
from benchmark.tasks.text._tables import maximal, read_table
from benchmark.tasks.text._vocabulary import (
    BERT,
    BERTS,
    NOWHERE,
    SPECIAL,
    Vocabulary,
    Words,
    byte_pairs,
    word_pieces,
)

from benchmark import UsageError
from benchmark.plugins import registry

SENTENCES = ["the film is a joy", "a dull film", "the joy of a good film", "it is dull and it is long", "long live joy"]


@pytest.fixture(scope="module")
def words() -> Words:
    return Words(word_pieces(SENTENCES, 60))


def written(folder: Path, **tables: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in tables.items():
        (folder / f"{name}.tsv").write_text(content)
    return folder


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "texts", "labels"),
    [
        ("sentence\tlabel\nfine\t1\ndull\t0\n", [("fine",), ("dull",)], ["1", "0"]),
        ('gj04\t1\t\tHe said "no.\nbc01\t0\t*\tHim said.\n', [('He said "no.',), ("Him said.",)], ["1", "0"]),
        ("Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tA.\tB.\n", [("A.", "B.")], ["1"]),
        (
            "index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\tentailment\n1\tC.\tD.\tnot_entailment\n",
            [("A.", "B."), ("C.", "D.")],
            ["entailment", "not_entailment"],
        ),
        ("index\tquestion\tsentence\tlabel\n0\tWho?\tHe.\tentailment\n", [("Who?", "He.")], ["entailment"]),
        ("index\tsentence\n0\twho knows\n", [("who knows",)], []),
    ],
    ids=["SST-2", "CoLA", "MRPC", "RTE", "QNLI", "without labels"],
)
def test_layouts_of_glue(content: str, texts: list[tuple[str, ...]], labels: list[str], tmp_path: Path) -> None:
    table = read_table(written(tmp_path, train=content) / "train.tsv")
    assert (table.texts, table.labels) == (texts, labels)


def test_a_row_of_another_length_is_named_with_its_line(tmp_path: Path) -> None:
    folder = written(tmp_path, train="label\tsentence\n1\tfine\n0\tdull\tvery\n")
    with pytest.raises(ValueError, match=r"train.tsv, line 3: 3 columns in place of 2"):
        read_table(folder / "train.tsv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it is empty"),
        ("label\tsentence\n", "its columns are label, sentence, and no row follows"),
        ("a\tb\n1\t2\n", "its columns are a, b; known ones are label, quality"),
        ("label\tname\n1\tx\n", "its columns are label, name; known ones are label, quality"),
        (
            "a sentence that is as long as those of books are\n" * 2,
            "its columns are a sentence that is as long as ...;",
        ),
    ],
)
def test_what_is_no_table_says_which_columns_it_has(content: str, message: str, tmp_path: Path) -> None:
    folder = written(tmp_path, train=content)
    with pytest.raises(ValueError, match=f"train.tsv is no table of one or two texts: {message}"):
        read_table(folder / "train.tsv")


def test_the_mark_of_a_byte_order_is_no_part_of_a_column_or_a_text(tmp_path: Path) -> None:
    folder = written(tmp_path, train="\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tA.\tB.\n")
    table = read_table(folder / "train.tsv")
    assert (table.texts, table.labels) == ([("A.", "B.")], ["1"])
    (tmp_path / "book.txt").write_text("\n".join(["\ufefffirst", *SENTENCES * 4]))
    assert Corpus("book.txt").training(tmp_path)[0] == "first"
    (tmp_path / "vocab.txt").write_text("\ufeff" + "\n".join(SPECIAL))
    assert Vocabulary(tmp_path.name, word_pieces).read(tmp_path.parent).number("[PAD]") == 0


def test_empty_lines_are_skipped_at_the_end_alone(tmp_path: Path) -> None:
    folder = written(tmp_path, train="label\tsentence\n1\tfine\n\n\n", dev="label\tsentence\n\n1\tfine\n")
    assert read_table(folder / "train.tsv").texts == [("fine",)]
    with pytest.raises(ValueError, match=r"dev.tsv, line 2: 0 columns in place of 2"):
        read_table(folder / "dev.tsv")


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=5).map(" ".join), min_size=1, max_size=12))
def test_maximal_texts_are_those_within_no_other(texts: list[str]) -> None:
    def within(text: str, other: str) -> bool:
        return text != other and f" {text} " in f" {other} "

    assert maximal(texts) == [t for t in dict.fromkeys(texts) if not any(within(t, other) for other in texts)]


def test_sst2_has_as_many_maximal_phrases_as_were_counted(real_data: Path) -> None:
    train, _, test = Corpus("SST-2").read(real_data)
    assert (len(train), sum(len(text.split()) for text in train), len(test)) == (6_886, 133_442, 1_821)


# --- splits -----------------------------------------------------------------------------------------------------------


def labels(folder: Path, classes: int = 2) -> Labels:
    return Labels(folder.name, Vocabulary(f"{folder.name}:60", word_pieces), 12, classes)


def films(count: int, label: str = "label\tsentence", part: str = "") -> str:
    rows = (f"{number % 2}\t{SENTENCES[number % 5]} {number}{part}" for number in range(count))
    return "\n".join([label, *rows]) + "\n"


def test_without_labels_in_the_test_table_validation_is_carved_from_training(tmp_path: Path) -> None:
    folder = written(tmp_path / "films", train=films(40), dev=films(6, part="d"), test="index\tsentence\n0\tfine\n")
    splits = labels(folder).load(tmp_path)
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [36, 4, 6]
    written(folder, test=films(8, part="t"))
    splits = labels(folder).load(tmp_path)
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [40, 6, 8]


def test_where_a_test_table_has_to_be_it_is_never_replaced_by_another(tmp_path: Path) -> None:
    folder = written(tmp_path / "films", train=films(40), dev=films(6, part="d"), test="index\tsentence\n0\tfine\n")
    tested = replace(labels(folder), tested=True)
    assert tested.files == ("films/train.tsv", "films/dev.tsv", "films/test.tsv")
    with pytest.raises(ValueError, match=r"films/test.tsv has no labels, as GLUE's own; this task tests on them"):
        tested.load(tmp_path)
    assert "SST-2/test.tsv" in registry.task("sst2").source.files


def test_glues_own_folder_of_sst2_will_do_for_text() -> None:
    """Its test table has no labels and another checksum."""
    source = registry.task("text", {"folder": "SST-2"}).source
    assert source.files == ("SST-2/train.tsv", "SST-2/dev.tsv", "bert-base-uncased/vocab.txt")
    assert source.fetch
    assert registry.task("text", {"folder": "CoLA"}).source.files == ("CoLA", "bert-base-uncased/vocab.txt")


def test_labels_that_training_lacks_and_other_numbers_of_classes_are_errors(tmp_path: Path) -> None:
    folder = written(tmp_path / "films", train=films(40), dev=films(6).replace("1\t", "maybe\t"))
    with pytest.raises(ValueError, match=r"dev.tsv, line 3: the label 'maybe' is none of training's"):
        labels(folder).load(tmp_path)
    with pytest.raises(UsageError, match=r"has 2 labels \(0, 1\); give classes=2"):
        labels(folder, classes=3).load(tmp_path)
    written(folder, train=films(40).replace("1\t", "0\t"))
    with pytest.raises(ValueError, match="every row has the label '0'; there is nothing to learn"):
        labels(folder).load(tmp_path)


@pytest.mark.parametrize("part", ["train", "dev", "test"])
def test_a_row_without_a_label_is_named_with_its_line(part: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "films", train=films(40), dev=films(6), test=films(6))
    written(folder, **{part: films(6).replace("1\ta dull film 1", " \ta dull film 1")})
    with pytest.raises(ValueError, match=f"{part}.tsv, line 3: this row has no label"):
        labels(folder).load(tmp_path)


@pytest.mark.parametrize("part", ["train", "dev"])
def test_a_table_without_labels_says_which_columns_it_has(part: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "films", **({"train": films(40), "dev": films(6)} | {part: films(6, "class\ttext")}))
    with pytest.raises(
        ValueError, match=r"its columns are class, text; that of labels is called label, quality or gold_label"
    ):
        labels(folder).load(tmp_path)


def test_labels_are_the_same_whatever_spaces_are_around_them(tmp_path: Path) -> None:
    folder = written(
        tmp_path / "films", train=films(40).replace("1\ta dull film 1\n", "1 \ta dull film 1\n"), dev=films(6)
    )
    assert labels(folder).load(tmp_path).train.classes.unique().tolist() == [0, 1]


def test_of_mnli_the_matched_table_is_read(tmp_path: Path) -> None:
    folder = written(tmp_path / "films", train=films(40), dev_matched=films(6), dev_mismatched=films(8))
    assert labels(folder).sources(tmp_path) == [folder / "train.tsv", folder / "dev_matched.tsv"]
    assert len(labels(folder).load(tmp_path).test) == 6
    (folder / "dev_matched.tsv").unlink()
    with pytest.raises(ValueError, match=r"films has no dev.tsv or dev_matched.tsv"):
        labels(folder).load(tmp_path)


def test_classes_are_numbered_in_the_order_of_their_numbers_or_names(tmp_path: Path) -> None:
    content = "label\tsentence\n" + "".join(f"{label}\ttext {label}\n" for label in (10, 9, 1, 2, 1))
    folder = written(tmp_path / "stars", train=content, dev=content, test=content)
    splits = labels(folder, classes=4).load(tmp_path)
    assert splits.test.batch(torch.arange(5))[1].tolist() == [3, 2, 0, 1, 0]


def test_a_file_of_text_is_split_by_its_lines(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("\n".join(f"line {number}" for number in range(40)))
    train, validation, test = Corpus("book.txt").read(tmp_path)
    assert (len(train), validation, test) == (36, ["line 18", "line 38"], ["line 19", "line 39"])


def test_a_corpus_without_a_split_says_what_it_looked_for(tmp_path: Path) -> None:
    (tmp_path / "wiki").mkdir()
    for part in ("train", "valid"):
        (tmp_path / "wiki" / f"wiki.{part}.raw").write_text(" = Title = \n\n text \n")
    with pytest.raises(ValueError, match=r"no texts of split test: none of wiki.test.raw, wiki.test.tokens, test.txt"):
        Corpus("wiki").read(tmp_path)
    (tmp_path / "wiki" / "wiki.test.raw").write_text("text\n")
    assert Corpus("wiki").read(tmp_path)[0] == [" = Title = ", " text "]


# --- vocabularies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("learn", [word_pieces, byte_pairs])
def test_the_same_texts_give_the_same_vocabulary(learn) -> None:  # type: ignore[no-untyped-def]
    texts = [f"{sentence} {number}" for number in range(50) for sentence in SENTENCES]
    assert len({str(sorted(learn(texts, 300).get_vocab().items())) for _ in range(5)}) == 1


def test_word_pieces_are_lower_case_and_special_ones_come_first(words: Words) -> None:
    assert [words.number(piece) for piece in SPECIAL] == [0, 1, 2, 3, 4]
    assert words.pieces(["The FILM"]) == words.pieces(["the film"])
    assert words.pieces(["[SEP] 世"])[0].count(words.number("[SEP]")) == 0, "a text cannot name special pieces"


def test_every_text_is_made_of_byte_pairs() -> None:
    tokenizer = byte_pairs(SENTENCES, 280)
    assert tokenizer.get_vocab_size() == 280
    pieces = tokenizer.encode("Ü 世\n").tokens
    assert [len(piece) for piece in pieces] == [1] * len("Ü 世\n".encode()), "a piece for every byte"


def test_berts_vocabulary(real_data: Path) -> None:
    read = Vocabulary(BERT, word_pieces).read(real_data)
    assert read.tokenizer.encode("Unaffable films").tokens == ["una", "##ffa", "##ble", "films"]
    assert [read.number(piece) for piece in SPECIAL] == [0, 100, 101, 102, 103]
    assert read.content == BERTS


@pytest.mark.parametrize(("learn", "least"), [(word_pieces, 5 + 2 * 17), (byte_pairs, 256)])
def test_a_vocabulary_has_room_for_the_letters_of_its_corpus(learn: Any, least: int, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("\n".join(SENTENCES * 8))
    for size in (1, 20, least - 1):
        with pytest.raises(
            UsageError, match=rf"book.txt:{size} has no room for .*; give vocabulary=book.txt:{least} or"
        ):
            Vocabulary(f"book.txt:{size}", learn).read(tmp_path)
    assert Vocabulary(f"book.txt:{least}", learn).read(tmp_path).content.entries == least


def test_left_out_a_vocabulary_is_learnt_from_the_corpus_itself() -> None:
    lm, wiki = registry.family("text-lm"), registry.family("wikitext")
    assert lm.resolve({}) == {"corpus": "SST-2", "length": 128, "vocabulary": "SST-2:4000"}
    assert lm.resolve({"corpus": "my.txt"})["vocabulary"] == "my.txt:4000"
    assert lm.resolve({"corpus": "my.txt", "vocabulary": "SST-2:4000"})["vocabulary"] == "SST-2:4000"
    assert wiki.resolve({})["vocabulary"] == "wikitext-2-raw:8000"
    assert wiki.resolve({"folder": "other"})["vocabulary"] == "other:8000"
    assert registry.task("wikitext", {"folder": "other"}).source.files == ("other",)
    assert registry.task("text-lm", {"corpus": "my.txt"}).source.files == ("my.txt",)


def test_special_pieces_may_have_robertas_names(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(["<s>", "<pad>", "</s>", "[UNK]", "<mask>", "joy"]))
    words = Vocabulary(tmp_path.name, word_pieces).read(tmp_path.parent)
    assert words.special == [1, 3, 0, 2, 4]
    assert words.encoded([("joy",)], 5)[0, 0].tolist() == [0, 5, 2, 1, 1]
    (tmp_path / "vocab.txt").write_text("\n".join(["[UNK]", "joy"]))
    words = Vocabulary(tmp_path.name, word_pieces).read(tmp_path.parent)
    with pytest.raises(ValueError, match=r"has neither \[CLS\] nor <s>: special pieces have BERT's names or RoBERTa's"):
        words.encoded([("joy",)], 5)


def test_a_folder_without_a_vocabulary_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing has neither tokenizer.json nor vocab.txt"):
        Vocabulary("nothing", word_pieces).read(tmp_path)


# --- rows -------------------------------------------------------------------------------------------------------------


def test_one_text_and_two(words: Words) -> None:
    start, end = words.number("[CLS]"), words.number("[SEP]")
    joy, film = (words.pieces([text])[0] for text in ("joy", "film"))
    [one] = words.encoded([("joy",)], 12)
    assert one[0].tolist() == [start, *joy, end, *[0] * (10 - len(joy))]
    assert one[1].tolist() == [0] * (len(joy) + 2) + [NOWHERE] * (10 - len(joy))
    [two] = words.encoded([("joy", "film")], 20)
    assert two[0].tolist()[: len(joy) + len(film) + 3] == [start, *joy, end, *film, end]
    assert two[1].tolist() == [0] * (len(joy) + 2) + [1] * (len(film) + 1) + [NOWHERE] * (17 - len(joy) - len(film))


def test_what_is_too_long_loses_its_end_that_of_the_longer_first(words: Words) -> None:
    long, short = "film " * 9, "joy joy"
    whole, few = (words.pieces([text])[0] for text in (long, short))
    [row] = words.encoded([(long, short)], 3 + len(few) + 2)
    assert row[0].tolist() == [words.number("[CLS]"), *whole[:2], 3, *few, 3]
    assert (row[1] != NOWHERE).all()


def test_rows_have_room_for_a_word_of_each_text(words: Words) -> None:
    assert words.encoded([("joy", "film")], 5)[0, 0].tolist().count(words.number("[SEP]")) == 2
    with pytest.raises(UsageError, match="length=4 has no room for 2 texts; give length=5 or more"):
        words.encoded([("joy", "film")], 4)
    for task, least in (("text", 3), ("sst2", 3), ("mlm", 4), ("text-lm", 1)):
        assert registry.task(task, {"length": least})
        with pytest.raises(
            UsageError, match=f"option 'length' of '{task}' cannot be .*; it takes whole number >= {least}"
        ):
            registry.task(task, {"length": least - 1})
    assert round(HIDDEN * 4) == 1


def test_hidden_are_exactly_so_many_words_of_each_row_and_never_special_pieces(words: Words) -> None:
    rows = packed(SENTENCES * 200, words, 20)
    drawn = hidden(rows, torch.Generator().manual_seed(0))
    places, there, shown = drawn.unbind(dim=2)
    assert drawn.shape == (len(rows), round(HIDDEN * 20), 3)
    assert all(len(set(row)) == len(row) for row in places.tolist())
    assert torch.equal(rows[:, 0].long().gather(1, places), there)
    assert not set(there.flatten().tolist()) & set(words.special)
    assert not set(shown.flatten().tolist()) & (set(words.special) - {words.number("[MASK]")})
    by_mask = float((shown == words.number("[MASK]")).double().mean())
    as_it_is = float((shown == there).double().mean())
    count = shown.numel()
    assert by_mask == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / count))
    assert 0.1 - 4 * math.sqrt(0.09 / count) < as_it_is < 0.2, "a tenth, and where the other word is the same one"


def test_rows_are_full_and_begin_with_cls(words: Words) -> None:
    rows = packed(SENTENCES * 20, words, 20)
    assert (rows[:, 0, 0] == words.number("[CLS]")).all()
    assert not (rows[:, 0] == words.number("[PAD]")).any()
    pieces = sorted(number for text in SENTENCES * 20 for number in (*words.pieces([text])[0], words.number("[SEP]")))
    kept = sorted(rows[:, 0, 1:].flatten().tolist())
    assert 0 <= len(pieces) - len(kept) < 19, "what fills no row is left out"
    assert ((rows[:, 2] == NEVER) == torch.isin(rows[:, 0], torch.tensor(words.special, dtype=torch.int32))).all()


def test_too_few_words_are_errors(words: Words) -> None:
    with pytest.raises(ValueError, match="fill no row of 50"):
        packed(["joy"], words, 50)
    with pytest.raises(ValueError, match="too few words to hide"):
        packed([""] * 99, words, 20)


@pytest.mark.slow
def test_masked_rows_of_a_corpus_are_the_same_at_every_reading(real_data: Path) -> None:
    rows = Packed(Corpus("SST-2"), Vocabulary("SST-2:500", word_pieces), 40)
    first, second = rows.load(real_data), rows.load(real_data)
    assert [split.digest for split in (first.train, first.test)] == [s.digest for s in (second.train, second.test)]


def test_running_text_predicts_the_next_piece(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("\n".join(SENTENCES * 40))
    text = RunningText(Corpus("book.txt"), Vocabulary("book.txt:280", byte_pairs), 8)
    given_, following = text.load(tmp_path).train.batch(torch.arange(3))
    assert torch.equal(given_[:, 1:], following[:, :-1])
    with pytest.raises(ValueError, match="fill no row of 100001"):
        RunningText(Corpus("book.txt"), Vocabulary("book.txt:280", byte_pairs), 100_000).load(tmp_path)


def test_a_network_that_knows_nothing_has_the_perplexity_of_its_vocabulary() -> None:
    batch = torch.randint(50, (20, 6)), torch.randint(50, (20, 6))
    found = evaluate(lambda numbers: torch.zeros(*numbers.shape, 50), [batch])  # type: ignore[arg-type]
    assert found == pytest.approx({"perplexity": 50, "loss": math.log(50)})
