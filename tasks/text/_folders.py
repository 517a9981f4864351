"""Networks of `hf:FOLDER`: where the folder is, and whether a task can use its network, which is tried out first."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn
from transformers import AutoConfig
from transformers.utils import logging

from benchmark import UsageError, user_cache

Network = TypeVar("Network", bound=nn.Module)


def located(folder: str) -> Path:
    """A folder with a network of transformers: a path, also below `PRUNEBENCH_DATA`. Raises UsageError if none is."""
    roots = (Path(), Path(os.environ.get("PRUNEBENCH_DATA", "")), user_cache() / "data")
    places = list(dict.fromkeys(root / folder for root in roots))
    for place in places:
        if (place / "config.json").is_file():
            return place
    raise UsageError(f"hf:{folder} is no folder with a config.json: looked for {', '.join(map(str, places))}")


def configuration(folder: str) -> Any:
    """What transformers reads from the `config.json` of a folder. Raises UsageError if it cannot read it."""
    file = located(folder) / "config.json"
    try:
        return AutoConfig.from_pretrained(file.parent, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # of many types
        raise UsageError(f"hf:{folder}: transformers cannot read {file}: {_shortened(error)}") from None


def tried(folder: str, config: Any, make: Callable[[Any], Network]) -> Network:
    """A network of a folder's kind with a single layer, if it can have one, and drawn weights, in eval mode.

    The random numbers of the process are not touched.

    Raises:
        UsageError: transformers has no such network, or it lacks what the task needs.
    """
    least = deepcopy(config)
    least.num_hidden_layers = 1
    with torch.random.fork_rng(devices=[]), _silent():
        try:
            return make(least).eval()
        except Exception:  # its layers are listed one by one, for example
            pass
        try:
            return make(config).eval()
        except Exception as error:  # of many types
            raise useless(folder, error) from None


@contextmanager
def _silent() -> Iterator[None]:
    """Transformers gives no advice to the makers of models."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)


def useless(folder: str, error: Exception) -> UsageError:
    """The error for a network that a task cannot use: with the kind of exception, if it comes from transformers."""
    kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
    return UsageError(f"this task cannot use hf:{folder}: {kind}{_shortened(error)}")


def positions(network: nn.Module, config: Any) -> int | None:
    """How many word pieces of a row a network can tell apart by their places; None if there is no limit."""
    most = getattr(config, "max_position_embeddings", None)
    if not most or most < 0:
        return None
    tables = [part for name, part in network.named_modules() if name.endswith("position_embeddings")]
    reserved = [table.padding_idx + 1 for table in tables if getattr(table, "padding_idx", None) is not None]
    return int(most) - max(reserved, default=0)  # RoBERTa's begin behind that of padding


def _shortened(error: Exception) -> str:
    """The message of an exception on one line: those of transformers are paragraphs."""
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{text[:200]}..." if len(text) > 200 else text
