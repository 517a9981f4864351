"""Pickles, npz files and torch files of data sets: what they hold is read, and what they name is never run."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix, csr_matrix

from benchmark import read_arrays, read_pickle, read_tensors
from tests.support.hostile_files import HOSTILE, Runs, invented_types


def written(tmp_path: Path, content: Any, protocol: int = 4) -> Path:
    file = tmp_path / "content.pickle"
    file.write_bytes(pickle.dumps(content, protocol))
    return file


@pytest.mark.parametrize("protocol", range(6))
def test_numbers_arrays_and_containers_are_read(tmp_path: Path, protocol: int) -> None:
    content = OrderedDict(
        plain={"a": [1, 2.5, None, True, b"bytes", "text"]},
        lists=defaultdict(list, {3: [1]}),
        c=np.arange(6, dtype=">i4").reshape(2, 3),
        fortran=np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        single=np.float32(1.5),
        words=np.array(["ab", "c"]),
    )
    read = read_pickle(written(tmp_path, content, protocol))
    assert read.keys() == content.keys()
    assert (read["plain"], read["lists"], read["single"]) == (content["plain"], content["lists"], content["single"])
    for name in ("c", "fortran", "words"):
        np.testing.assert_array_equal(read[name], content[name])


@pytest.mark.parametrize("protocol", range(2, 6))
def test_sparse_matrices_are_read(tmp_path: Path, protocol: int) -> None:
    matrix = csr_matrix(np.array([[0, 2.0], [0, 0], [1, 0]]))
    np.testing.assert_array_equal(read_pickle(written(tmp_path, matrix, protocol)).toarray(), matrix.toarray())


@pytest.mark.parametrize("kind", [torch.float32, torch.int64, torch.bool])
def test_tensors_are_read(tmp_path: Path, kind: torch.dtype) -> None:
    tensor = torch.arange(6).view(2, 3).to(kind).t()
    assert torch.equal(read_pickle(written(tmp_path, (tensor, [1])))[0], tensor)
    torch.save([tensor], tmp_path / "a.pt")
    assert torch.equal(read_tensors(tmp_path / "a.pt")[0], tensor)


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_what_a_pickle_names_is_not_run(make: Callable[[Path], bytes], tmp_path: Path) -> None:
    proof, file = tmp_path / "proof", tmp_path / "hostile"
    file.write_bytes(make(proof))
    for read in (read_pickle, read_tensors, read_arrays):
        with pytest.raises(ValueError, match=f"^{file}"):
            read(file)
    assert not proof.exists()


def test_every_hostile_pickle_runs_where_it_is_just_loaded(tmp_path: Path) -> None:
    """Or the test above would prove nothing."""
    for name, make in HOSTILE.items():
        proof = tmp_path / name.replace(" ", "-")
        try:
            pickle.loads(make(proof))
        except Exception:
            assert proof.exists(), name
        assert proof.exists(), name


def test_the_message_names_the_file_and_what_it_wanted(tmp_path: Path) -> None:
    file = written(tmp_path, Runs(os.mkdir, str(tmp_path / "proof")))
    with pytest.raises(ValueError, match=r"content.pickle: it names posix.mkdir; data are read from files of numbers"):
        read_pickle(file)
    torch.save(Runs(os.mkdir, str(tmp_path / "proof")), file)
    with pytest.raises(ValueError, match=r"content.pickle: it names posix.mkdir; data are"):
        read_tensors(file)
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("content", invented_types(), ids=["object", "bare object", "record of objects"])
def test_arrays_of_objects_are_refused(tmp_path: Path, content: bytes) -> None:
    """Their items are addresses, which a pickle could invent."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match="it has an array of type"):
        read_pickle(tmp_path / "a")
    np.savez(tmp_path / "b.npz", a=np.array([None], dtype=object))
    with pytest.raises(ValueError, match="it holds objects"):
        read_arrays(tmp_path / "b.npz")


def test_indices_outside_a_sparse_matrix_are_refused(tmp_path: Path) -> None:
    matrix = csr_matrix(np.eye(3))
    matrix.indices[1] = 1_000_000
    with pytest.raises(ValueError, match=r"content.pickle is damaged"):
        read_pickle(written(tmp_path, matrix))
    with pytest.raises(ValueError, match="csc_matrix"):
        read_pickle(written(tmp_path, csc_matrix(np.eye(2))))


def test_no_pickle_changes_the_classes_of_the_next(tmp_path: Path) -> None:
    """BUILD sets attributes of whatever is on the stack, be it a class."""
    poison = b"cscipy.sparse._csr\ncsr_matrix\n(N}U\x07toarrayI1\nstb."
    (tmp_path / "a").write_bytes(poison)
    with pytest.raises(ValueError, match="is damaged"):
        read_pickle(tmp_path / "a")
    assert read_pickle(written(tmp_path, csr_matrix(np.eye(2)))).toarray().sum() == 2
    assert csr_matrix(np.eye(2)).toarray().sum() == 2


@pytest.mark.parametrize("read", [read_pickle, read_tensors, read_arrays])
@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"no data", b"\x80\x04."], ids=["empty", "zip", "text", "pickle"]
)
def test_damaged_files_are_named(read: Callable[[Path], Any], content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=f"^{tmp_path / 'a'}"):
        read(tmp_path / "a")
