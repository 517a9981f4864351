"""Encoders and decoders: what is prunable, how starts fit, and that padding changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("transformers", reason="transformers are not installed: pip install 'prunebench[text]'")

from benchmark.tasks.text._labelled import labelled
from benchmark.tasks.text._masking import hidden as drawn
from benchmark.tasks.text._masking import loss, packed, restored
from benchmark.tasks.text._networks import Classifier, Networks, Restorer, adapted, prunable
from benchmark.tasks.text._vocabulary import Vocabulary, Words, word_pieces

from benchmark import Target, UsageError, keep_top
from benchmark.data.networks import read_network
from benchmark.harness.network import build
from benchmark.harness.starts import fit
from benchmark.plugins import registry
from benchmark.training.run import Run
from benchmark.training.run_state import RunState

pytestmark = pytest.mark.runs

SENTENCES = ["the film is a joy", "a dull film", "the joy of a good film", "it is dull and it is long", "long live joy"]

LAYERS = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")

OF_BLOCK = (*LAYERS, "intermediate.dense", "output.dense")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with texts of two labels, `films`, and of three, `stars`."""
    root = tmp_path_factory.mktemp("data")
    for name, labels in (("films", 2), ("stars", 3)):
        (root / name).mkdir()
        for part in ("train", "dev", "test"):
            rows = (f"{number % labels}\t{SENTENCES[number % 5]} {part} {number}\n" for number in range(60))
            (root / name / f"{part}.tsv").write_text("label\tsentence\n" + "".join(rows))
    return root


@pytest.fixture(scope="module")
def words() -> Words:
    return Words(word_pieces(SENTENCES, 60))


def networks(vocabulary: str = "films:60", classes: int = 2) -> Networks:
    head = partial(Classifier, classes=classes)
    return Networks(head, Vocabulary(vocabulary, word_pieces), ("bert-mini", "minilm"))


def mini(seed: int = 0, head: Callable[..., nn.Module] = Restorer, vocabulary: str = "films:60") -> nn.Module:
    torch.manual_seed(seed)
    return Networks(head, Vocabulary(vocabulary, word_pieces), ("bert-mini",)).models["bert-mini"]().eval()


# --- what is prunable -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layers", "weights"), [(2, 3_538_944), (6, 10_616_832)])
def test_of_minilm_six_matrices_of_every_layer_are_prunable(layers: int, weights: int) -> None:
    with torch.device("meta"):
        network = networks("bert-base-uncased").zoos["minilm"](f"layers={layers}")()
    names = prunable(network)
    assert sorted(names) == sorted(f"body.encoder.layer.{i}.{at}.weight" for i in range(layers) for at in OF_BLOCK)
    assert sum(network.get_parameter(name).numel() for name in names) == weights


def test_embeddings_and_heads_are_never_prunable(tmp_path: Path) -> None:
    assert all(".encoder.layer." in name for name in prunable(mini()))
    decoder = registry.task("text-lm").model("gpt-mini")()
    assert len(prunable(decoder)) == 12
    assert not any("lm_head" in name or "embed" in name for name in prunable(decoder))


@pytest.mark.parametrize("text", ["layers=0", "layers=7", "layers=two", "3"])
def test_minilm_has_one_to_six_layers(text: str) -> None:
    with pytest.raises(UsageError, match=r"no model named 'minilm:.*'; give minilm:layers=N, N from 1 to 6"):
        networks().zoos["minilm"](text)


def test_the_decoders_last_layer_is_its_embedding() -> None:
    decoder: Any = registry.task("text-lm").model("gpt-mini")()
    assert decoder.body.lm_head.weight is decoder.body.get_input_embeddings().weight
    assert "body.lm_head.weight" not in dict(decoder.named_parameters())


# --- what they answer -------------------------------------------------------------------------------------------------


def test_padding_does_not_change_the_outputs(words: Words) -> None:
    network = mini(head=partial(Classifier, classes=2))
    texts = [(sentence,) for sentence in SENTENCES]
    short, long = (network(words.encoded(texts, length)) for length in (24, 60))
    assert torch.allclose(short, long, atol=1e-5)


def test_a_second_text_has_a_segment_of_its_own(words: Words) -> None:
    network = mini(head=partial(Classifier, classes=2))
    [row] = words.encoded([("joy", "film")], 20)
    one = row.clone()
    one[1] = one[1].clamp(max=0)
    assert not torch.allclose(network(row[None]), network(one[None]), atol=1e-4)


def test_hidden_words_cannot_be_seen(words: Words) -> None:
    """With [MASK] in their places the outputs are the same whatever lies there."""
    network, rows = mini(), packed(SENTENCES * 20, words, 20)
    hidden = drawn(rows, torch.Generator().manual_seed(0))
    hidden[:, :, 2] = words.number("[MASK]")
    other = rows.clone()
    other[:, 0] = rows[:, 0].long().scatter(1, hidden[:, :, 0], 7).int()
    assert torch.equal(restored(network, (rows, hidden))[0], restored(network, (other, hidden))[0])


def test_the_loss_is_that_of_the_hidden_words_alone(words: Words) -> None:
    network, rows = mini(), packed(SENTENCES * 20, words, 20)
    hidden = drawn(rows, torch.Generator().manual_seed(0))
    outputs, there = restored(network, (rows, hidden))
    assert outputs.shape == (len(rows) * 3, 60)
    expected = -outputs.log_softmax(dim=1)[torch.arange(len(there)), there].mean()
    assert torch.allclose(loss(network, (rows, hidden)), expected)


# --- starts -----------------------------------------------------------------------------------------------------------


