"""The page in a real browser, from a file and without a network: sorting, filtering, opening a row, hostile names."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.leaderboard import rows
from benchmark.leaderboard.page import page
from benchmark.leaderboard.tables.formats import csv_text
from benchmark.leaderboard.tables.plain import board_facts
from benchmark.results.experiments import Answered, Table
from benchmark.results.measured import Measurement
from benchmark.results.record import Record
from tests.support.board import HOSTILE, NAMES, board, cell, hostile, numbers, ran
from tests.support.measured import measurement

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium, where there is one."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser: looked for {', '.join(BROWSERS)} on the PATH")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


class Seen:
    """A page that is open, and everything that should not have happened in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.troubles: list[str] = []
        page.on("console", lambda message: self.troubles.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", self._request)

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:file:")):
            self.troubles.append(f"request: {request.url}")

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.page.locator(selector).all_inner_texts()
        return found


Open = Callable[..., Seen]


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """`visit(html, **context)`: the page, open. When the test is over, nothing may have gone wrong in it."""
    contexts, opened = [], []

    def go(html: str, at: str = "", **given: Any) -> Seen:
        file = tmp_path / "index.html"
        file.write_text(html, encoding="utf-8")
        contexts.append(browser.new_context(offline=True, reduced_motion="reduce", **given))
        seen = Seen(contexts[-1].new_page())
        opened.append(seen)
        seen.page.goto(file.as_uri() + at)
        return seen

    yield go
    for context in contexts:
        context.close()
    assert [trouble for seen in opened for trouble in seen.troubles] == []


@pytest.fixture(scope="module")
def html() -> str:
    return page(board(), numbers(), NAMES)


DIGITS = '[data-table^="digits"]'
METHODS = f"{DIGITS} td.method"


def test_everything_is_drawn_and_nothing_fetched(visit: Open, html: str) -> None:
    seen = visit(html)
    assert seen.texts("h2")[:2] == ["cora · gcn", "digits · mlp"]
    assert seen.page.locator(".value").count() == 11
    assert seen.texts("#count") == ["11 of 11 rows"]
    assert seen.page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert seen.page.locator("figure img").count() >= 2


def test_the_best_comes_first_whichever_way_is_up(visit: Open, html: str) -> None:
    seen = visit(html)
    assert seen.texts('[data-table^="cora"] td.method') == ["snip", "imp"], "a mean absolute error: lower is better"
    assert [name.removesuffix(" ✓") for name in seen.texts(f"{DIGITS} tbody:nth-of-type(3) td.method")] == [
        "imp",
        "snip",
        "random",
    ]


def test_a_column_sorts_both_ways_and_says_so(visit: Open, html: str) -> None:
    seen = visit(html)
    group = f"{DIGITS} tbody:nth-of-type(3) tr td:nth-child(8)"
    button, head = f'{DIGITS} [data-column="flops"]', f'{DIGITS} th:has([data-column="flops"])'
    seen.page.click(f'{DIGITS} [data-column="trainings"]')
    cheap = seen.texts(f"{DIGITS} tbody:nth-of-type(3) tr td:nth-child(7)")[1:]
    assert cheap == sorted(cheap, key=float)
    assert seen.page.locator(head).get_attribute("aria-sort") == "none"
    seen.page.click(button)
    assert seen.page.locator(head).get_attribute("aria-sort") == "ascending"
    seen.page.click(button)
    assert seen.page.locator(head).get_attribute("aria-sort") == "descending"
    assert len(seen.texts(group)) == 3


def test_sorting_by_method_turns_over(visit: Open, html: str) -> None:
    seen = visit(html)
    group = f"{DIGITS} tbody:nth-of-type(3) td.method"
    seen.page.click(f'{DIGITS} [data-column="method"]')
    assert [name.removesuffix(" ✓") for name in seen.texts(group)] == ["imp", "random", "snip"]
    seen.page.click(f'{DIGITS} [data-column="method"]')
    assert [name.removesuffix(" ✓") for name in seen.texts(group)] == ["snip", "random", "imp"]


def test_a_row_without_a_result_stays_last_either_way(visit: Open, html: str) -> None:
    seen = visit(html)
    group = f"{DIGITS} tbody:nth-of-type(2) .value"
    assert seen.texts(group)[-1] == "no result"
    seen.page.click(f'{DIGITS} [data-column="score"]')
    assert seen.texts(group)[-1] == "no result"


FILTERS = [
    ("task", "cora", 2),
    ("model", "gcn", 2),
    ("sparsity", "0.95", 4),
    ("pattern", "global", 11),
    ("budget", "short", 11),
    ("family", "control", 1),
    ("family", "before training", 6),
]


@pytest.mark.parametrize(("field", "value", "left"), FILTERS)
def test_a_filter_leaves_what_fits_and_the_dense_network(
    visit: Open, html: str, field: str, value: str, left: int
) -> None:
    seen = visit(html)
    seen.page.select_option(f'[name="{field}"]', value)
    assert seen.texts("#count") == [f"{left} of 11 rows"]
    assert seen.page.locator(".value").count() == left
    seen.page.click("text=Reset")
    seen.page.locator("#count", has_text="11 of 11 rows").wait_for()


def test_the_search_finds_methods_and_what_is_seen_can_be_sent(visit: Open, html: str) -> None:
    seen = visit(html)
    seen.page.keyboard.press("/")
    seen.page.keyboard.type("grasp")
    assert seen.texts("td.method") == ["grasp"]
    assert seen.page.url.endswith("#text=grasp")
    again = visit(html, at="#text=grasp")
    assert again.texts("td.method") == ["grasp"]
    again.page.fill('[name="text"]', "nobody")
    assert again.texts("#boards") == ["No row fits these filters."]


def test_a_number_is_one_click_from_its_runs(visit: Open, html: str) -> None:
    seen = visit(html)
    seen.page.click(f"{DIGITS} .value >> text=0.9620")  # IMP at 0.9: 0.97 - 0.009 + 0.001
    panel = seen.page.locator("#panel")
    assert panel.is_visible()
    told = panel.inner_text()
    for text in (
        "imp",
        "0.9620",
        "pip install prunebench==0.1.0 torch==2.15.0",
        "bench run --algo imp --task digits --model mlp --pattern global --sparsity 0.9 --budget short --seed 0,1,2",
        "3 runs",
        "bit-equal",
        "passed",
        "2.15.0",
        "0123456789ab",
        "prunebench 0.1.0",
        "1,000 steps of sgd, batch 64, rate 0.1, momentum 0.9",
    ):
        assert text in told.replace("\n", " ").replace("  ", " "), text
    seen.page.keyboard.press("Escape")
    assert not panel.is_visible()
    assert seen.page.evaluate("document.activeElement.className") == "value", "the focus is back where it was"


def test_a_control_is_told_where_its_method_is(visit: Open, html: str) -> None:
    seen = visit(html)
    seen.page.click(f'{DIGITS} tbody:nth-of-type(2) tr:has(td.method:text-is("snip")) .value')
    assert "Questioned by" in seen.page.locator("#panel").inner_text()
    assert "shuffle" in seen.page.locator("#panel").inner_text()


def test_an_open_row_can_be_sent(visit: Open, html: str) -> None:
    seen = visit(html)
    seen.page.locator(f"{DIGITS} .value").first.click()
    title = seen.texts("#panel-title")
    again = visit(html, at="#" + seen.page.url.partition("#")[2])
    assert again.texts("#panel-title") == title == ["dense"]
    assert again.page.locator("#panel").is_visible()


# --- a view as a link -------------------------------------------------------------------------------------------------


def state(seen: Seen) -> str:
    """What the address says behind #."""
    return str(seen.page.url.partition("#")[2])


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


# --- what was measured, keyboard, papers, looks -----------------------------------------------------------------------


def test_what_was_measured_is_a_column_that_sorts_and_a_part_of_the_row(visit: Open) -> None:
    """Rows that were not measured have empty cells, and stay last."""
    ratios = {"random": (0.5, 0.4, 0.6), "snip": (2.0, 1.5, 3.0)}

    def measured(key: str) -> list[Measurement]:
        [of] = [record.cell for record in board() if record.key == key]
        known = of.sparsity == 0.9 and of.task == "digits" and not of.control
        return [measurement("csr", faster=ratios[of.algorithm])] if known and of.algorithm in ratios else []

    seen = visit(page(board(), numbers(), NAMES, draw=False, measured=measured))
    group, button = f"{DIGITS} tbody:nth-of-type(2)", f'{DIGITS} [data-column="csr, 1"]'
    seen.page.click(button)
    assert seen.texts(f"{group} td:nth-child(11)")[:3] == ["0.50 slower", "2.00", ""]
    seen.page.click(button)
    assert seen.texts(f"{group} td:nth-child(11)")[:3] == ["2.00", "0.50 slower", ""]
    assert "measured on one, 1 thread" in seen.texts(f"{DIGITS} .about")[-1]
    assert not seen.page.locator('[data-table^="cora"] [data-column="csr, 1"]').count()
    seen.page.click(f"{group} tr:nth-of-type(2) .value")
    assert "What zeros are worth" in seen.texts("#panel-body h3")


def test_all_can_be_reached_by_keyboard(visit: Open, html: str) -> None:
    seen = visit(html)
    reached: list[str] = []
    for _ in range(60):
        seen.page.keyboard.press("Tab")
        reached.append(seen.page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"theme", "value"} <= set(reached)
    seen.page.locator(".value").first.focus()
    seen.page.keyboard.press("Enter")
    assert seen.page.locator("#panel").is_visible()
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.getElementById('panel').contains(document.activeElement)")


def test_sorting_keeps_the_focus(visit: Open, html: str) -> None:
    seen = visit(html)
    seen.page.locator(f'{DIGITS} [data-column="std"]').focus()
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("document.activeElement.dataset.column") == "std"
    assert seen.page.evaluate("document.activeElement.closest('section').dataset.table").startswith("digits")


def test_published_numbers_stand_apart_with_their_source(visit: Open, html: str) -> None:
    seen = visit(html)
    seen.page.click(f"{DIGITS} details.published summary")
    seen.page.locator(f"{DIGITS} details.published td.method").wait_for()
    told = seen.page.locator(f"{DIGITS} details.published").inner_text()
    for text in ("Published for digits: 1 number of 1 paper", "0.9710", "A 2019, Table 1. full text", "paper"):
        assert text in told
    seen.page.click("#elsewhere summary")
    assert "Published for mnist: 1 number" in seen.page.locator("#elsewhere").inner_text()


def paper_and_ink(seen: Seen) -> list[str]:
    found: list[str] = seen.page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    return found


def test_it_follows_the_readers_theme_and_can_be_told_another(visit: Open, html: str) -> None:
    light, dark = visit(html, color_scheme="light"), visit(html, color_scheme="dark")
    bright, deep = paper_and_ink(light), paper_and_ink(dark)
    assert bright[0] != deep[0]
    for expected in (bright, deep, deep):  # light, dark, and auto again, for a reader whose system is dark
        dark.page.click("#theme")
        assert paper_and_ink(dark) == expected


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_it_fits_the_width_of_a_screen(visit: Open, html: str, width: int) -> None:
    seen = visit(html, viewport={"width": width, "height": 800})
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    seen.page.locator(".value").first.click()
    box = seen.page.locator("#panel").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width + 0.5


def test_in_print_the_tools_are_gone_and_every_row_is_there(visit: Open, html: str) -> None:
    seen = visit(html)
    seen.page.emulate_media(media="print")
    assert not seen.page.locator("#filters").is_visible()
    assert seen.page.locator(".value:visible").count() == 11


def test_hostile_names_are_inert(visit: Open) -> None:
    """No dialog, no request, no error: `visit` looks. And they can be read."""
    seen = visit(page(hostile(), numbers(), NAMES))
    assert HOSTILE[:20] in seen.texts("h2")[0]
    for value in seen.page.locator(".value").all():
        value.click()
        assert HOSTILE[:20] in seen.page.locator("#panel").inner_text()
        seen.page.keyboard.press("Escape")
    seen.page.click("#elsewhere summary")
    seen.page.click("#elsewhere details details summary")
    seen.page.locator("#elsewhere td.method").first.wait_for()
    assert HOSTILE[:20] in seen.page.locator("#elsewhere").inner_text()
    assert seen.page.evaluate("document.querySelectorAll('img[onerror], td script, td img').length") == 0


def test_without_scripts_it_says_what_else_there_is(visit: Open, html: str) -> None:
    seen = visit(html, java_script_enabled=False)
    assert "bench leaderboard" in seen.page.locator("noscript").inner_text()
