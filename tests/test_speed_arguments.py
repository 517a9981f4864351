"""The commands that measure speed refuse numbers of rounds that have no median before they measure anything."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

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
