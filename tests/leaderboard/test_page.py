"""The page holds every row and every run, runs nothing but its own script, and is the same for the same records."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from benchmark.leaderboard.page import page
from benchmark.leaderboard.page.again import again
from benchmark.leaderboard.page.render import embedded
from benchmark.leaderboard.rows import rows
from benchmark.results.record import failure
from benchmark.results.store import Store
from tests.support.board import HOSTILE, NAMES, WHERE, board, cell, hostile, numbers, ran
from tests.support.command import ROOT, Bench, bench_process

pytestmark = pytest.mark.runs


class Elements(HTMLParser):
    """The start tags of a page with their attributes, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:  # inside a script or a style; the last one of each counts
            self.texts[self.cdata_elem] = data


def known(html: str) -> dict[str, Any]:
    """The data that a page holds."""
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    read: dict[str, Any] = json.loads(text)
    return read


def rows_of(html: str) -> list[dict[str, Any]]:
    """The rows of a page, their values by column and their commands as texts, as the script has them."""
    data = known(html)
    found = [row | dict(zip(data["columns"], row["values"], strict=True)) for t in data["tables"] for row in t["rows"]]
    return [row | {"again": [[data["texts"][versions], asked] for versions, asked in row["again"]]} for row in found]


@pytest.fixture(scope="module")
def html() -> str:
    return page(board(), numbers(), NAMES, draw=False)


# --- what it holds ----------------------------------------------------------------------------------------------------


def test_every_row_and_every_run_is_there(html: str) -> None:
    data, records, shown = known(html), board(), rows_of(html)
    assert [row["label"] for row in shown] == [row.label for row in rows(records)]
    assert {run[0] for row in shown for run in row["runs"]} == {record.key[:12] for record in records}
    assert data["records"] == len(records)


def test_a_row_has_its_numbers_and_its_command(html: str) -> None:
    [row] = [row for row in rows_of(html) if (row["label"], row["sparsity"]) == ("imp", 0.95)]
    assert (row["n"], row["mean"], row["std"]) == (3, 0.9615, pytest.approx(0.001))
    assert row["family"] == "after training"
    assert row["verified"] == 3
    asked = "bench run --algo imp --task digits --model mlp --pattern global --sparsity 0.95 --budget short --seed"
    assert row["again"] == [["pip install prunebench==0.1.0 torch==2.15.0", f"{asked} 0,1,2"]]
    [key, seed, status, score, *_] = row["runs"][1]
    assert (key, seed, status, score) == (cell("imp", 1, sparsity=0.95).key[:12], 1, "ok", pytest.approx(0.9615))


def where(**changes: Any) -> dict[str, Any]:
    return {"where": WHERE | changes}


def made_by(**plugins: str) -> dict[str, Any]:
    return where(plugins=WHERE["plugins"] | plugins)


OURS = "prunebench==0.1.0 torch==2.15.0"
VERSIONS: list[tuple[dict[str, Any], str]] = [
    (where(), f"pip install {OURS}"),
    (where(torch="2.15.0+cu130"), f"pip install {OURS}"),
    (made_by(algorithm="prunebench 0.1.0, Their.Pruners 1.2rc1"), f"pip install {OURS} Their.Pruners==1.2rc1"),
    (made_by(task="our-tasks 3", algorithm="theirs 1"), f"pip install {OURS} theirs==1 our-tasks==3"),
    (made_by(algorithm="mine.py"), f"pip install {OURS}"),
    (made_by(algorithm="an unknown distribution"), f"pip install {OURS}"),
    (made_by(algorithm="--index-url http://evil; rm 1"), f"pip install {OURS}"),
    (where(torch=None, prunebench="0.1.0; rm -rf", plugins=None), ""),
    ({"where": {}}, ""),
]


@pytest.mark.parametrize(("changes", "install"), VERSIONS)
def test_what_to_install_is_what_the_record_tells(changes: dict[str, Any], install: str) -> None:
    [(told, _)] = again([failure(cell(), board()[0].ranking, "failed", "why", **changes)], {})
    assert told == install


def test_seeds_of_other_versions_have_commands_of_their_own() -> None:
    versions_of = ("2.15.0", "2.11.0", "2.15.0")
    group = [ran(cell("imp", n), 0.9, provenance=WHERE | {"torch": torch}) for n, torch in enumerate(versions_of)]
    told = [(versions.rpartition(" ")[2], asked.rpartition("--seed ")[2]) for versions, asked in again(group, {})]
    assert told == [("torch==2.15.0", "0,2"), ("torch==2.11.0", "1")]


