"""Pictures show what was selected, in colours that stay, with names that can be read, in files that open."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from matplotlib.ticker import EngFormatter

from benchmark.errors import UsageError
from benchmark.leaderboard.figures.by_name import PICTURES
from benchmark.leaderboard.figures.labels import spread
from benchmark.leaderboard.figures.layers import shares
from benchmark.leaderboard.figures.mask_overlap import overlap
from benchmark.leaderboard.figures.panels import LEAST_WIDTH, MOST_PANELS, panels, ticks
from benchmark.leaderboard.figures.style import OTHERS, OTHERS_INK, SUFFIXES, encoded, looks, names, write
from benchmark.leaderboard.profiles import profiles
from benchmark.leaderboard.rows import rows
from benchmark.plugins import catalog
from benchmark.results.mask_files import Bits
from benchmark.results.record import LayerCount, Record
from tests.support.generated import NAMES, cell, generated, ran

pytestmark = pytest.mark.runs

BUILT_IN = [name for name, plugin in catalog.plugins("algorithm").items() if plugin.distribution == catalog.BUILT_IN]
RECORDS = list(generated(NAMES[:6], (0.8, 0.95), ("first", "second"), seeds=3))
FEW = [record for record in RECORDS if record.cell.algorithm in NAMES[:3]]
FIRST = {b"<?xml": ".svg", b"\x89PNG\r": ".png", b"%PDF-": ".pdf"}
"""How the files of each format begin."""


def figure(kind: str, records: Sequence[Record] = RECORDS) -> Any:
    return PICTURES[kind](records)


def words(made: Any) -> set[str]:
    """All the text of a figure."""
    return {text.get_text() for axes in made.axes for text in axes.findobj(lambda artist: hasattr(artist, "get_text"))}


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PICTURES)
def test_every_picture_names_every_method(kind: str) -> None:
    told = " ".join(words(figure(kind)))
    assert all(name in told for name in NAMES[:6])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ["accuracy-sparsity", "critical-difference"])
def test_a_picture_is_written_in_every_format(kind: str, suffix: str, tmp_path: Path) -> None:
    out = tmp_path / f"picture{suffix}"
    write(figure(kind, FEW), out)
    assert FIRST[out.read_bytes()[:5]] == suffix


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in {"pareto", "layers"})) for kind in PICTURES]
)
def test_the_same_records_give_the_same_bytes(kind: str) -> None:
    assert encoded(figure(kind, FEW), "svg") == encoded(figure(kind, FEW[::-1]), "svg")


@pytest.mark.parametrize("kind", PICTURES)
def test_nothing_to_draw_is_said(kind: str) -> None:
    with pytest.raises(UsageError, match="nothing to draw"):
        figure(kind, [ran(cell("dense", seed, sparsity=0.0), 0.9) for seed in (0, 1)])


@pytest.mark.parametrize("kind", ["accuracy-sparsity", "pareto", "layers"])
def test_more_panels_than_can_be_read_are_refused(kind: str) -> None:
    many = list(generated(NAMES[:1], (0.9,), [f"task-{place}" for place in range(MOST_PANELS + 1)], seeds=1))
    with pytest.raises(UsageError, match=r"13 panels.*narrow it down with --task"):
        figure(kind, many)


def test_a_metric_without_ratios_has_no_profile() -> None:
    records = [ran(cell(name, seed), score) for seed in (0, 1) for name, score in {"a": -3.0, "b": 2.0}.items()]
    with pytest.raises(UsageError, match="not on a scale of ratios"):
        figure("profile", records)


# --- what they show ---------------------------------------------------------------------------------------------------


def test_means_are_drawn_where_they_are() -> None:
    records = [ran(cell("a", seed, sparsity=s), s + seed / 10) for seed in (0, 1, 2) for s in (0.5, 0.9)]
    [axes] = figure("accuracy-sparsity", records).axes
    [line] = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert line.get_xdata() == pytest.approx([0.5, 0.1])
    assert line.get_ydata() == pytest.approx([0.6, 1.0])
    assert axes.get_xscale() == "log"
    assert axes.xaxis_inverted()


def test_one_sparsity_is_a_list_with_the_best_on_top() -> None:
    records = [
        ran(cell(name, seed), score) for seed in (0, 1) for name, score in {"a": 0.5, "b": 0.7, "c": 0.6}.items()
    ]
    [axes] = figure("accuracy-sparsity", records).axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "c", "b"]


def test_a_layer_that_is_empty_is_marked_and_not_left_out() -> None:
    kept = {"first": LayerCount(total=100, kept=10, effective=10), "last": LayerCount(total=100, kept=0, effective=0)}
    record = ran(cell("a"), 0.1).model_copy(update={"layers": kept})
    assert [dict(one.layers) for one in shares([record])] == [{"first": [0.1], "last": [0.0]}]
    [axes] = figure("layers", [record]).axes
    [crosses] = [line for line in axes.lines if line.get_marker() == "x"]
    assert (list(crosses.get_xdata()), list(crosses.get_ydata())) == ([1], [0.05])
    assert "nothing is left" in axes.get_xlabel()


@pytest.mark.parametrize(("worst", "scale"), [(0.5, "function"), (0.93, "linear")])
def test_errors_many_times_the_least_are_drawn_on_a_log_scale(worst: float, scale: str) -> None:
    """Where nothing presses together, and where a metric is no share, the axis is a plain one."""
    scores = {("a", 0.9): 0.97, ("a", 0.95): 0.96, ("b", 0.9): 0.95, ("b", 0.95): worst}
    records = [ran(cell(name, sparsity=sparsity), score) for (name, sparsity), score in scores.items()]
    [axes] = figure("accuracy-sparsity", records).axes
    assert axes.get_yscale() == scale
    assert ("log scale of the error" in axes.get_ylabel()) == (scale == "function")
    least, most = axes.get_ylim()
    assert least < worst < 0.97 < most < 1
    losses = [ran(record.cell, -record.metrics["score"], "min") for record in records]
    assert figure("accuracy-sparsity", losses).axes[0].get_yscale() == "linear"


def test_methods_within_the_critical_difference_are_joined() -> None:
    many = generated(NAMES[:6], (0.8, 0.95), [f"task-{place}" for place in range(8)], seeds=3)
    [axes] = figure("critical-difference", list(many)).axes
    bars = [line for line in axes.lines if line.get_linewidth() == 2.6]
    assert bars
    assert all(0 < line.get_xdata()[1] - line.get_xdata()[0] < 4 for line in bars)


def masked(name: str, seed: int, mask: str) -> tuple[Record, Bits]:
    """A run, and what it keeps of a layer: one letter a weight, k for kept."""
    record = ran(cell(name, seed), 0.5).model_copy(update={"mask_digest": mask})
    return record, {"fc.weight": np.array([letter == "k" for letter in mask])}


def overlaps_of(runs: Sequence[tuple[Record, Bits]]) -> Any:
    read = {record.key: masks for record, masks in runs}
    [axes] = overlap([record for record, _ in runs], lambda record: read[record.key]).axes
    found = axes.collections[0].get_array().filled(np.nan)
    names = [text.get_text() for text in axes.get_yticklabels()]
    return {(a, b): found[i, j] for i, a in enumerate(names) for j, b in enumerate(names)}


def test_masks_overlap_by_seed_beyond_chance_and_methods_with_themselves_over_seeds() -> None:
    """Two of four kept: chance is 1 in common, 2 at most; so 2, 1, 0 in common are 1, 0 and -1."""
    found = overlaps_of(
        [
            masked("a", 0, "kk--"),
            masked("a", 1, "k-k-"),
            masked("b", 0, "kk--"),
            masked("b", 1, "-k-k"),
            masked("c", 2, "kk--"),
        ]
    )
    assert found["a", "a"] == 0
    assert found["b", "b"] == 0
    assert found["a", "b"] == found["b", "a"] == 0  # 1 and -1
    assert np.isnan(found["a", "c"]), "they have no seed in common"
    assert np.isnan(found["c", "c"]), "it has one seed"
    assert overlaps_of([masked("a", 0, "kk--"), masked("b", 0, "kk--")])["a", "b"] == 1
    assert overlaps_of([masked("a", 0, "kk--"), masked("b", 0, "--kk")])["a", "b"] == -1


def test_records_without_masks_have_no_overlap() -> None:
    with pytest.raises(UsageError, match="no record of a pruned network has masks"):
        overlap([ran(cell("a"), 0.5)], lambda record: {})


def test_masks_that_are_not_here_are_left_out_and_named() -> None:
    runs = [masked("a", 0, "kk--"), masked("a", 1, "kk--"), masked("b", 0, "-kk-"), masked("c", 0, "kk--")]
    read = {record.key: masks for record, masks in runs}
    here = {runs[0][0].key, runs[2][0].key}
    made = overlap([record for record, _ in runs], lambda record: read[record.key], lambda record: record.key in here)
    [axes] = made.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
    assert axes.get_title(loc="left").endswith("at sparsity 0.9\nnot here: 1 of 2 of a, c")


def test_masks_of_different_networks_are_an_error() -> None:
    with pytest.raises(UsageError, match="different networks"):
        overlaps_of([masked("a", 0, "kk--"), masked("b", 0, "kk-")])


def test_a_layer_that_a_run_lacks_has_the_shares_of_the_other_runs() -> None:
    def run(seed: int, **kept: int) -> Record:
        layers = {name: LayerCount(kept=count, total=4 * (count > 0)) for name, count in kept.items()}
        return ran(cell("a", seed), 0.5).model_copy(update={"layers": layers})

    [row] = shares([run(0, first=1, second=2), run(1, first=3, third=1), run(2, empty=0)])
    assert row.layers == {"first": [0.25, 0.75], "second": [0.5], "third": [0.25]}


# --- colours and names ------------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.sets(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=30))
def test_a_method_has_its_own_colour_in_every_figure_and_no_other_has_its_marker_there(methods: set[str]) -> None:
    found = looks({name: (name, None) for name in methods})
    assert all(look.colour == looks({name: (name, None)})[name].colour for name, look in found.items())
    assert len({(look.colour, look.marker) for look in found.values()}) == len(methods)
    first = min(methods)
    assert found[first] == looks({first: (first, None)})[first]
    again = looks(dict.fromkeys((first, f"{first}:batches=2"), (first, None)))
    assert again[first] == found[first]


COMPARED = [
    ("imp", "gmp", "rigl", "snip", "magnitude", "random", "granet"),
    ("fisher", "obc", "wanda", "sparsegpt", "taylor", "magnitude", "random"),
    ("spectral", "fosr", "random-edges"),
]
"""Methods that are often drawn together."""


@pytest.mark.parametrize("methods", COMPARED)
def test_methods_that_are_often_compared_differ_in_colour(methods: Sequence[str]) -> None:
    found = looks({name: (name, None) for name in methods})
    assert len({look.colour for look in found.values()}) == len(methods)


def test_all_methods_of_this_repository_can_be_told_apart_by_their_looks() -> None:
    found = looks({name: (name, None) for name in BUILT_IN}).values()
    assert len({(look.colour, look.marker) for look in found}) == len(BUILT_IN)


def test_what_prunes_nothing_is_grey_by_whatever_name() -> None:
    dense, other = rows([ran(cell("anything", sparsity=0.0), 0.9), ran(cell("imp"), 0.8)])
    found = looks(names([dense, other]))
    assert max(found[dense.label].colour) - min(found[dense.label].colour) < 0.01
    assert max(found[other.label].colour) - min(found[other.label].colour) > 0.2


def test_options_and_controls_of_a_method_share_its_colour_and_can_be_told_apart() -> None:
    labels = {"snip": None, "snip:batches=2": None, "snip:control=shuffle": "shuffle"}
    found = looks({label: ("snip", control) for label, control in labels.items()})
    assert len({look.colour for look in found.values()}) == 1
    assert len({(str(look.dashes), look.hollow) for look in found.values()}) == 3


# --- some in colour, the others in grey -------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=9, unique=True), st.integers(1, 9))
def test_what_is_highlighted_has_distinct_colours_and_the_others_are_grey(methods: list[str], count: int) -> None:
    asked = methods[:count]
    found = looks({name: (name, None) for name in methods} | {"dense": (None, None)}, asked)
    assert {name for name, look in found.items() if look.quiet} == set(methods[count:])
    assert {found[name].colour for name in methods[count:]} <= {OTHERS}
    assert len({found[name].colour for name in asked}) == min(len(asked), 7)
    assert found[asked[0]].colour == looks({asked[0]: (asked[0], None)})[asked[0]].colour


def test_a_name_with_options_highlights_those_alone() -> None:
    labels = dict.fromkeys(("random:distribution=erk", "random:distribution=pattern"), ("random", None))
    found = looks({**labels, "snip": ("snip", None)}, ["snip,random:distribution=erk"])
    assert [label for label, look in found.items() if look.quiet] == ["random:distribution=pattern"]
    with pytest.raises(UsageError, match="'random:distribution=x' cannot be highlighted: what is drawn is random:dist"):
        looks(labels, ["random:distribution=x"])
    with pytest.raises(UsageError, match=r"'imp' cannot be highlighted: what is drawn is random, snip$"):
        looks({**labels, "snip": ("snip", None)}, ["imp"])


@pytest.mark.parametrize("kind", PICTURES)
def test_every_picture_has_some_in_colour_and_counts_the_others(kind: str) -> None:
    """Where a name is needed, as on a line of ranks, it is grey; elsewhere it is not there."""
    made = PICTURES[kind](RECORDS, highlight=[NAMES[1], NAMES[2]])
    told = " ".join(words(made))
    assert all(name in told for name in NAMES[1:3])
    named = kind == "critical-difference"
    assert (NAMES[4] in told) == named
    assert ("4 others in grey" in told) != named
    with pytest.raises(UsageError, match="'lamp' cannot be highlighted"):
        PICTURES[kind](RECORDS, highlight=["lamp"])


def test_names_of_a_forest_and_of_overlaps_are_grey_where_others_are_highlighted() -> None:
    records = [ran(cell(name, seed), 0.5 + seed / 10) for seed in (0, 1) for name in "abc"]
    [axes] = PICTURES["accuracy-sparsity"](records, highlight=["b"]).axes
    inks = {tick.get_text(): tick.get_color() for tick in axes.get_yticklabels()}
    assert inks["a"] == inks["c"] == OTHERS_INK != inks["b"]
    runs = [masked(name, 0, "kk--") for name in "abc"]
    read = {record.key: masks for record, masks in runs}
    [axes] = overlap([record for record, _ in runs], lambda record: read[record.key], highlight=["b"]).axes
    for names_of in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [tick.get_color() == OTHERS_INK for tick in names_of] == [True, False, True]


# --- names and ticks are apart ----------------------------------------------------------------------------------------


@given(st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=12), st.floats(0.001, 0.08))
def test_names_are_spread_without_changing_their_order(heights: list[float], gap: float) -> None:
    found = spread(heights, gap)
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    assert all(found[b] - found[a] >= gap - 1e-6 for a, b in itertools.pairwise(order))
    assert all(-1e-6 <= height <= 1 + 1e-6 for height in found), "there is room for 12 gaps of 0.08"


def test_names_that_do_not_collide_stay_where_they_are() -> None:
    assert spread([0.1, 0.9, 0.5], 0.1) == [0.1, 0.9, 0.5]


LONG = [
    ran(cell("fisher", seed, sparsity=sparsity, pattern=pattern, options=options), score, training_flops=flops)
    for pattern in ("global", "layerwise", "2:4")
    for seed in (0, 1)
    for sparsity in ((0.5,) if pattern == "2:4" else (0.8, 0.9, 0.95, 0.98, 0.99))
    for place, options in enumerate(
        {"block": block, "damping": damping, "correct": correct}
        for block in (1, 50)
        for damping in (1e-7, 1e-4)
        for correct in (True, False)
    )
    for score, flops in [(0.97 - (sparsity - 0.2) ** 8 / 2 - place / 1000 - seed / 500, 10 ** (14 - 3 * sparsity))]
]
"""Records of methods with long names and nearly the same score and cost, in panels of both kinds."""


def boxes(made: Any) -> list[Any]:
    """Of a figure that is laid out, the boxes of all text, in its panels and beside them."""
    made.draw_without_rendering()
    told = {text for axes in made.axes for text in axes.findobj(Text) if text.get_text() and text.get_visible()}
    for axis in (axis for axes in made.axes for axis in (axes.xaxis, axes.yaxis)):
        least, most = sorted(axis.get_view_interval())
        labels = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True)
        told -= {label for place, label in labels if not least <= place <= most}  # they are not drawn
    return [Text.get_window_extent(text) for text in told]


CROWDED = [
    *(pytest.param(kind, RECORDS, id=kind) for kind in ("accuracy-sparsity", "pareto", "profile", "layers")),
    pytest.param("accuracy-sparsity", LONG, id="accuracy-sparsity, long names"),
    *(pytest.param(kind, LONG, id=f"{kind}, long names", marks=pytest.mark.slow) for kind in ("pareto", "profile")),
]


@pytest.mark.parametrize(("kind", "records"), CROWDED)
def test_no_name_and_no_tick_covers_another(kind: str, records: Sequence[Record]) -> None:
    for one, other in itertools.combinations(boxes(figure(kind, records)), 2):
        over = one.intersection(one, other)
        assert over is None or over.width * over.height < 0.03 * one.width * one.height


@pytest.mark.parametrize(
    "kind", ["accuracy-sparsity", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("pareto", "profile"))]
)
def test_long_names_leave_every_panel_its_width(kind: str) -> None:
    made = figure(kind, LONG)
    made.draw_without_rendering()
    assert min(axes.get_window_extent().width for axes in made.axes) > 0.99 * LEAST_WIDTH * made.dpi


@pytest.mark.parametrize(
    ("least", "most"), [(0.008, 0.25), (0.28, 0.75), (0.93, 0.97), (0.4, 0.6), (5e9, 2.5e12), (9e8, 8e8), (3, 3e10)]
)
def test_ticks_of_a_log_axis_are_apart_in_the_smallest_panel(least: float, most: float) -> None:
    made, [axes] = panels(["a title"], (LEAST_WIDTH + 0.1, 3.0))
    axes.set(xscale="log", xlim=(least, most), yticks=[])
    ticks(axes.xaxis, lambda value, _: EngFormatter()(value))
    found = boxes(made)
    assert len(found) > 2, "a title, and two ticks or more"
    assert not any(one.overlaps(other) for one, other in itertools.combinations(found, 2))


def test_methods_in_the_same_place_have_numbers_that_a_list_explains() -> None:
    [axes] = figure("pareto", [of for of in LONG if (of.cell.sparsity, of.cell.pattern) == (0.9, "global")]).axes
    told = {text.get_text() for text in axes.texts}
    assert {"1", "8", "1  fisher:block=1,damping=1e-07,correct=True"} <= told
    assert "8  fisher:block=50,damping=0.0001,correct=False" in told


def test_budgets_are_told_beside_names_as_far_as_they_differ() -> None:
    records = [
        ran(cell("imp", seed, budget=budget), 0.9 + place / 100, training_flops=1e12 * (place + 1))
        for place, budget in enumerate(("short", "full"))
        for seed in (0, 1)
    ]
    assert {"imp short", "imp full"} <= words(figure("pareto", records))
    alone = words(figure("pareto", records[:2]))
    assert "imp" in alone
    assert any("budget short" in text for text in alone)


def test_the_legend_of_profiles_is_in_the_order_of_their_areas() -> None:
    [axes] = figure("profile").axes
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert told == [curve.label for curve in profiles(rows(RECORDS))]
