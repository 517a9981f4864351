"""Workers of a sweep share the GPUs evenly. Handing them out needs none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from benchmark.sweep.gpus import least_used, visible


@pytest.mark.parametrize(
    ("used", "count", "found"),
    [
        ([], 1, ["a"]),
        (["a"], 1, ["b"]),
        (["a", "b", "c"], 1, ["a"]),
        (["a", "b", "c", "a"], 2, ["b", "c"]),
        (["b"], 3, ["a", "c", "b"]),
    ],
)
def test_the_least_used_come_first(used: Sequence[str], count: int, found: list[str]) -> None:
    assert least_used(["a", "b", "c"], used, count) == found


def test_those_that_a_user_shows_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8f,3")
    assert visible() == ["GPU-8f", "3"]