def saved(model: Any, folder: Path, words: list[str]) -> Path:
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    return folder


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]


@pytest.mark.parametrize("kind", ["BertModel", "BertForMaskedLM", "BertForSequenceClassification", "RobertaModel"])
def test_a_folder_of_transformers_is_the_same_network(kind: str, tmp_path: Path) -> None:
    import transformers

    torch.manual_seed(0)
    base = transformers.RobertaConfig if kind.startswith("Roberta") else transformers.BertConfig
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    model = getattr(transformers, kind)(base(vocab_size=len(WORDS), pad_token_id=0, **sizes)).eval()
    folder = saved(model, tmp_path / "tiny", WORDS)
    task = labelled("films", 2, 16, str(folder), epoch=10)
    network: Any = task.model(f"hf:{folder}")().eval()
    assert task.pretrained
    found = fit(task.pretrained(f"hf:{folder}", tmp_path), network, task)
    assert set(found.drawn_parameters(network)) == {
        "head.weight (not in the start)",
        "head.bias (not in the start)",
    }
    network.load_state_dict(network.state_dict() | found.values)
    rows = Words(word_pieces(SENTENCES, 60)).encoded([("joy",)], 5).clamp(max=len(WORDS) - 1)
    body = getattr(model, model.base_model_prefix, model)
    theirs = body(input_ids=rows[:, 0], attention_mask=rows[:, 1] >= 0).last_hidden_state
    ours, there = network.encode(rows)
    assert torch.allclose(ours * there, theirs * there, atol=1e-6)


def test_a_folder_that_knows_other_words_is_refused(tmp_path: Path) -> None:
    import transformers

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    folder = saved(transformers.BertModel(transformers.BertConfig(vocab_size=31, **sizes)), tmp_path / "tiny", WORDS)
    with pytest.raises(UsageError, match=r"knows 31 words, and vocabulary=films:60 has 60; give vocabulary="):
        networks().zoos["hf"](str(folder))
    with pytest.raises(UsageError, match="knows other words than vocabulary=films:31; name its own folder"):
        networks("films:31").pretrained(f"hf:{folder}", tmp_path)


def test_a_folder_without_a_network_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"hf:nowhere is no folder with a config\.json: looked for nowhere"):
        networks().zoos["hf"]("nowhere")
    with pytest.raises(UsageError) as error:
        networks().zoos["hf"](str(tmp_path))
    assert str(error.value) == f"hf:{tmp_path} is no folder with a config.json: looked for {tmp_path}"


def test_gpt2_stores_its_weights_transposed(tmp_path: Path) -> None:
    import transformers

    config = transformers.GPT2Config(vocab_size=31, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0)
    folder = saved(transformers.GPT2LMHeadModel(config), tmp_path / "gpt2", WORDS)
    task = registry.task("text-lm", {"vocabulary": "films:31"})
    with pytest.raises(UsageError, match="stores its weights transposed, as GPT-2 does"):
        task.prunable(task.model(f"hf:{folder}")())


def test_opt_of_a_folder_is_the_same_network(tmp_path: Path) -> None:
    import transformers

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 32}
    config = transformers.OPTConfig(vocab_size=31, word_embed_proj_dim=16, max_position_embeddings=32, **sizes)
    model = transformers.OPTForCausalLM(config).eval()
    folder = saved(model, tmp_path / "opt", WORDS)
    task = registry.task("text-lm", {"vocabulary": str(folder).lstrip("/")})
    network = task.model(f"hf:{folder}")().eval()
    given = read_network((folder / "model.safetensors").read_bytes(), "model.safetensors")
    found = fit(given, network, task)
    assert not found.drawn_parameters(network)
    network.load_state_dict(network.state_dict() | found.values)
    numbers = torch.randint(31, (2, 12))
    assert torch.allclose(network(numbers), model(input_ids=numbers).logits, atol=1e-6)


def test_names_of_old_checkpoints_are_known() -> None:
    own = {"body.embeddings.LayerNorm.weight": torch.zeros(2), "vocabulary": torch.tensor(1)}
    assert adapted({"bert.embeddings.LayerNorm.gamma": torch.ones(2)}, own).keys() == {
        "body.embeddings.LayerNorm.weight"
    }


def test_a_start_that_knows_other_words_is_refused() -> None:
    given, own = mini(vocabulary="stars:60").state_dict(), mini().state_dict()
    with pytest.raises(UsageError, match="knows other words than this network"):
        adapted(given, own)
    assert adapted(mini().state_dict(), own).keys() == own.keys()


# --- on the way -------------------------------------------------------------------------------------------------------


def state(data: Path, length: int = 16) -> tuple[RunState, nn.Module]:
    task = labelled("films", 2, length, "films:60", epoch=10)
    network, splits = build(task, "bert-mini", 0), task.data(data)
    target = Target(0.5)
    return RunState(task, network, task.recipe("full", "bert-mini"), target, splits.train, 0), network


def test_after_going_back_the_encoder_is_the_start_times_the_masks(data: Path) -> None:
    kept_state, network = state(data)
    run = Run(kept_state)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    begun = run.snapshot()
    run.train(3)
    masks = keep_top({name: weight.abs() for name, weight in run.weights.items()}, run.target)
    assert not any(torch.equal(weight, start[name]) for name, weight in run.weights.items())
    run.prune(masks)
    run.restore(begun)
    for name, value in network.state_dict().items():
        expected: Tensor = start[name] * masks[name] if name in masks else start[name]
        assert torch.equal(value, expected), name
    run.train(2)
    assert all(not weight[~masks[name]].any() for name, weight in run.weights.items())
