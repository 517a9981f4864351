"""The commands that measure speed end with one line where they cannot measure."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from tests.support.arguments import carry_out

pytestmark = pytest.mark.runs  # an import of matplotlib may ask the system for its fonts

COMMANDS = {
    "speed": "--rounds",
    "speed_graphs": "--rounds",
    "speed_imp": "--seeds",
    "speed_parts": "--rounds",
    "speed_referee": "--repeat",
    "speed_sparse": "--rounds",
    "speed_start": "--rounds",
    "speed_text": "--rounds",
    "speed_zeros": "--rounds",
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("count", ["0", "-1", "x"])
def test_fewer_rounds_than_a_median_takes_are_one_line(
    name: str, count: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--data-root", "nowhere", f"{COMMANDS[name]}={count}"])
    with pytest.raises(SystemExit) as ended:
        import_module(f"tests.{name}").main()
    assert ended.value.code == 2
    least = 6 if name == "speed_zeros" else 1
    assert f"{COMMANDS[name]}: it takes a whole number, {least} or more" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["speed", "speed_sparse", "speed_zeros"])
def test_data_that_are_not_there_are_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--data-root", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        carry_out(import_module(f"tests.{name}").main)
    assert ended.value.code == 4
    assert capsys.readouterr().err.startswith(f"Error: there is no {tmp_path / 'MNIST'}")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["speed", "--device", "cuda"])
    with pytest.raises(SystemExit) as ended:
        carry_out(import_module("tests.speed").main)
    assert ended.value.code == 2
    assert "torch finds no CUDA device here" in capsys.readouterr().err