FILES = [
    ("my-pruner", "my_pruner.py", "./my_pruner.py:rewind=0.1"),
    ("mine", "pruners of 'mine'.py", "'./pruners of '\"'\"'mine'\"'\"'.py:rewind=0.1'"),
    ("snip+mine", "prunebench 0.1.0, its.py", "snip+./its.py:rewind=0.1"),
    ("imp", "prunebench 0.1.0", "imp:rewind=0.1"),
]


@pytest.mark.parametrize(("name", "origin", "typed"), FILES)
def test_a_pruner_in_a_file_is_named_by_its_file(name: str, origin: str, typed: str) -> None:
    told = made_by(algorithm=origin)["where"] | {"command": "bench run --algo snip+./its.py:rewind=0.1 --task digits"}
    of = ran(cell(name, options={"rewind": 0.1}), 0.9, provenance=told)
    [(_, asked)] = again([of], {})
    assert f"--algo {typed} --task digits" in asked


def test_a_network_that_comes_trained_is_a_row_of_its_own_table() -> None:
    trained = [ran(cell("imp", seed, start="f" * 64, finetune={"share": 0.1}), 0.9) for seed in range(2)]
    html = page(board() + trained, [], NAMES, draw=False)
    [row] = [row for row in rows_of(html) if row["model"] == "mlp from ffffffff"]
    assert [run[0] for run in row["runs"]] == [record.key[:12] for record in trained]
    [[_, asked]] = row["again"]
    assert asked.endswith(f"--seed 0,1 --start {'f' * 64} --finetune 0.1")


def test_controls_stand_at_the_method_that_they_question(html: str) -> None:
    told = {row["label"]: row["controls"] for row in rows_of(html) if row["sparsity"] == 0.9}
    [[control, difference, low, high, verdict]] = told["snip"]
    assert control == "shuffle"
    assert low < difference < high
    assert verdict
    assert told["imp"] == []


def test_published_numbers_are_never_in_a_row(html: str) -> None:
    data = known(html)
    assert "A 2019" not in json.dumps(data["tables"])
    assert [number[0] for number in data["published"]] == ["digits", "mnist"]


def test_the_same_records_make_the_same_page_in_whatever_order(html: str) -> None:
    records = board()
    random.Random(0).shuffle(records)
    assert page(records, numbers(), NAMES, draw=False) == html


@pytest.mark.slow
def test_pictures_are_inside() -> None:
    data = known(page(board(), [], NAMES, draw=True))
    drawn = {table["label"]: table["pictures"] for table in data["tables"]}
    assert [title for title, _ in drawn["digits"]] == [
        "accuracy over the weights kept, with 95 % intervals",
        "accuracy over everything computed, global at sparsity 0.9; line: the front",
    ]
    for _, address in drawn["digits"]:
        kind, _, image = address.partition(",")
        assert kind == "data:image/svg+xml;base64"
        assert b"<svg" in base64.b64decode(image)


# --- what it may do ---------------------------------------------------------------------------------------------------


def test_nothing_is_fetched(html: str) -> None:
    for tag, attributes in Elements(html).tags:
        for name in ("src", "href", "action", "srcset", "poster", "data"):
            address = attributes.get(name) or "#"
            assert address.startswith(("#", "data:")), f"<{tag} {name}={address}>"


def test_the_policy_allows_its_own_script_and_style_alone(html: str) -> None:
    [policy] = [a["content"] for t, a in Elements(html).tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for kind, rule in (("style", "style-src"), ("script", "script-src")):
        text = Elements(html).texts[kind]
        assert rules[rule] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    assert "unsafe" not in policy


def test_no_attribute_is_a_script_or_a_style(html: str) -> None:
    """The policy forbids them; then none may be needed."""
    for _, attributes in Elements(html).tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_hostile_names_are_text() -> None:
    html = page(hostile(), numbers(), NAMES, draw=False)
    found = Elements(html)
    assert "img" not in {tag for tag, _ in found.tags}
    assert sum(tag == "script" for tag, _ in found.tags) == 2, "the data and our own"
    [table] = known(html)["tables"]
    assert table["model"] == HOSTILE
    assert table["rows"][0]["runs"][1][-1] == HOSTILE


@pytest.mark.parametrize("text", ["</script>", "<!--", "<script", "\u2028", "é \U0001f600", '"', "\\"])
def test_embedded_text_comes_back_and_cannot_end_the_script(text: str) -> None:
    made = embedded({text: [text, None, 0.1]})
    assert json.loads(made) == {text: [text, None, 0.1]}
    assert "<" not in made
    assert "\u2028" not in made


def test_an_error_of_many_lines_is_cut_short() -> None:
    records = [r.model_copy(update={"error": "x" * 5000}) for r in board() if r.status == "failed"]
    assert len(known(page(records, [], NAMES, draw=False))["tables"][0]["rows"][0]["runs"][0][-1]) == 300


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "results")
    for record in board():
        store.put(record)
    return store


