"""Metrics against published, hand-computed and scikit-learn values."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import InvalidInput
from training.metrics.classification import (
    OTHER,
    accuracy,
    class_reports,
    confusion,
    exact_match,
    macro_f1,
)
from training.metrics.comparison import mcnemar, mcnemar_of_counts
from training.metrics.intervals import macro_f1_interval, wilson_interval
from training.metrics.pictures import confusion_png

PAIRS = st.lists(st.tuples(st.sampled_from("abcdé"), st.sampled_from("abcdx")), min_size=1, max_size=60)


def sides(pairs):
    expected, predicted = zip(*pairs, strict=True)
    return list(expected), list(predicted)


@settings(deadline=None)
@given(PAIRS)
def test_scores_are_those_of_scikit_learn(pairs):
    from sklearn.metrics import accuracy_score, f1_score

    expected, predicted = sides(pairs)

    assert accuracy(expected, predicted) == pytest.approx(accuracy_score(expected, predicted))
    assert macro_f1(expected, predicted) == pytest.approx(
        f1_score(expected, predicted, average="macro", zero_division=0)
    )


@settings(deadline=None)
@given(PAIRS)
def test_class_reports_are_those_of_scikit_learn(pairs):
    from sklearn.metrics import precision_recall_fscore_support

    expected, predicted = sides(pairs)
    reports = class_reports(expected, predicted)
    theirs = precision_recall_fscore_support(
        expected, predicted, labels=[report.label for report in reports], zero_division=0
    )

    for report, values in zip(reports, zip(*theirs, strict=True), strict=True):
        assert (report.precision, report.recall, report.f1, report.support) == pytest.approx(values)


def test_class_report_by_hand():
    reports = class_reports(["a", "a", "a", "b"], ["a", "a", "b", "b"])

    assert [(r.label, r.precision, r.recall, r.support) for r in reports] == [
        ("a", 1.0, pytest.approx(2 / 3), 3),
        ("b", 0.5, 1.0, 1),
    ]
    assert [r.f1 for r in reports] == pytest.approx([0.8, 2 / 3])


@settings(deadline=None)
@given(PAIRS, st.integers(1, 6))
def test_confusion_counts_every_item_once_however_few_labels_are_shown(pairs, top):
    expected, predicted = sides(pairs)

    matrix = confusion(expected, predicted, top=top)

    assert sum(map(sum, matrix.counts)) == len(pairs)
    assert len(matrix.labels) <= top + 1


def test_confusion_gathers_rare_labels_under_other():
    matrix = confusion(["a", "a", "b", "c"], ["a", "b", "b", "d"], top=2)

    assert matrix.labels == ("a", "b", OTHER)
    assert matrix.counts == ((1, 1, 0), (0, 1, 0), (0, 0, 1))


def test_exact_match_compares_json_by_value_and_text_without_outer_space():
    expected = ['{"a":1,"b":2}', "yes", "1.0"]

    assert exact_match(expected, ['{ "b": 2, "a": 1 }', " yes\n", "1"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("successes", "items", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_is_the_one_newcombe_1998_prints(successes, items, low, high):
    interval = wilson_interval(successes, items)

    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@settings(deadline=None)
@given(st.integers(1, 5000).flatmap(lambda items: st.tuples(st.integers(0, items), st.just(items))))
def test_wilson_interval_holds_the_share_and_mirrors(counts):
    successes, items = counts

    interval, mirrored = wilson_interval(successes, items), wilson_interval(items - successes, items)

    assert 0 <= interval.low <= successes / items <= interval.high <= 1
    assert interval.low == pytest.approx(1 - mirrored.high, abs=1e-9)


def test_bootstrap_interval_holds_the_score_and_repeats_itself():
    expected = ["a", "b", "c", "a"] * 50
    predicted = ["a", "b", "a", "a"] * 25 + expected[100:]

    interval = macro_f1_interval(expected, predicted)

    assert interval.low < macro_f1(expected, predicted) < interval.high
    assert interval == macro_f1_interval(expected, predicted)
    assert interval != macro_f1_interval(expected, predicted, seed=1)


def test_bootstrap_interval_of_perfect_answers_is_one():
    interval = macro_f1_interval(["a", "b"] * 20, ["a", "b"] * 20, resamples=50)

    assert (interval.low, interval.high) == (1.0, 1.0)


def test_mcnemar_with_many_discordant_items_is_the_corrected_chi_square():
    result = mcnemar_of_counts(150, 86)  # Agresti, approval ratings: (64 - 1)^2 / 236 = 16.818

    assert result.method == "chi-square, corrected"
    assert result.p_value == pytest.approx(4.115e-5, rel=1e-3)


def test_mcnemar_with_few_discordant_items_is_the_binomial_by_hand():
    result = mcnemar_of_counts(1, 9)

    assert result.method == "exact"
    assert result.p_value == pytest.approx(2 * (1 + 10) / 1024)


def test_mcnemar_counts_only_items_on_which_the_models_differ():
    result = mcnemar(["x", "x", "x", "x"], ["x", "x", "y", "y"], ["x", "y", "x", "z"])

    assert (result.only_first, result.only_second, result.p_value) == (1, 1, 1.0)


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_does_not_care_which_model_is_first(first, second):
    there, back = mcnemar_of_counts(first, second), mcnemar_of_counts(second, first)

    assert there.p_value == back.p_value
    assert 0 <= there.p_value <= 1


@pytest.mark.parametrize(("expected", "predicted"), [([], []), (["a"], []), (["a"], ["a", "b"])])
def test_scores_of_nothing_or_of_uneven_sides_are_refused(expected, predicted):
    with pytest.raises(InvalidInput, match="one prediction for each"):
        macro_f1(expected, predicted)


def test_confusion_picture_is_a_png_and_the_same_each_time():
    matrix = confusion(["a$b$", "日本", "x" * 90], ["a$b$", "日本", "a$b$"])

    picture = confusion_png(matrix)

    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture == confusion_png(matrix)
