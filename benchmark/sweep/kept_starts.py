"""Keeps the files of starts in the user's cache, where workers cannot write: networks of records, users' files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from benchmark.data.networks import read_network
from benchmark.errors import PluginError, VerificationFailed
from benchmark.files import user_cache, write
from benchmark.harness.handover import pack
from benchmark.results.record import Record
from benchmark.training.state import network_digest


def kept_network(record: Record) -> Path | None:
    """The file with the network of a record, if it was made before.

    Raises:
        VerificationFailed: the file is not as it was written.
    """
    file = next(iter(sorted(folder().glob(f"{record.key}-{record.network_digest or '*'}.safetensors"))), None)
    if file is None:
        return None
    try:
        sound = file.stem.endswith(network_digest(read_network(file.read_bytes(), file.name)))
    except ValueError:
        sound = False
    if not sound:
        raise VerificationFailed(
            f"the start {file} is not the network of record {record.key[:8]}: it was changed; "
            f"delete it, and the network is trained again"
        )
    return file


def keep_network(record: Record, tensors: Mapping[str, Tensor]) -> Path:
    """Write the network of a record, with its digest in the name, where `kept_network` finds it."""
    return keep(pack(dict(tensors)), f"{record.key}-{network_digest(tensors)}.safetensors")


def folder() -> Path:
    """The folder of starts in the user's cache."""
    return user_cache() / "starts"


def keep(content: bytes, name: str) -> Path:
    """Write a file into the folder of starts, unless it is there."""
    file = folder() / name
    if file.is_file() and file.read_bytes() == content:
        return file
    try:
        write(content, file)
    except OSError as error:
        raise PluginError(f"the start {file} cannot be written: {error.strerror or error}") from None
    return file