@pytest.mark.parametrize("words", [("build",), ("--format", "html"), ("build", "--format", "html")])
def test_the_page_is_one_file(store: Store, bench: Bench, tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = bench("leaderboard", *words, "--task", "cora", "--results", store.root, "--out", tmp_path / "site")
    assert ended.code == 0, ended.err
    assert (ended.out, "6 records" in ended.err) == ("", True)
    assert [file.name for file in (tmp_path / "site").iterdir()] == ["index.html"]
    [table] = known((tmp_path / "site" / "index.html").read_text())["tables"]
    assert table["label"] == "cora"


def test_published_numbers_of_the_results_folder_are_in_it(store: Store, bench: Bench, tmp_path: Path) -> None:
    (store.root / "published").symlink_to(ROOT / "results" / "published")
    assert bench("leaderboard", "build", "--results", store.root, "--out", tmp_path).code == 0
    assert len(known((tmp_path / "index.html").read_text())["published"]) > 1000


WRONG: list[tuple[str, str]] = [
    ("build", "--out DIR"),
    ("--format html", "--out DIR"),
    ("--format csv --out x", "--out is for --format html or md"),
    ("--out x", "--out is for --format html or md"),
    ("build --out x --view profile", "files hold the plain leaderboard"),
]


@pytest.mark.parametrize(("words", "told"), WRONG)
def test_a_wrong_use_is_told(store: Store, bench: Bench, words: str, told: str) -> None:
    ended = bench("leaderboard", *words.split(), "--results", store.root)
    assert ended.code == 2
    assert told in ended.err


def test_a_folder_that_cannot_be_written_is_told(store: Store, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = bench("leaderboard", "build", "--format", "md", "--results", store.root, "--out", tmp_path / "file" / "x")
    assert ended.code == 2
    assert "cannot be written" in ended.err


def test_the_leaderboard_alone_still_prints(store: Store, bench: Bench) -> None:
    assert "imp" in bench("leaderboard", "--results", store.root, "--format", "csv").out


@pytest.mark.slow
def test_our_own_readme_is_up_to_date(tmp_path: Path) -> None:
    """From the committed records alone. After new ones: bench leaderboard build --format md --out results."""
    results, committed = ROOT / "results", tmp_path / "committed"
    words = ["git", "ls-files", "-z", "results/records"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no checkout: which records are committed cannot be told")
    for name in filter(None, listed.stdout.split("\0")):
        file = committed / Path(name).relative_to("results")
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, file)
    ended = bench_process(
        "leaderboard", "build", "--format", "md", "--out", tmp_path, PRUNEBENCH_RESULTS=committed, PYTHONPATH=ROOT
    )
    assert ended.code == 0, ended.err
    assert (tmp_path / "README.md").read_text() == (results / "README.md").read_text()
    drawn, ours = ({file.name: shown(file) for file in (place / "pictures").iterdir()} for place in (tmp_path, results))
    assert drawn == ours


def test_the_readme_has_a_picture_of_every_table_that_can_have_one(store: Store, bench: Bench, tmp_path: Path) -> None:
    words = ("leaderboard", "build", "--format", "md", "--results", store.root, "--out", tmp_path)
    assert bench(*words).code == 0
    text = (tmp_path / "README.md").read_text()
    pictures = {file.name: shown(file) for file in (tmp_path / "pictures").iterdir()}
    assert pictures.keys() == {"cora-gcn-short.svg", "digits-mlp-short.svg"}
    assert all(f"](pictures/{name})\n\n**{name.partition('-')[0]} / " in text for name in pictures)
    store.put(board()[1].model_copy(update={"metrics": {"accuracy": 0.5}}))
    assert bench(*words).code == 0
    changed = {file.name: shown(file) for file in (tmp_path / "pictures").iterdir()}
    assert {name for name in pictures if changed[name] != pictures[name]} == {"digits-mlp-short.svg"}


def shown(picture: Path) -> str:
    """What a picture says of the results that it shows."""
    found = re.search(r"<dc:description>([0-9a-f]{64})</dc:description>", picture.read_text())
    assert found
    return found[1]


@pytest.mark.slow
def test_ten_thousand_records_make_a_page_under_3_mb() -> None:
    draw = random.Random(0)
    records = [
        ran(
            cell(name, seed, model=f"network-{model}", sparsity=level / 100, options={"rewind": 0.1}),
            draw.gauss(0.9, 0.01),
        )
        for name in ("imp", "snip", "grasp", "synflow", "magnitude", "gmp", "rigl", "set", "granet", "random")
        for model in range(20)
        for level in (50, 80, 90, 95, 98)
        for seed in range(10)
    ]
    assert len(records) == 10_000
    assert len(page(records, [], NAMES, draw=False).encode()) < 3_000_000
