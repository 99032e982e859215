"""The embedded labeler: what it compares, how sure it is, what it refuses, and whose labels it may use."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from governance import constraints
from governance.constraints import Terms
from governance.exits import EXITS
from governance.uses import ALL_USES, BITS, Use
from labeling.labels import services as labels
from labeling.labels.entries import Entry
from labeling.nearest import index as nearest_index
from labeling.nearest.engine import NAME, NearestNeighbourEngine
from labeling.nearest.features import Features, kind_of
from labeling.nearest.voting import vote
from workbench.endpoints.port import Answer, Question
from workbench.endpoints.services import answer_all
from workbench.models import ModelEndpoint
from workbench.sheets import selectors as sheets

from .factories import bind, label_type, make_label, make_labelset, make_sheet

ROWS = [
    {"id": f"c{n}", "text": f"my card was stolen number {n}", "amount": str(10 + n), "day": f"2024-01-{n + 1:02}"}
    for n in range(9)
] + [
    {"id": f"r{n}", "text": f"please refund the money {n}", "amount": str(90 + n), "day": f"2024-06-{n + 1:02}"}
    for n in range(9)
]


@pytest.fixture
def version(steward, approver, team, expert):
    found = make_sheet(steward, approver, team, rows=ROWS, annotations="")
    bind(found.sheet, make_labelset(expert, approver, team), steward)
    return found


@pytest.fixture
def labelled(version, expert):
    for ref, name in (("c0", "card"), ("c1", "card"), ("c2", "card"), ("r0", "refund"), ("r1", "refund")):
        make_label(version.sheet, ref, name, expert)
    return version


def question(version, ref: str, **changes) -> Question:
    row = sheets.items_by_ref(version, [ref])[ref]
    binding = version.sheet.labelset_bindings.get()
    values = {
        "key": ref,
        "messages": [{"role": "user", "content": "Which?"}],
        "output_schema": {"type": "object"},
        "classification": 3,
        "context": {
            "sheet_id": str(version.sheet_id),
            "item_ref": ref,
            "label_type": "classification",
            "labelset_id": str(binding.labelset_id),
            "row": {name: value for name, value in row.items() if name != "id"},
        },
    }
    return Question(**(values | changes))


def ask(*questions: Question) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    endpoint = ModelEndpoint.objects.get(engine="nearest_neighbour")
    answer_all(
        endpoint=endpoint,
        questions=questions,
        on_answer=lambda answer: answers.update({answer.key: answer}),
        load_bytes=lambda *_: b"",
    )
    return answers


@pytest.mark.django_db
def test_one_endpoint_is_there_from_the_start_under_its_name() -> None:
    endpoint = ModelEndpoint.objects.get(engine="nearest_neighbour")

    assert (endpoint.name, endpoint.get_max_classification_display()) == (NAME, "restricted")


@pytest.mark.django_db
def test_it_proposes_what_experts_said_of_the_most_similar_items(labelled) -> None:
    answers = ask(question(labelled, "c5"), question(labelled, "r6"))

    assert json.loads(answers["c5"].text) == {"label": "card"}
    assert json.loads(answers["r6"].text) == {"label": "refund"}
    assert 0 < answers["c5"].confidence < 1
    assert answers["c5"].facts["neighbours"][0] in {"c0", "c1", "c2"}


@pytest.mark.django_db
def test_an_item_does_not_vote_on_itself(labelled, expert) -> None:
    make_label(labelled.sheet, "c3", "refund", expert)

    answer = ask(question(labelled, "c3"))["c3"]

    assert "c3" not in answer.facts["neighbours"]
    assert json.loads(answer.text) == {"label": "card"}


@pytest.mark.django_db
def test_too_few_labels_are_said(version, expert) -> None:
    make_label(version.sheet, "c0", "card", expert)
    make_label(version.sheet, "c1", "card", expert)

    answer = ask(question(version, "c5"))["c5"]

    assert answer.error.startswith("not enough labels: ")
    assert "2 canonical label(s)" in answer.error
    assert (answer.text, answer.confidence) == ("", None)


@pytest.mark.django_db
def test_labels_that_do_not_permit_few_shot_are_not_looked_at(labelled, expert) -> None:
    assert not ask(question(labelled, "c5"))["c5"].error
    labelset = labelled.sheet.labelset_bindings.get().labelset
    terms = Terms(
        allowed_uses=ALL_USES & ~BITS["few_shot"], prohibited_uses=0, data_classification=1, usage_reason="PHI"
    )
    constraints.tighten(row=labelset, terms=terms, by=expert)

    assert "0 canonical label(s)" in ask(question(labelled, "c5"))["c5"].error
    assert EXITS["nearest-neighbour"].use == Use.FEW_SHOT


@pytest.mark.django_db
def test_a_new_label_counts_at_once(labelled, expert) -> None:
    before = ask(question(labelled, "r6"))["r6"]
    make_label(labelled.sheet, "r5", "refund", expert)

    after = ask(question(labelled, "r6"))["r6"]

    assert "r5" in after.facts["neighbours"]
    assert after.confidence > before.confidence


@pytest.mark.django_db
def test_labels_of_another_labelset_do_not_count(labelled) -> None:
    other = question(labelled, "c5")
    context = other.context | {"labelset_id": None}

    assert "0 canonical label(s)" in ask(question(labelled, "c5", context=context))["c5"].error


@pytest.mark.django_db
def test_answers_that_do_not_fit_the_schema_are_not_proposed(labelled) -> None:
    schema = {"type": "object", "properties": {"label": {"enum": ["card"]}}}

    answer = ask(question(labelled, "r6", output_schema=schema))["r6"]

    assert json.loads(answer.text) == {"label": "card"}


@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "word"), [("image", "an image"), ("file", "a document")])
def test_pictures_are_refused_in_words(labelled, kind, word) -> None:
    messages = [{"role": "user", "content": [{"type": kind, "path": "main.scans/a.png"}]}]

    answer = ask(question(labelled, "c5", messages=messages))["c5"]

    assert word in answer.error
    assert "Choose an endpoint" in answer.error


@pytest.mark.django_db
def test_a_question_about_no_item_is_refused_in_words() -> None:
    asked = Question(key="t", messages=[{"role": "user", "content": "ready?"}], classification=0)

    assert "compares items of a Sheet" in ask(asked)["t"].error


@pytest.mark.django_db
def test_thousands_of_questions_are_answered_together(
    version, expert, monkeypatch, django_assert_max_num_queries
) -> None:
    derivation = labels.derivation_for(version, version.sheet.labelset_bindings.get().labelset.versions.get(), [])
    labels.record_labels(
        sheet=version.sheet,
        label_type=label_type("classification"),
        labelset_version=version.sheet.labelset_bindings.get().labelset.versions.get(),
        entries=[
            Entry(item_ref=row["id"], data={"label": "card"}, derivation=derivation) for row in ROWS
        ],
        by=expert,
    )
    base = question(version, "c5")
    questions = [
        Question(key=str(n), messages=base.messages, output_schema=base.output_schema, classification=1,
                 context=base.context | {"item_ref": str(n)})
        for n in range(10_000)
    ]  # fmt: skip
    engine = NearestNeighbourEngine(ModelEndpoint(), lambda *_: b"")

    started = time.monotonic()
    with django_assert_max_num_queries(10):
        answers = list(engine.answers(questions))

    assert len(answers) == 10_000
    assert not any(answer.error for answer in answers)
    assert time.monotonic() - started < 30


@pytest.mark.django_db
def test_an_index_is_built_once_for_the_same_labels(labelled, monkeypatch) -> None:
    ask(question(labelled, "c5"))
    monkeypatch.setattr(nearest_index, "_build", lambda *_: pytest.fail("built again"))

    ask(question(labelled, "c6"))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5, None, True], "number"),
        (["2024-01-02", "2024-01-02T10:00:00+02:00"], "date"),
        (["2024-01-02", "soon"], "text"),
        ([1, "a"], "text"),
        ([None, None], ""),
        ([{"a": 1}], "text"),
    ],
)
def test_columns_are_numbers_dates_or_text(values, kind) -> None:
    assert kind_of(values) == kind


def test_no_column_outweighs_the_others_by_its_unit() -> None:
    rows = [{"grams": 1000.0, "share": 0.1}, {"grams": 2000.0, "share": 0.2}, {"grams": 3000.0, "share": 0.3}]
    features = Features.of(rows, ["grams", "share"])

    assert features.similarities([{"grams": 1000.0, "share": 0.1}])[0].argmax() == 0
    close, far = features.similarities([{"grams": 2000.0, "share": 0.1}])[0][[0, 2]]
    assert close > far


def test_equal_text_is_most_similar_and_a_typo_is_still_close() -> None:
    features = Features.of([{"t": "card stolen"}, {"t": "refund please"}], ["t"])

    exact, other = features.similarities([{"t": "card stolen"}])[0]
    typo, _ = features.similarities([{"t": "crad stolen"}])[0]
    assert exact == pytest.approx(1.0)
    assert exact > typo > other


def test_empty_columns_and_missing_values_do_no_harm() -> None:
    features = Features.of([{"n": 1, "t": "a"}, {"n": None, "t": None}], ["n", "t", "gone"])

    assert np.isfinite(features.similarities([{"n": "text", "t": 7}, {}])).all()


VALUES = st.one_of(st.none(), st.floats(-1e6, 1e6), st.text(max_size=8), st.integers(-1000, 1000))
TABLES = st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES}), min_size=1, max_size=5)


@given(labelled=TABLES, asked=TABLES)
def test_similarities_lie_between_nought_and_one(labelled, asked) -> None:
    similar = Features.of(labelled, ["a", "b"]).similarities(asked)

    assert similar.shape == (len(asked), len(labelled))
    assert ((similar >= 0) & (similar <= 1)).all()


@given(
    similar=st.integers(1, 8).flatmap(lambda n: arrays(np.float64, (2, n), elements=st.floats(-1, 1))),
    data=st.data(),
)
def test_votes_are_sure_between_nought_and_one_and_name_a_label_that_takes_part(similar, data) -> None:
    answers = data.draw(st.lists(st.sampled_from("xyz"), min_size=similar.shape[1], max_size=similar.shape[1]))

    for row, found in zip(similar, vote(similar, answers), strict=True):
        if found is None:
            assert (row < 0).all()
        else:
            assert 0 <= found.confidence <= 1
            assert row[found.winner] >= 0


def test_neighbours_of_one_mind_give_more_confidence_than_divided_ones() -> None:
    similar = np.array([[0.9, 0.8, 0.7]])

    (agreed,), (divided,) = vote(similar, ["x", "x", "x"]), vote(similar, ["x", "y", "x"])

    assert agreed.confidence == pytest.approx(0.9)
    assert divided.confidence == pytest.approx(0.9 * 1.6 / 2.4)
