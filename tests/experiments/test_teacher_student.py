"""Students near their teacher against what was worked out by hand, and what is told of how often they recover it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice, product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmark.experiments import _recovery as recovery
from benchmark.experiments import _students as students
from benchmark.experiments import teacher_student as asked
from hypothesis import given
from hypothesis import strategies as st

from benchmark import Study
from benchmark.results.record import Record, failure
from benchmark.studies.points import Drawn, draw
from benchmark.sweep.plan import Selection
from tests.support.generated import cell, ran

SEEDS = st.integers(0, 1000).map(np.random.default_rng)
TRUTH = np.array([[0.6, 0.8, 0, 0], [0, 0, 1, 0]], dtype=np.float32)


def drawn(rng: np.random.Generator, n: int = 30) -> tuple[Any, Any, Any]:
    truth = students.teacher(rng, 8, 3, 2)
    x = rng.standard_normal((n, 8)).astype(np.float32)
    return truth, x, students.outputs(truth, x)


# --- the student ------------------------------------------------------------------------------------------------------


def test_outputs_and_their_gradient_worked_out_by_hand() -> None:
    """One example, two neurons: both reach above 0, so that dL/dw_j = (g - y) x / 2."""
    x, y = np.array([[1, 1, 2, 5]], dtype=np.float32), np.array([0.7], dtype=np.float32)
    assert students.outputs(TRUTH, x) == pytest.approx([(1.4 + 2) / 2])
    assert students.gradient(TRUTH, x, y) == pytest.approx(np.array([[1, 1, 2, 5]] * 2) * (1.7 - 0.7) / 2)
    off = -x
    assert not students.gradient(TRUTH, off, y).any(), "a ReLU that is off has no gradient"


@given(SEEDS)
def test_the_gradient_is_the_slope_of_the_loss(rng: np.random.Generator) -> None:
    truth, x, y = drawn(rng)
    weights = students.beside(rng, truth, np.ones(truth.shape, dtype=bool)).astype(float)

    def loss(weights: Any) -> float:
        return float(((np.maximum(x @ weights.T, 0).mean(axis=1) - y) ** 2).mean() / 2)

    towards = rng.standard_normal(truth.shape)
    slope = (loss(weights + 1e-6 * towards) - loss(weights - 1e-6 * towards)) / 2e-6
    assert slope == pytest.approx(float((students.gradient(weights, x, y) * towards).sum()), abs=1e-4)


@given(SEEDS)
def test_at_the_teacher_there_is_no_gradient(rng: np.random.Generator) -> None:
    truth, x, y = drawn(rng)
    assert not students.gradient(truth, x, y).any()
    for weights in islice(students.descent(truth, truth != 0, x[:5], y[:5], beta=0.9, rate=1.5), 20):
        assert (weights == truth).all()


@given(SEEDS, st.integers(2, 8))
def test_what_is_masked_never_moves(rng: np.random.Generator, kept: int) -> None:
    truth, x, y = drawn(rng)
    mask = students.around(rng, truth, kept)
    assert (mask.sum(axis=1) == kept).all()
    assert mask[truth != 0].all(), "the support of the teacher is always kept"
    start = students.beside(rng, truth, mask)
    assert np.linalg.norm(start - truth) == pytest.approx(np.linalg.norm(truth) / 2, rel=1e-5)
    for weights in islice(students.descent(start, mask, x, y, beta=0.9, rate=1.5), 20):
        assert not weights[~mask].any()


@given(SEEDS)
def test_a_mask_of_every_weight_is_no_mask(rng: np.random.Generator) -> None:
    truth, x, y = drawn(rng)
    whole = students.around(rng, truth, 8)
    assert whole.all()
    start = students.beside(rng, truth, whole)
    weights, moved = start, np.zeros_like(start)
    for under_mask in islice(students.descent(start, whole, x, y, 0.5, 3), 10):
        assert (under_mask == weights).all()
        moved = np.float32(0.5) * moved - np.float32(3) * students.gradient(weights, x, y)
        weights = weights + moved


@given(SEEDS, st.permutations(range(3)))
def test_the_order_of_neurons_changes_nothing(rng: np.random.Generator, order: list[int]) -> None:
    truth, x, y = drawn(rng)
    mask = students.around(rng, truth, 4)
    start = students.beside(rng, truth, mask)
    one, other = (
        students.last(islice(students.descent(w, m, x, y, 0.9, 1.5), 10))
        for w, m in ((start, mask), (start[order], mask[order]))
    )
    assert other == pytest.approx(one[order], abs=1e-4)


def test_the_rate_is_the_factor_between_a_tenth_and_a_ten_thousandth() -> None:
    assert students.speed([0.5 * 0.9**step for step in range(400)]) == pytest.approx(0.9)
    held = [*[0.5] * 9, *[0.1 * 0.8**step for step in range(60)], *[1e-7] * 300]
    assert students.speed(held) == pytest.approx(0.8), "what comes before a tenth, and after, does not count"
    assert students.speed([0.5 * 0.999**step for step in range(100)]) == 1.0, "it never falls to a tenth"


# --- what the theory says, measured -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("support", "kept", "counts", "expected"),
    [
        (10, 10, "50,100,150", [0, 1, 1]),
        (30, 30, "100,150,300", [0, 0, 1]),
        (10, 20, "100,200", [0, 1]),
        (10, 60, "200,300", [0, 0]),
    ],
)
def test_teachers_are_recovered_where_the_prototype_recovered_them(
    support: int, kept: int, counts: str, expected: list[int]
) -> None:
    """Of eight draws, far from the boundary all or none."""
    setting: dict[str, Any] = {"d": 60, "neurons": 5, "support": support, "kept": kept, "samples": counts, "noise": 0.0}
    rows = [asked.recovery(np.random.default_rng([1, i]), **setting) for i in range(3)]
    shares = pd.DataFrame(rows).lt(recovery.CLOSE).mean()
    assert shares.tolist() == pytest.approx(expected, abs=0.35)


def test_noise_in_the_outputs_moves_the_student_in_proportion() -> None:
    setting: dict[str, Any] = {"d": 60, "neurons": 5, "support": 10, "kept": 10, "samples": "400"}
    for noise, expected in {0.0: 0, 0.1: 0.035, 0.2: 0.069, 0.4: 0.147}.items():
        ends = [asked.recovery(np.random.default_rng(i), noise=noise, **setting)["error 400"] for i in range(3)]
        assert np.mean(ends) == pytest.approx(expected, rel=0.15, abs=1e-5)


def test_fewer_weights_converge_faster() -> None:
    setting: dict[str, Any] = {"d": 60, "neurons": 5, "samples": 600, "beta": 0.5}
    for r, expected in {10: 0.9481, 30: 0.9704, 60: 0.9910}.items():
        rates = [asked.rate(np.random.default_rng(i), support=r, kept=r, **setting)["rate"] for i in range(3)]
        assert np.mean(rates) == pytest.approx(expected, abs=0.006)


# --- how often --------------------------------------------------------------------------------------------------------


def counted(shares: dict[int, float], draws: int = 20) -> dict[int, Any]:
    return {n: np.arange(draws) < round(share * draws) for n, share in shares.items()}


def test_one_half_is_crossed_between_the_two_that_enclose_it() -> None:
    assert recovery.half([50, 100, 150], np.array([0.0, 0.25, 0.75])) == 125
    assert recovery.half([50, 100], np.array([1.0, 1.0])) == 25, "no examples recover nothing"
    assert recovery.half([50, 100], np.array([0.6, 0.4])) == pytest.approx(250 / 6), "the first time"
    assert np.isnan(recovery.half([50, 100], np.array([0.0, 0.4])))


def test_further_numbers_of_examples_lie_where_it_is_crossed() -> None:
    assert recovery.bracket(counted({50: 0, 100: 0.1, 150: 1}), 4) == [110, 120, 130, 140]
    assert recovery.bracket(counted({50: 1, 100: 1}), 4) == [10, 20, 30, 40]
    assert recovery.bracket(counted({50: 0, 100: 0.1}), 1) == [75]


def test_a_boundary_that_grows_linearly_is_told_with_its_slope() -> None:
    found = {r: counted({6 * r: 0, 7 * r: 0.5, 8 * r: 1}) for r in (5, 10, 20, 40)}
    told = recovery.linear(found, least=0.95)
    assert told.estimate == pytest.approx(1)
    assert "c = 7.00 [" in told.says
    assert told.low > 0.95
    assert told.n == 20
    assert told == recovery.linear(found, least=0.95), "the bootstrap is the same every time"


def test_a_boundary_that_does_not_grow_is_told_as_well() -> None:
    found = {r: counted({80: 0, 100: 0.5, 120: 1}) for r in (5, 10, 20, 40)}
    found[5] = counted({80: 0, 100: 0.4, 120: 1})
    assert recovery.linear(found, least=0.95).high < 0.95


def test_a_grid_that_misses_the_transition_says_nothing() -> None:
    sharp = {r: counted({6 * r: 0, 7 * r: 0.5, 8 * r: 1}) for r in (5, 10)} | {20: counted({100: 0, 200: 1})}
    assert "no share in (0.05, 0.95) at r = 20" in recovery.linear(sharp, 0.95).misses
    never = {r: counted({6 * r: 0, 7 * r: 0.4}) for r in (5, 10, 20)}
    assert "beyond the largest" in recovery.linear(never, 0.95).misses


def test_shares_are_compared_by_newcombes_interval() -> None:
    """56 of 70 against 48 of 80 is 0.2 [0.0524, 0.3339] (Newcombe, 1998, table II, method 10)."""
    told = recovery.more_often(*(np.arange(of) < hits for hits, of in ((56, 70), (48, 80))), "more")
    assert (told.estimate, told.low, told.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_a_slope_has_the_interval_of_least_squares() -> None:
    """x = 0..3, y = 0, 1, 1, 2: slope 0.6, standard error sqrt(0.2 / 2 / 5), t(2) = 4.303."""
    told = recovery.rising(np.arange(4.0), np.array([0.0, 1, 1, 2]), "")
    assert told.estimate == pytest.approx(0.6)
    assert told.high - told.estimate == pytest.approx(4.30265 * (0.2 / 2 / 5) ** 0.5, rel=1e-4)


# --- the experiment ---------------------------------------------------------------------------------------------------


@pytest.fixture
def answering() -> Callable[..., Study]:
    """Studies whose points are drawn here, and whose pruners keep what a table says of the support."""

    def make(recalls: dict[str, float], skipped: tuple[str, ...] = ()) -> Study:
        def record(name: str, seed: int) -> Record:
            one = cell(name, seed)
            if name in skipped:
                return failure(one, ran(one, 0.5).ranking, "skipped", "needs classes")
            recall = recalls.get(name, 0.2) + 0.01 * ((seed * 7 + len(name)) % 5)
            told = {"recall": recall, "precision": recall, "chance": 1 / 6, "excess": recall - 1 / 6}
            return ran(one, 1 - recall).model_copy(update={"diagnosis": told})

        def answer(selection: Selection) -> list[Record]:
            return [record(one.name, seed) for one in selection.algorithms for seed in selection.seeds]

        return Study("teacher-student", answer, lambda points, draws: [(one, draw(one, 0, draws)) for one in points])

    return make


@pytest.mark.runs
def test_pruners_are_ranked_and_compared_with_random_masks(answering: Callable[..., Study]) -> None:
    study = answering({"imp": 0.9, "snip": 0.2, "grasp": 0.05}, skipped=("hrank",))
    study.on("teacher", seeds=5)
    asked.from_random(study, ["snip", "imp", "hrank", "grasp"])
    verdicts = {one.sentence.split()[0]: one.verdict for one in study.claims}
    assert verdicts == {"snip": "not told apart", "imp": "holds", "grasp": "does not hold"}
    (_, ranked), (_, left) = study.tables
    assert ranked.method.tolist()[0] == "imp"
    assert set(ranked.method.tolist()[1:3]) == {"random", "snip"}
    assert ranked.method.tolist()[3:] == ["grasp", "dense"]
    assert ranked.above_random.iloc[0] == pytest.approx(0.7)
    assert left.to_numpy().tolist() == [["hrank", "needs classes"]]
    assert study.figures.keys() == {"pruners"}


def test_a_point_that_failed_leaves_the_theory_untold() -> None:
    def compute(points: Any, draws: int) -> Any:
        return [(one, draw(one.__class__(**{**vars(one), "values": (("d", 0),)}), 0, draws)) for one in points]

    study = Study("teacher-student", lambda selection: [], compute)
    asked.near_the_teacher(study, d=12, neurons=2, draws=2)
    assert [one.verdict for one in study.claims] == ["incomplete"]


def test_the_grid_is_refined_until_some_share_lies_between() -> None:
    """A teacher of r weights is recovered from 6 r examples on, of every second draw from 6 r - 2 on."""
    numbers = []

    def compute(points: Any, draws: int) -> Any:
        numbers.append(sorted(dict(one.values)["samples"] for one in points))
        return [(one, Drawn([ends(dict(one.values), i) for i in range(draws)])) for one in points]

    def ends(point: dict[str, Any], i: int) -> dict[str, float]:
        needed = 6 * point["kept"] - 2 * (i % 2)
        return {f"error {n}": float(int(n) < needed) for n in point["samples"].split(",")}

    study = Study("teacher-student", lambda selection: [], compute)
    right = pd.DataFrame([{"support": r, "kept": r} for r in (10, 20)])
    found = asked.located(study, right, [50, 100, 150], {"d": 60, "neurons": 5, "draws": 4})
    assert numbers == [["50,100,150"] * 2, ["110,120,130,140", "60,70,80,90"], ["112,114,116,118", "52,54,56,58"]]
    assert not any(recovery.misses_transition(row) for row in found.values())
    assert recovery.halves(found) == [58, 118]


@pytest.mark.runs
def test_tickets_of_real_data_have_a_line_for_each_number_of_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(selection: Selection) -> list[Record]:
        places = product(selection.tasks, selection.sparsities, selection.seeds)
        return [
            ran(cell("imp", seed, task=one.name, task_options=dict(one.options), sparsity=sparsity), 0.9)
            for one, sparsity, seed in places
        ]

    for part in ("near_the_teacher", "from_random"):
        monkeypatch.setattr(asked, part, lambda *args: None)
    study = Study("teacher-student", answer, lambda points, draws: [])
    asked.teacher_student(study, real="digits:examples=250,digits", pruners="imp")
    [axes] = study.figures["real"].axes
    assert [line.get_label() for line in axes.lines] == ["digits:examples=250", "digits"]
    assert [len(line.get_xdata()) for line in axes.lines] == [len(asked.LEVELS)] * 2
