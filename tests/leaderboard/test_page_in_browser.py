"""The page in a real browser, from a file and without a network: sorting, filtering, opening a row, hostile names."""

from __future__ import annotations

import pytest

from benchmark.leaderboard.page import page
from benchmark.results.cell import Cell
from benchmark.results.experiments import Answered, Table
from benchmark.results.measured import Measurement
from tests.support.board import HOSTILE, NAMES, board, hostile, numbers
from tests.support.browser import DIGITS, Open, Seen
from tests.support.measured import measurement

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_long_names_and_wide_figures_fit_a_phone(visit: Open, scheme: str) -> None:
    """Whatever is open; a table that is wider than the screen scrolls by itself."""
    long = "ticket-transfer:targets=[sst2:examples=4000,length=40,precision=bfloat16;mlm:layers=6],steps=9"
    records = [of.model_copy(update={"cell": renamed(of.cell)}) for of in board()]
    wide = b'<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="400"></svg>'
    answers = [Answered(long, [], ["holds"], [Table("Claims", ["claim", "verdict"], [[long, "holds"]])], {long: wide})]
    seen = visit(page(records, numbers(), NAMES, answers), viewport={"width": 390, "height": 844}, color_scheme=scheme)
    assert seen.texts("h2")[0].startswith("cora-with-a-very-long-name")
    assert long in seen.texts(".experiment code")[0]
    seen.page.evaluate("""
        for (const closed of document.querySelectorAll("details:not(.choice)")) closed.open = true;
        for (const board of document.querySelectorAll(".board")) board.style.contentVisibility = "visible";
    """)
    assert seen.page.locator("figure img").count() > 2
    assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    wider = """[...document.querySelectorAll("h2, h3, code, figure img")]
        .filter((element) => !element.closest(".scroll") && element.getBoundingClientRect().right > innerWidth)
        .map((element) => element.outerHTML.slice(0, 80))"""
    assert seen.page.evaluate(wider) == []


def renamed(cell: Cell) -> Cell:
    """The cell, of a task with a name that is wider than a phone."""
    return cell.model_copy(update={"task": f"{cell.task}-with-a-very-long-name-of-a-graph-and-its-protocol"})


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
