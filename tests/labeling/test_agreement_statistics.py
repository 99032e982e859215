"""Measures of agreement against published worked examples, and against a second way to compute each."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from itertools import permutations, product

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from labeling.agreement.statistics import (
    alpha_interval,
    bootstrap_interval,
    cohen_kappa,
    confusion,
    exact_match,
    iou,
    kappa_interval,
    kappa_standard_error,
    krippendorff_alpha,
    mean_iou,
    pairs_of,
)


def table_of(*people: str) -> list[tuple[object, ...]]:
    """People as in the papers, one line each: `.` is missing, digits are numbers."""
    rows = [[None if c == "." else int(c) if c.isdigit() else c for c in person.split()] for person in people]
    return list(zip(*rows, strict=True))


def pairs_in(counts: list[list[int]]) -> list[tuple[object, object]]:
    """A contingency table written out, item by item."""
    return [(i, j) for i, row in enumerate(counts) for j, count in enumerate(row) for _ in range(count)]


BINARY = table_of("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0")
BEN_AND_GERRY = table_of("a a b b d c c c e d d a", "b a b b b c c c e d d d")
FOUR_OBSERVERS = table_of(
    "1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."
)
THREE_CODERS = table_of(
    ". . . . . 3 4 1 2 1 1 3 3 . 3", "1 . 2 1 3 3 4 3 . . . . . . .", ". . 2 1 3 4 4 . 2 1 1 3 3 . 4"
)
COHEN_1960 = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
SAS_FREQ = [[0, 4, 1], [0, 8, 0], [0, 1, 5]]


def exact_alpha(table: list[tuple[object, ...]], level: str) -> Fraction:
    """Krippendorff's alpha by its definition: the matrix of coincidences and distances, in fractions."""
    coincidences: Counter[tuple[object, object]] = Counter()
    for row in table:
        values = [value for value in row if value is not None]
        for one, other in permutations(values, 2):
            coincidences[one, other] += Fraction(1, len(values) - 1)
    totals: Counter[object] = Counter()
    for (one, _), share in coincidences.items():
        totals[one] += share

    def distance(one, other) -> Fraction:
        if level == "nominal":
            return Fraction(one != other)
        if level == "interval":
            return Fraction(one - other) ** 2
        between = sum(count for value, count in totals.items() if min(one, other) <= value <= max(one, other))
        return (between - Fraction(totals[one] + totals[other], 2)) ** 2

    observed = sum(share * distance(*pair) for pair, share in coincidences.items())
    expected = sum(totals[one] * totals[other] * distance(one, other) for one, other in product(totals, repeat=2))
    return 1 - (sum(totals.values()) - 1) * observed / expected


@pytest.mark.parametrize(
    ("table", "level", "published"),
    [
        (BINARY, "nominal", 0.095),
        (BEN_AND_GERRY, "nominal", 0.692),
        (FOUR_OBSERVERS, "nominal", 0.743),
        (FOUR_OBSERVERS, "ordinal", 0.815),
        (FOUR_OBSERVERS, "interval", 0.849),
        (THREE_CODERS, "nominal", 0.691),
        (THREE_CODERS, "interval", 0.811),
    ],
)
def test_alpha_is_that_of_krippendorffs_examples(table, level, published) -> None:
    exact = exact_alpha(table, level)

    assert krippendorff_alpha(table, level=level) == pytest.approx(float(exact), abs=1e-9)
    assert float(exact) == pytest.approx(published, abs=0.0006)


def test_the_example_of_two_observers_is_a_fraction_that_can_be_checked_by_hand() -> None:
    assert krippendorff_alpha(BEN_AND_GERRY) == pytest.approx(1 - 23 * 6 / 448, abs=1e-12)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_is_that_of_its_definition_on_any_answers(level) -> None:
    random = np.random.default_rng(5)
    for people in (2, 3, 6):
        drawn = random.integers(-4, 5, size=(40, people))
        table = [tuple(None if random.random() < 0.3 else int(value) for value in row) for row in drawn]
        assert krippendorff_alpha(table, level=level) == pytest.approx(float(exact_alpha(table, level)), abs=1e-9)


def test_an_interval_scale_may_start_anywhere_and_have_any_unit() -> None:
    moved = [tuple(None if v is None else 1e9 + v / 4 for v in row) for row in FOUR_OBSERVERS]

    found = krippendorff_alpha(moved, level="interval")

    assert found == pytest.approx(float(exact_alpha(FOUR_OBSERVERS, "interval")), abs=1e-9)


def test_words_of_an_ordinal_scale_follow_the_order_that_is_given() -> None:
    words = {1: "none", 2: "mild", 3: "clear", 4: "severe", 5: "grave"}
    table = [tuple(words.get(value) for value in row) for row in FOUR_OBSERVERS]

    found = krippendorff_alpha(table, level="ordinal", order=list(words.values()))

    assert found == pytest.approx(float(exact_alpha(FOUR_OBSERVERS, "ordinal")), abs=1e-9)
    with pytest.raises(ValueError, match="'grave' is not in the order"):
        krippendorff_alpha(table, level="ordinal", order=["none", "mild", "clear", "severe"])


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_is_one_in_full_agreement_and_undefined_without_a_difference_to_find(level) -> None:
    assert krippendorff_alpha([(1, 1), (2, 2), (3, None)], level=level) == 1
    assert krippendorff_alpha([(1, 1), (1, 1)], level=level) is None
    assert krippendorff_alpha([(1, None), (None, 2)], level=level) is None
    assert krippendorff_alpha([], level=level) is None


