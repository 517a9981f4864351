"""Phrases of films, liked or not, by a classification model of transformers (SST-2; Socher et al., 2013)."""

from functools import cache

import pandas
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForSequenceClassification

from benchmark import Recipe, from_module, user_cache

CHECKPOINT = user_cache() / "data" / "starts" / "minilm"  # a folder with config.json, tokenizer.json, model.safetensors


def network():
    return AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(CHECKPOINT, num_labels=2))


def pretrained(model, folder):
    return {f"bert.{name}": values for name, values in load_file(CHECKPOINT / "model.safetensors").items()}


@cache
def tokenizer():
    made = Tokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))
    made.enable_truncation(64)
    made.enable_padding()
    return made


def splits(folder):
    parts = (pandas.read_csv(folder / "SST-2" / f"{part}.tsv", sep="\t") for part in ("train", "dev", "test"))
    return tuple([*part.itertuples(index=False, name=None)] for part in parts)


def padded(examples):
    labels, phrases = zip(*examples, strict=True)
    coded = tokenizer().encode_batch(phrases)
    return {
        "input_ids": torch.tensor([one.ids for one in coded]),
        "attention_mask": torch.tensor([one.attention_mask for one in coded]),
        "labels": torch.tensor(labels),
    }


recipe = Recipe(steps=6000, batch_size=32, rate=5e-5, optimizer="adamw", weight_decay=0.01, warmup=600, linear=True)
my_phrases = from_module(network, splits, recipe, collate=padded, pretrained=pretrained)
