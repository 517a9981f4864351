"""Encoders and decoders: what is prunable, how starts fit, and that padding changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("transformers", reason="transformers are not installed: pip install 'prunebench[text]'")

from benchmark.tasks.text import _networks
from benchmark.tasks.text._heads import Classifier, Restorer
from benchmark.tasks.text._labelled import labelled
from benchmark.tasks.text._masking import hidden as drawn
from benchmark.tasks.text._masking import loss, packed, restored
from benchmark.tasks.text._networks import Networks, adapted, prunable
from benchmark.tasks.text._vocabulary import Vocabulary, Words, word_pieces

from benchmark import Target, UsageError, keep_top
from benchmark.data.networks import read_network
from benchmark.harness.network import build, without_values
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


def networks(vocabulary: str = "films:80", classes: int = 2) -> Networks:
    head = partial(Classifier, classes=classes)
    return Networks(head, Vocabulary(vocabulary, word_pieces), 16, ("bert-mini", "minilm"))


def mini(seed: int = 0, head: Callable[..., nn.Module] = Restorer, vocabulary: str = "films:80") -> nn.Module:
    torch.manual_seed(seed)
    return Networks(head, Vocabulary(vocabulary, word_pieces), 16, ("bert-mini",)).models["bert-mini"]().eval()


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
    assert outputs.shape == (len(rows) * 3, 80)
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
    with pytest.raises(UsageError, match=r"knows 31 words, and vocabulary=films:80 has 80; give its own folder, below"):
        networks().zoos["hf"](str(folder))
    with pytest.raises(UsageError, match="knows other words than vocabulary=films:31: give its own folder, below the"):
        networks("films:31").pretrained(f"hf:{folder}", tmp_path)
    assert networks("tiny").pretrained(f"hf:{folder}", tmp_path), "the same words, whatever its path is"
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in [*WORDS, "more"]))
    with pytest.raises(UsageError, match=r"knows 31 words, and vocabulary=.*/tiny has 32; give a smaller one"):
        networks(str(folder)).zoos["hf"](str(folder))
    (folder / "vocab.txt").unlink()
    with pytest.raises(UsageError, match=r"hf:.* has no vocabulary: .*tiny has neither tokenizer.json nor vocab.txt"):
        networks("films:31").pretrained(f"hf:{folder}", tmp_path)


def test_minilm_knows_berts_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS))
    (tmp_path / "model.safetensors").touch()
    monkeypatch.setattr(_networks, "fetched", lambda name, root: tmp_path / "model.safetensors")
    monkeypatch.setattr(_networks, "BERTS", Vocabulary(tmp_path.name, word_pieces).read(tmp_path.parent).content)
    with pytest.raises(UsageError) as error:
        networks("films:31").pretrained("minilm", tmp_path)
    assert str(error.value) == (
        "minilm knows other words than vocabulary=films:31: leave it out, or give vocabulary=bert-base-uncased"
    )


def test_a_folder_without_a_network_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"hf:nowhere is no folder with a config\.json: looked for nowhere"):
        networks().zoos["hf"]("nowhere")
    with pytest.raises(UsageError) as error:
        networks().zoos["hf"](str(tmp_path))
    assert str(error.value) == f"hf:{tmp_path} is no folder with a config.json: looked for {tmp_path}"


TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 31}


def asked_for(kind: str, folder: Path, task: str, **sizes: Any) -> Any:
    """What a task makes of a folder with this configuration of transformers."""
    import transformers

    getattr(transformers, kind)(**(TINY | sizes)).save_pretrained(folder)
    learnt = {"vocabulary": "films:31", "length": 16}
    return registry.task(task, learnt).model(f"hf:{folder}")


@pytest.mark.parametrize("kind", ["BertConfig", "RobertaConfig", "ElectraConfig", "DistilBertConfig"])
def test_what_sees_the_words_that_it_is_to_predict_is_no_language_model(kind: str, tmp_path: Path) -> None:
    for task in ("text-lm", "wikitext"):
        with pytest.raises(
            UsageError, match=r"this task cannot use hf:.*: (it sees the words that it is|ValueError: Unrecognized)"
        ):
            asked_for(kind, tmp_path, task)
    assert asked_for(kind, tmp_path, "mlm")


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("OPTConfig", {"ffn_dim": 32, "word_embed_proj_dim": 16}),
        ("LlamaConfig", {"num_key_value_heads": 1}),
        ("GPTNeoXConfig", {}),
        ("BertConfig", {"is_decoder": True}),
        ("Qwen2Config", {"num_key_value_heads": 1}),
    ],
)
def test_decoders_are_language_models_and_nothing_is_drawn(kind: str, sizes: dict[str, int], tmp_path: Path) -> None:
    before = torch.get_rng_state()
    make = asked_for(kind, tmp_path, "text-lm", pad_token_id=0, **sizes)
    assert torch.equal(torch.get_rng_state(), before)
    assert len(prunable(make())) >= 2 * 4, "of both layers"
    with without_values():
        assert asked_for(kind, tmp_path, "text-lm", pad_token_id=0, **sizes)


def test_gpt2_stores_its_weights_transposed(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"cannot use hf:.*: 'body.*' stores its weights transposed, as GPT-2 does; use"
    ):
        asked_for("GPT2Config", tmp_path, "text-lm", bos_token_id=0, eos_token_id=0)


@pytest.mark.parametrize("task", ["text-lm", "mlm", "text"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "valid JSON"),
        ("{", "valid JSON"),
        ("[]", ""),
        ("{}", "Unrecognized model"),
        ('{"model_type": "unheard-of"}', "unheard-of"),
        ('{"model_type": "bert", "hidden_size": "wide"}', ""),
        ('{"model_type": "bert", "hidden_size": 15}', ""),
        ('{"model_type": "t5", "d_model": 16}', "hf:"),
        ('{"model_type": "vit"}', "hf:"),
    ],
)
def test_a_configuration_that_is_of_no_use_is_one_line(content: str, reason: str, task: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(
        UsageError, match=r"^(hf:.*: transformers cannot read .*config.json: |this task cannot use hf:)"
    ) as error:
        registry.task(task, {"vocabulary": "films:31"}).model(f"hf:{tmp_path}")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "positions"), [("BertConfig", 40), ("RobertaConfig", 38), ("DistilBertConfig", 40), ("ElectraConfig", 40)]
)
def test_rows_are_no_longer_than_the_positions_that_a_network_knows(kind: str, positions: int, tmp_path: Path) -> None:
    import transformers

    config = getattr(transformers, kind)(**TINY, max_position_embeddings=40, pad_token_id=1)
    config.save_pretrained(tmp_path)
    with pytest.raises(UsageError, match=f"hf:.* knows {positions} positions: give length={positions} or less"):
        registry.task("mlm", {"vocabulary": "films:31", "length": positions + 1}).model(f"hf:{tmp_path}")
    longest: Any = registry.task("mlm", {"vocabulary": "films:31", "length": positions}).model(f"hf:{tmp_path}")()
    rows = torch.stack([torch.full((1, positions), 2), torch.zeros(1, positions, dtype=torch.int64)], dim=1)
    assert longest.encode(rows)[0].shape == (1, positions, 16)


@pytest.mark.parametrize("task", ["text-lm", "wikitext", "mlm", "text", "sst2"])
def test_networks_that_have_names_know_512_positions(task: str) -> None:
    long = registry.task(task, {"length": 513})
    for name in long.models:
        with pytest.raises(UsageError, match=f"{name} knows 512 positions: give length=512 or less"):
            long.model(name)
    if "minilm" in long.models:
        with pytest.raises(UsageError, match="minilm knows 512 positions: give length=512 or less"):
            long.model("minilm:layers=2")
    assert registry.task(task, {"length": 512}).model(next(iter(long.models)))


def test_networks_that_have_names_have_no_words_of_a_folder() -> None:
    with pytest.raises(UsageError, match=r"bert-mini has no words of its own: give vocabulary=bert-base-uncased or"):
        registry.task("text", {"vocabulary": "somewhere"}).model("bert-mini")


def test_opt_of_a_folder_is_the_same_network(tmp_path: Path) -> None:
    import transformers

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 32}
    config = transformers.OPTConfig(vocab_size=31, word_embed_proj_dim=16, max_position_embeddings=32, **sizes)
    model = transformers.OPTForCausalLM(config).eval()
    folder = saved(model, tmp_path / "opt", WORDS)
    task = registry.task("text-lm", {"vocabulary": str(folder).lstrip("/"), "length": 32})
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


def test_a_start_that_knows_other_words_is_refused(data: Path, tmp_path: Path) -> None:
    """Names are not what is compared: a corpus of the same name may hold other texts elsewhere."""
    name = Vocabulary("films:80", word_pieces)
    name.read(data)
    start, own = mini().state_dict(), mini().state_dict()
    assert adapted(start, own).keys() == own.keys() - {"vocabulary"}
    shutil.copytree(data / "films", tmp_path / "copy")
    Vocabulary("copy:80", word_pieces).read(tmp_path)
    assert adapted(start, mini(vocabulary="copy:80").state_dict()), "the same words under another name"
    shutil.copytree(data / "stars", tmp_path / "films")
    (tmp_path / "films" / "train.tsv").write_text("label\tsentence\n1\tjoy of joys\n0\tdull\n")
    name.read(tmp_path)
    with pytest.raises(UsageError, match="knows other words than this network"):
        adapted(start, mini().state_dict())


def test_a_start_that_does_not_tell_its_words_is_taken(data: Path) -> None:
    Vocabulary("films:80", word_pieces).read(data)
    start, own = mini().state_dict(), mini().state_dict()
    for unknown in (torch.tensor(0), torch.tensor([1, 2]), torch.tensor(0.5)):
        assert adapted(start | {"vocabulary": unknown}, own)
    assert adapted({name: value for name, value in start.items() if name != "vocabulary"}, own)


# --- on the way -------------------------------------------------------------------------------------------------------


def state(data: Path, length: int = 16) -> tuple[RunState, nn.Module]:
    task = labelled("films", 2, length, "films:80", epoch=10)
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
