"""The methods in files of the documentation keep the contract, are short, and are the methods that they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark import user_cache
from benchmark.contract import trial
from benchmark.contract.check import check
from benchmark.contract.pace import hurried
from benchmark.plugins.in_files import known
from benchmark.results.spelling import Choice
from benchmark.results.store import Store
from tests.support.command import ROOT, bench_here
from tests.support.outside import known_here, plant

pytestmark = pytest.mark.runs

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
FILES = [file for file in EXAMPLES if "@algorithm" in file.read_text()]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "film", "dull", "joy"]


@pytest.fixture(autouse=True)
def files(forgotten_files: None) -> None:
    """All of them are known."""
    known([Choice(str(file)) for file in FILES], "algorithm")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_short_and_takes_the_face_alone(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert len(lines) < 40
    homes = {line.split()[1] for line in lines if line.startswith(("from ", "import "))}
    assert homes <= {"torch", "benchmark", "benchmark.scores"}
    assert file.name in (ROOT / "docs" / "examples" / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_keeps_the_contract(file: Path) -> None:
    with hurried():
        found = list(check(file.stem.replace("_", "-"), "algorithm"))
    assert len(found) > 5
    assert not [finding for finding in found if finding.problem]


@pytest.mark.parametrize(("own", "built_in"), [("my-wanda", "wanda"), ("my-sparsegpt", "sparsegpt")])
def test_the_masks_are_those_of_the_built_in_method(own: str, built_in: str) -> None:
    ours, theirs = trial.record(own), trial.record(built_in)
    assert ours.status == theirs.status == "ok", ours.error
    assert ours.mask_digest == theirs.mask_digest
    assert ours.metrics == pytest.approx(theirs.metrics)


@pytest.mark.slow
def test_slimming_is_that_of_the_built_in_bit_for_bit() -> None:
    model = trial.record("slimming").cell.model
    ours, theirs = (trial.record(name, model=model) for name in ("my-slimming", "slimming"))
    assert ours.status == theirs.status == "ok", ours.error
    assert (ours.mask_digest, ours.metrics) == (theirs.mask_digest, theirs.metrics)


@pytest.mark.slow
@pytest.mark.parametrize(("own", "built_in"), [("my-top-kast", "top-kast"), ("my-str", "soft-threshold")])
def test_the_others_keep_as_much_as_is_asked_and_learn_as_the_built_in_ones_do(own: str, built_in: str) -> None:
    ours, theirs = trial.record(own, sparsity=0.8), trial.record(built_in, sparsity=0.8)
    assert ours.status == theirs.status == "ok", ours.error
    assert ours.density is not None
    assert ours.density.weights == pytest.approx(0.2, abs=1e-3)
    assert ours.metrics["accuracy"] > theirs.metrics["accuracy"] - 0.15


@pytest.fixture
def cinema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with phrases in SST-2's layout, and a small encoder in the place of the one that is fetched."""
    transformers, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    encoder = transformers.BertModel(transformers.BertConfig(vocab_size=len(WORDS), **sizes))
    encoder.save_pretrained(user_cache() / "data" / "starts" / "minilm")
    words = {word: number for number, word in enumerate(WORDS)}
    tokenizers.BertWordPieceTokenizer(words).save(str(user_cache() / "data" / "starts" / "minilm" / "tokenizer.json"))
    (tmp_path / "SST-2").mkdir()
    for part, heads in (("train", "label\tsentence"), ("dev", "label\tsentence"), ("test", "label\tcontent")):
        rows = [
            f"{label}\ta film {word}{' film' * more}" for more in range(20) for label, word in enumerate(WORDS[-2:])
        ]
        (tmp_path / "SST-2" / f"{part}.tsv").write_text("\n".join([heads, *rows]) + "\n")
    return tmp_path


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_of_transformers_is_pruned_from_its_checkpoint(cinema: Path, own: Store) -> None:
    [file] = [file for file in EXAMPLES if file not in FILES]
    assert file.name in (ROOT / "docs" / "examples" / "README.md").read_text()
    plant(cinema / "site", "task", "my-phrases", file.read_text())
    words = ["run", "--algo", "dense,wanda", "--task", "my-phrases", "--sparsity", "0.5", "--start", "files"]
    with known_here(cinema / "site"):
        ended = bench_here(*words, "--steps", "5", "--jobs", "0", "--data-root", cinema)
    assert ended.code == 0, ended.err
    assert "drawn are classifier.weight (not in the start), classifier.bias (not in the start)" in ended.err
    dense, pruned = sorted(own, key=lambda record: record.cell.sparsity)
    assert dense.metrics.keys() == {"accuracy", "loss"}
    assert {layer.kept / layer.total for layer in pruned.layers.values()} == {0.5}
    assert "bert.encoder.layer.0.attention.self.query.weight" in pruned.layers
