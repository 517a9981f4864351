"""Files that are published as they are read: SST-2's tables with labels in every split, and BERT's vocabulary."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmark import DataSource, Download

from ._once import Readable, Rows, once
from ._vocabulary import BERT, BERTS_WORDS

_SST2 = "https://raw.githubusercontent.com/awake020/pytorch_Bert_sst2/ce2ab1719d32182e6233b24b2de246bd32814fde/SST-2"
_BERT = "https://huggingface.co/google-bert/bert-base-uncased/resolve/main"

WAITING = "downloaded"
"""The folder that files are downloaded into, before they take their places."""

DIGESTS = {
    "SST-2/train.tsv": "sha256:e981ceb4fe6c9acd1c79851d0d091b9e78103f1f2a399ca83dda27915d41c56c",
    "SST-2/dev.tsv": "sha256:84207e6be5873fb18db798cc6faec86871f5a426554650ff64a1c34e87665f6f",
    "SST-2/test.tsv": "sha256:fcd46f967b7b8efd8b5398481dadf873886298d092195167af907fd532e81e1c",
    f"{BERT}/vocab.txt": f"sha256:{BERTS_WORDS}",
}
"""Of files that can be downloaded. GLUE's own test table has no labels; this one has."""

FOLDERS = {"SST-2": _SST2, BERT: _BERT}
"""Where the files of a folder are."""


def source(rows: Rows, *readables: Readable) -> DataSource:
    """The data source of rows that are made from these, with a download if all of them are published."""
    load = partial(once, rows, readables)
    names = (name for readable in readables for name in readable.files)
    needed = tuple(dict.fromkeys(file for name in names for file in _published(name) or [name]))
    checksums = {file: DIGESTS[file] for file in needed if file in DIGESTS}
    if len(checksums) < len(needed):
        return DataSource(load, needed, checksums=checksums)
    downloads = tuple(Download(_address(file), f"{WAITING}/{file}", DIGESTS[file]) for file in needed)
    return DataSource(load, needed, partial(_placed, needed), downloads, checksums)


def _published(name: str) -> list[str]:
    """The published files of a folder, or a file itself; none if it is another one."""
    return [file for file in DIGESTS if file == name or file.startswith(f"{name}/")]


def _address(file: str) -> str:
    folder, _, name = file.rpartition("/")
    return f"{FOLDERS[folder]}/{name}"


def _placed(files: Sequence[str], folder: Path) -> None:
    """Move downloaded files to their places."""
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / WAITING / file, folder / file)
