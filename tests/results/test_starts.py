"""The start of a cell: present keys stay, every other start is another key, and no table mixes two of them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from benchmark.errors import UsageError
from benchmark.leaderboard.rows import rows
from benchmark.leaderboard.tables.plain import boards
from benchmark.results.cell import Cell, command
from benchmark.results.starts import Finetuning, finetuning, is_key, short
from tests.support.board import cell, ran

KEY, OTHER = "1a" * 32, "2b" * 32
OF_FILE = f"net.safetensors@sha256:{KEY}"


def test_a_cell_without_a_start_has_the_key_that_it_always_had() -> None:
    plain = Cell(algorithm="imp", task="digits", model="mlp", sparsity=0.9, budget="short", seed=0)
    assert not {"start", "finetune"} & plain.model_dump().keys()
    assert plain.key == "0efd0fa2a37dfd56e0b81cba0e11d5b23b666e1f9a8e653c7eae75bf07692bbf"
    assert (plain.network, plain.schedule) == ("mlp", "short")


def test_every_start_and_every_share_is_a_key_of_its_own() -> None:
    starts: list[dict[str, Any]] = [{}, {"start": "files"}, {"start": KEY}, {"start": OTHER}, {"start": OF_FILE}]
    shares: list[dict[str, Any]] = [
        {"start": KEY, "finetune": {"share": s, "rate": r}} for s, r in ((0, 0.1), (0.1, 0.1), (0.1, 1))
    ]
    cells = [cell(**changes) for changes in starts + shares]
    assert len({one.key for one in cells}) == len(cells)
    assert [Cell.model_validate_json(one.model_dump_json()) for one in cells] == cells


@pytest.mark.parametrize("start", ["file", KEY[:8], "/home/me/net.safetensors", f"a/b@sha256:{KEY}", "net@sha256:12"])
def test_a_start_is_nothing_that_differs_between_machines(start: str) -> None:
    with pytest.raises(ValidationError):
        cell(start=start)


def test_fine_tuning_is_for_networks_that_have_a_start() -> None:
    with pytest.raises(ValidationError, match="has a start"):
        cell(finetune={"share": 0.1})


@pytest.mark.parametrize(
    ("text", "share", "rate", "said"),
    [
        ("0", 0, 0.1, "not fine-tuned"),
        ("0.1", 0.1, 0.1, "fine-tuned 0.1"),
        ("0.25:0.5", 0.25, 0.5, "fine-tuned 0.25 at 0.5 of the rate"),
        ("1:1", 1, 1, "fine-tuned 1 at 1 of the rate"),
    ],
)
def test_a_share_is_at_a_tenth_of_the_rate_unless_it_says_another(
    text: str, share: float, rate: float, said: str
) -> None:
    asked = finetuning(text)
    assert asked == Finetuning(share=share, rate=rate) == finetuning(asked.typed)
    assert str(asked) == said


@pytest.mark.parametrize("text", ["2", "-0.1", "a", "0.1:", "0.1:0", "0.1:-1", "nan", "0.1:inf", "0:0.5", ""])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--finetune"):
        finetuning(text)


def test_the_command_says_start_and_share() -> None:
    words = command(cell(start=KEY, finetune={"share": 0.1}), {})
    assert words.endswith(f"--seed 0 --start {KEY} --finetune 0.1")
    assert "--start" not in command(cell(), {})


def test_titles_say_the_start_in_few_characters() -> None:
    assert [short(start) for start in (KEY, "files", OF_FILE)] == ["1a1a1a1a", "files", "net.safetensors@1a1a1a1a"]
    assert is_key(KEY)
    assert not is_key("files")
    assert not is_key(OF_FILE)
    said = str(cell(start=KEY, finetune={"share": 0}))
    assert said == "imp on digits/mlp from 1a1a1a1a at 0.9 global, short, not fine-tuned, 0"


def test_no_table_mixes_two_starts_or_two_shares() -> None:
    begun: list[dict[str, Any]] = [{}, {"start": KEY}, {"start": OTHER}, {"start": KEY, "finetune": {"share": 0.1}}]
    records = [ran(cell(name, seed, **how), 0.9) for how in begun for name in ("imp", "snip") for seed in (0, 1)]
    read = rows(records)
    assert len({row.table for row in read}) == len({row.question for row in read}) + 1 == len(boards(read)) == 4
    heads = {title.partition(": ")[0] for title in boards(read)}
    assert heads == {
        "digits / mlp, budget short",
        "digits / mlp from 1a1a1a1a, budget short",
        "digits / mlp from 2b2b2b2b, budget short",
        "digits / mlp from 1a1a1a1a, budget short, fine-tuned 0.1",
    }