def test_an_interval_scale_refuses_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="'high' is no finite number"):
        krippendorff_alpha([("high", 1.0)], level="interval")


def test_kappa_is_that_of_cohens_example() -> None:
    found = cohen_kappa(pairs_in(COHEN_1960))

    assert found == pytest.approx(float(Fraction(200 * 140 - 16_400, 200**2 - 16_400)), abs=1e-12)
    assert found == pytest.approx(0.492, abs=0.0005)


def test_kappa_and_its_error_are_those_of_the_example_that_sas_prints() -> None:
    pairs = pairs_in(SAS_FREQ)

    kappa, error = cohen_kappa(pairs), kappa_standard_error(pairs)

    assert kappa == pytest.approx(float(Fraction(19 * 13 - 140, 19**2 - 140)), abs=1e-12)
    printed = [0.4842, 0.1380, 0.2137, 0.7547]
    assert [kappa, error, kappa - 1.959964 * error, kappa + 1.959964 * error] == pytest.approx(printed, abs=0.00005)


def test_kappa_is_that_of_scikit_learn_and_leaves_missing_answers_out() -> None:
    random = np.random.default_rng(8)
    drawn = [(int(a), int(b)) for a, b in random.integers(0, 4, size=(60, 2))]

    found = cohen_kappa([*drawn, (1, None), (None, 2)])

    assert found == pytest.approx(cohen_kappa_score(*zip(*drawn, strict=True)), abs=1e-12)


def test_kappa_is_undefined_where_both_gave_one_answer_only() -> None:
    assert cohen_kappa([("a", "a"), ("a", "a")]) is None
    assert kappa_standard_error([("a", "a")]) is None
    assert cohen_kappa([("a", None)]) is None
    assert cohen_kappa([("a", "b"), ("b", "a")]) == -1


LSAT = [576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594]
GPA = [3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96]


def test_the_bootstrap_finds_the_standard_error_of_the_law_schools() -> None:
    x, y = np.array(LSAT, dtype=float), np.array(GPA)

    def correlation(weights) -> float:
        covariance = np.cov(x, y, fweights=weights.astype(int))
        return float(covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1]))

    found = bootstrap_interval(correlation, 15, draws=3_200)

    assert correlation(np.ones(15)) == pytest.approx(0.776, abs=0.0005)
    monte_carlo = math.sqrt(2) * 0.132 / math.sqrt(2 * 3_200)
    assert found.standard_error == pytest.approx(0.132, abs=4 * monte_carlo)


def exact_distribution(table, statistic) -> list[float]:
    """The statistic of every way to draw as many items again."""
    found = [statistic([table[place] for place in drawn]) for drawn in product(range(len(table)), repeat=len(table))]
    return sorted(value for value in found if value is not None)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_the_interval_of_alpha_is_that_of_all_samples_within_its_monte_carlo_error(level) -> None:
    table = [(1, 2, 1), (2, 2, None), (3, 1, 3), (1, 1, 1), (4, 3, 4)]
    everything = exact_distribution(table, lambda drawn: krippendorff_alpha(drawn, level=level))

    found = alpha_interval(table, level=level, draws=4_000)

    for bound, share in ((found.low, 0.025), (found.high, 0.975)):
        slack = 4 * math.sqrt(share * (1 - share) / 4_000)
        low, high = np.quantile(everything, [max(share - slack, 0), min(share + slack, 1)])
        assert low - 1e-9 <= bound <= high + 1e-9
    assert found.standard_error == pytest.approx(np.std(everything), rel=0.08)


def test_the_interval_of_kappa_agrees_with_its_large_sample_error() -> None:
    pairs = pairs_in(COHEN_1960)

    found = kappa_interval(pairs, draws=2_000)

    assert found.standard_error == pytest.approx(kappa_standard_error(pairs), rel=0.1)
    assert found.low < cohen_kappa(pairs) < found.high


def test_the_same_answers_give_the_same_interval() -> None:
    assert alpha_interval(FOUR_OBSERVERS) == alpha_interval(FOUR_OBSERVERS)
    assert alpha_interval([(1, 1), (1, 1)]) is None
    assert kappa_interval([("a", None)]) is None


def test_exact_match_counts_pairs_and_not_items() -> None:
    assert exact_match([("a", "a", "b"), ("c", "c", None), ("d", None, None)]) == pytest.approx(2 / 4)
    assert exact_match([("a", None)]) is None


def test_confusion_counts_who_said_what() -> None:
    people = pairs_of([("a", "b", "a"), ("a", "a", None)], ["ann", "bob", "cy"])

    assert confusion(people["ann", "bob"]) == {("a", "b"): 1, ("a", "a"): 1}
    assert confusion(people["ann", "cy"]) == {("a", "a"): 1}


def test_boxes_overlap_by_shared_over_joint_area() -> None:
    assert iou((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / 7, abs=1e-12)
    assert iou((0, 0, 1, 1), (1, 0, 2, 1)) == 0
    assert iou((5, 5, 5, 5), (5, 5, 5, 5)) == 1
    with pytest.raises(ValueError, match="ends before it starts"):
        iou((2, 0, 1, 1), (0, 0, 1, 1))


def test_boxes_are_matched_one_to_one_and_those_left_over_count_nothing() -> None:
    first, second = [(0, 0, 2, 2), (10, 10, 12, 12)], [(10, 10, 12, 12), (1, 1, 3, 3), (50, 50, 51, 51)]

    assert mean_iou(first, second) == pytest.approx((1 + 1 / 7) / 3, abs=1e-12)
    assert mean_iou([], []) == 1
    assert mean_iou(first, []) == 0
