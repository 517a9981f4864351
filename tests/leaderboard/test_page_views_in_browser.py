"""What is shown of the page in a real browser: as a link, by columns, as files, over all tasks, and of experiments."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.leaderboard.page import page
from benchmark.leaderboard.rows import rows
from benchmark.leaderboard.tables.formats import csv_text
from benchmark.leaderboard.tables.plain import board_facts
from benchmark.results.experiments import Answered, Table
from benchmark.results.measured import Measurement
from benchmark.results.record import Record
from tests.support.board import HOSTILE, NAMES, board, cell, hostile, ran
from tests.support.browser import DIGITS, Open, Seen, state
from tests.support.measured import measurement

pytestmark = pytest.mark.slow


# --- a view as a link -------------------------------------------------------------------------------------------------


def test_a_link_brings_filters_order_and_columns_back(visit: Open, html: str) -> None:
    seen = visit(html)
    seen.page.select_option('[name="task"]', "digits")
    seen.page.click(f'{DIGITS} [data-column="trainings"]')
    seen.page.click(f'{DIGITS} [data-column="trainings"]')
    seen.page.click(".choice summary")
    seen.page.uncheck('[name="column"][value="std"]')
    assert state(seen).startswith("task=digits&sort=-trainings&columns=rank%2Cinterval%2Cn%2C")
    again = visit(html, at=f"#{state(seen)}")
    assert again.texts("#boards") == seen.texts("#boards")
    assert again.texts("#count") == ["9 of 11 rows"]
    assert not again.page.is_checked('[name="column"][value="std"]')
    assert again.page.locator("#lost").is_hidden()


def test_the_link_is_copied(visit: Open, html: str) -> None:
    seen = visit(html, at="#task=cora", permissions=["clipboard-read", "clipboard-write"])
    seen.page.click("#link")
    seen.page.locator("#link", has_text="Copied").wait_for()
    assert seen.page.evaluate("navigator.clipboard.readText()") == seen.page.url


def test_the_back_button_undoes_one_step(visit: Open, html: str) -> None:
    seen = visit(html)
    seen.page.select_option('[name="task"]', "digits")
    seen.page.fill('[name="text"]', "im")
    seen.page.locator('[name="text"]').press_sequentially("p")
    seen.page.locator(f"{DIGITS} .value").first.click()
    assert seen.page.locator("#panel").is_visible()
    seen.page.go_back()
    assert not seen.page.locator("#panel").is_visible()
    assert state(seen) == "task=digits&text=imp"
    seen.page.go_back()
    assert state(seen) == "task=digits", "a word is one step"
    assert seen.texts("#count") == ["9 of 11 rows"]
    seen.page.go_back()
    assert seen.texts("#count") == ["11 of 11 rows"]
    seen.page.go_forward()
    assert seen.page.input_value('[name="task"]') == "digits"


LOST = [
    ("task=nobody", "task “nobody”"),
    ("task=digits&sort=beauty", "sort “beauty”"),
    ("columns=std,beauty", "columns “std,beauty”"),
    ("row=0123", "row “0123”"),
    ("weather=fine", "weather “fine”"),
    ("constructor=x", "constructor “x”"),
]


@pytest.mark.parametrize(("link", "told"), LOST)
def test_a_link_to_what_is_not_there_says_so_and_shows_the_default(
    visit: Open, html: str, link: str, told: str
) -> None:
    seen = visit(html, at=f"#{link}")
    assert seen.texts("#lost") == [
        f"The link asks for {told}, which this page does not have. This is the default view."
    ]
    assert seen.texts("#count") == ["11 of 11 rows"]
    seen.page.select_option('[name="task"]', "cora")
    assert seen.page.locator("#lost").is_hidden()
    assert state(seen) == "task=cora"


def test_a_place_of_the_page_is_no_view(visit: Open, html: str) -> None:
    assert visit(html, at="#boards").page.locator("#lost").is_hidden()
    seen = visit(html, at="#task=cora")
    seen.page.locator(".skip").focus()
    seen.page.keyboard.press("Enter")
    assert state(seen) == "task=cora"
    assert seen.page.evaluate("document.activeElement.id") == "boards"


# --- columns ----------------------------------------------------------------------------------------------------------


def heads(seen: Seen) -> list[str]:
    """Of the columns of a table, whether it is on the screen or not."""
    found: list[str] = seen.page.locator(f"{DIGITS} thead th").all_text_contents()
    return found


def test_columns_are_chosen_but_for_method_and_score(visit: Open, html: str) -> None:
    seen = visit(html)
    usual = ["Rank", "Method", "accuracy", "95 % interval", "Std", "Seeds", "Trainings", "GFLOPs", "Seconds", "Notes"]
    assert heads(seen) == usual
    seen.page.click(".choice summary")
    boxes = seen.page.locator('[name="column"]')
    assert boxes.evaluate_all("all => all.map((box) => box.value)")[:3] == ["rank", "interval", "std"]
    for box in boxes.all():
        box.uncheck()
    assert heads(seen) == ["Method", "accuracy"]
    assert "Sparsity 0.9, global5 methods" in seen.texts(f"{DIGITS} th[scope=rowgroup]")[1].replace("\n", "")
    seen.page.check('[name="column"][value="validation"]')
    assert heads(seen) == ["Method", "accuracy", "Validation"]
    seen.page.click("text=Reset")
    seen.page.locator(f'{DIGITS} [data-column="std"]').wait_for()
    assert heads(seen) == usual


def test_a_narrow_screen_has_fewer_columns_unless_they_are_asked_for(visit: Open, html: str) -> None:
    seen = visit(html, viewport={"width": 390, "height": 800})
    assert heads(seen) == ["Rank", "Method", "accuracy", "95 % interval"]
    seen.page.click(".choice summary")
    seen.page.check('[name="column"][value="seconds"]')
    assert heads(seen)[-1] == "Seconds"
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390


# --- files ------------------------------------------------------------------------------------------------------------


def taken(seen: Seen, form: str) -> str:
    """What the reader gets with a button."""
    with seen.page.expect_download() as started:
        seen.page.click(f"#{form}")
    assert started.value.suggested_filename.endswith(f".{form}")
    return Path(started.value.path()).read_text(encoding="utf-8")


def all_columns(seen: Seen) -> None:
    seen.page.click(".choice summary")
    for box in seen.page.locator('[name="column"]').all():
        box.check()


def told(text: str) -> list[dict[str, Any]]:
    """The rows of a CSV file, with numbers as numbers and JSON as what it says."""

    def value(cell: str) -> Any:
        try:
            return json.loads(cell)
        except ValueError:
            return cell

    return [{name: value(cell) for name, cell in row.items()} for row in csv.DictReader(io.StringIO(text))]


@pytest.fixture
def odd() -> list[Record]:
    """Records with a failure, and with names that are formulas to a spreadsheet, have quotes, and ends of lines."""
    return [*board(), *hostile(), ran(cell("imp", 0, model='=1+1,"\n', options={"rewind": 0.5}), 0.5)]


def test_files_have_the_columns_and_values_of_the_command(visit: Open, odd: list[Record]) -> None:
    """All columns, in the order of the page; a script reads both alike."""

    def measured(key: str) -> list[Measurement]:
        return [measurement("csr", faster=(2.0, 1.5, 3.0))] if key == board()[1].key else []

    facts = json.loads(json.dumps(board_facts(rows(odd, measured=measured))))
    seen = visit(page(odd, [], NAMES, draw=False, measured=measured))
    all_columns(seen)
    by_place = sorted(json.loads(taken(seen, "json")), key=str)
    assert by_place == sorted(facts, key=str)
    printed, saved = csv_text(facts), taken(seen, "csv")
    assert saved.splitlines()[0] == printed.splitlines()[0]
    assert sorted(told(saved), key=str) == sorted(told(printed), key=str)


def test_files_hold_what_is_shown_in_its_order(visit: Open, html: str) -> None:
    seen = visit(html, at="#task=digits&sparsity=0.95&sort=-method&columns=std,trainings")
    saved = json.loads(taken(seen, "json"))
    assert [row["label"] for row in saved] == ["dense", "snip", "random", "imp"]
    assert {"std", "cost", "mean", "sparsity", "metric"} <= saved[0].keys()
    assert saved[0]["cost"].keys() == {"trainings", "training_steps"}
    assert not {"rank_best", "ci_low", "validation"} & saved[0].keys()
    assert [row["label"] for row in told(taken(seen, "csv"))] == ["dense", "snip", "random", "imp"]
    seen.page.fill('[name="text"]', "nobody")
    assert seen.page.is_disabled("#csv")


# --- over all tasks, and experiments ----------------------------------------------------------------------------------


def answers() -> list[Answered]:
    """A hostile answer with a figure."""
    table = Table("Claims", ["claim", "verdict", HOSTILE], [[HOSTILE, "DOES NOT HOLD", "0.5"], ["fine", "holds", "2"]])
    drawn = b'<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><text>#%</text></svg>'
    return [Answered("odd:seeds=5", [], ["does not hold", "holds"], [table], {"curve": drawn})]


def test_an_experiment_opens_to_its_figure_and_tables(visit: Open) -> None:
    seen = visit(page(board(), [], replace(NAMES, asks=lambda name: f"why {name}?"), answers(), draw=False))
    assert seen.texts(".experiment summary")[0].split("\n") == [
        "odd:seeds=5",
        "Why odd?",
        "Of 2 claims, 1 holds and 1 does not hold.",
    ]
    seen.page.click(".experiment summary")
    image = seen.page.locator('.experiment img[src^="data:image/svg+xml"]')
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 30
    assert HOSTILE[:20] in seen.texts(".experiment td")[0]
    assert [*seen.texts(".experiment td .bad"), *seen.texts(".experiment td .good")] == ["DOES NOT HOLD", "holds"]
    assert "bench experiment odd:seeds=5" in seen.page.locator(".experiment .command").inner_text().replace("\n", "")
    seen.page.click(".experiment summary")
    seen.page.click(".experiment summary")
    assert seen.page.locator(".experiment img").count() == 1, "what was made is not made again"


def test_the_parts_of_the_page_are_reached_without_leaving_the_view(visit: Open) -> None:
    three = [ran(cell("random", seed, task="cora", model="gcn"), 0.4, "mae", "min") for seed in range(3)]
    seen = visit(page([*board(), *three], [], NAMES, draw=False), at="#task=digits")
    assert seen.texts(".places a") == ["Tables", "Over all tasks", "How to read this"], "there are no experiments"
    seen.page.click("text=Over all tasks")
    assert state(seen) == "task=digits"
    seen.page.wait_for_timeout(400)  # until what was passed is drawn
    assert seen.page.evaluate("document.querySelector('#overall').getBoundingClientRect().top < innerHeight")
    seen.page.click("#overall summary")
    seen.page.locator("#overall td.method").first.wait_for()
    assert seen.texts("#overall td.method") == ["imp", "snip", "random"]
    assert seen.texts("#overall tr:nth-child(1) td")[1:3] == ["1.50", "1.00 to 2.00"]


def test_without_an_overall_view_the_page_says_why(visit: Open, html: str) -> None:
    seen = visit(html)
    assert "An overall view takes 3 methods" in seen.page.locator("#overall").inner_text()
    assert seen.page.locator("#overall figure, #overall details").count() == 0
