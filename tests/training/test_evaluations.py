"""Evaluations: which sets permit them, what is counted, and when two models differ."""

from __future__ import annotations

import json

import pytest

from governance import constraints, jobs
from governance.constraints import Terms
from governance.errors import NotPermitted
from governance.models import Job
from governance.uses import ALL_USES, Use, mask_of
from tests.training.factories import (
    approved,
    make_dataset,
    make_pair,
    make_pairs,
    make_sheet,
    make_training_sheet,
    write_rows,
)
from training.evaluations import selectors, services
from training.evaluations.errors import EvaluationProhibited, EvaluationRefused, NotComparable
from training.evaluations.scores import Scored, scores_of
from training.models import Evaluation
from workbench.endpoints import port
from workbench.models import ModelEndpoint


class Parrot:
    """Says `card` to everything, and fails on what it is told to fail on."""

    asked: list[port.Question] = []

    def __init__(self, endpoint, load_bytes):
        self.says = json.loads(endpoint.description or '{"answer": "card"}')

    def answers(self, questions):
        for question in questions:
            Parrot.asked.append(question)
            failed = self.says.get("fails_on") == question.context["item_ref"]
            yield port.Answer(
                key=question.key, text="" if failed else self.says["answer"], error="no answer" if failed else ""
            )


@pytest.fixture
def parrot(monkeypatch):
    """`parrot(answer="card")`: an endpoint that always says the same."""
    monkeypatch.setitem(port._factories, "nearest_neighbour", Parrot)
    Parrot.asked = []

    def make(name="parrot", level=3, **says):
        return ModelEndpoint.objects.create(
            name=name, engine="nearest_neighbour", max_classification=level,
            description=json.dumps({"answer": "card", **says}),
        )

    return make


@pytest.fixture
def evaluation_set(training_sheet, engineer, approver, officer, share_dataset):
    """Ten rows to evaluate on, half of them cards, and one that does not permit it."""
    make_pairs(training_sheet, 10)
    make_pair(training_sheet, "not this one", prohibited_uses=Use.EVALUATION.bit)
    version = make_dataset(engineer, training_sheet, purpose="evaluation", name="benchmark")
    share_dataset(version.dataset)
    return approved(version, engineer, approver)


def evaluated(version, by, **fields) -> Evaluation:
    evaluation = services.start_evaluation(dataset_version=version, by=by, **fields)
    jobs.run(jobs.latest_for(evaluation).pk)
    evaluation.refresh_from_db()
    assert evaluation.status == "succeeded", evaluation.error
    return evaluation


def test_an_evaluation_only_set_leaves_out_what_does_not_permit_it(evaluation_set):
    assert evaluation_set.counts["test"] == 10
    assert list(evaluation_set.exclusions) == [
        "evaluation prohibited: on the Q&A pair itself (no reason given)"
    ]


def test_an_endpoint_is_scored_with_intervals_and_confusion(evaluation_set, engineer, parrot):
    evaluation = evaluated(evaluation_set, engineer, endpoint=parrot())

    assert evaluation.counts == {"items": 10, "right": 5, "failed": 0, "not_permitted": 0}
    assert evaluation.metrics["accuracy"] == 0.5
    assert evaluation.metrics["accuracy_low"] < 0.5 < evaluation.metrics["accuracy_high"]
    assert evaluation.metrics["macro_f1"] == pytest.approx(1 / 3)
    assert evaluation.metrics["confusion"] == {"labels": ["card", "refund"], "counts": [[5, 0], [5, 0]]}


def test_a_question_that_fails_counts_as_wrong(evaluation_set, engineer, parrot):
    evaluation = evaluated(evaluation_set, engineer, endpoint=parrot(fails_on="item-0000"))

    assert evaluation.counts["failed"] == 1
    assert evaluation.metrics["accuracy"] == 0.4


def test_a_row_above_what_the_endpoint_may_receive_is_not_sent(evaluation_set, engineer, parrot):
    pair = evaluation_set.members.first().pair
    type(pair).objects.filter(pk=pair.pk).update(data_classification=3, effective_classification=3)

    evaluation = evaluated(evaluation_set, engineer, endpoint=parrot(level=1))

    assert pair.item_ref not in {question.context["item_ref"] for question in Parrot.asked}
    assert "restricted" in evaluation.answers.get(member__pair=pair).error


def test_answers_that_are_kept_are_not_asked_again_after_a_kill(evaluation_set, engineer, parrot, monkeypatch):
    from training.evaluations import evaluating

    evaluation = services.start_evaluation(dataset_version=evaluation_set, by=engineer, endpoint=parrot())
    job = jobs.latest_for(evaluation)
    score = evaluating._score

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluating, "_score", killed)
    with pytest.raises(KeyboardInterrupt):
        jobs.run(job.pk)
    monkeypatch.setattr(evaluating, "_score", score)
    Job.objects.filter(pk=job.pk).update(state="queued", lease_owner="", lease_until=None)

    jobs.run(job.pk)

    evaluation.refresh_from_db()
    assert evaluation.status == "succeeded"
    assert len(Parrot.asked) == 10


def test_a_set_whose_rows_do_not_permit_evaluation_is_refused(approved_set, engineer, parrot):
    for member in approved_set.members.filter(split="validation").select_related("pair"):
        type(member.pair).objects.filter(pk=member.pair_id).update(
            prohibited_uses=Use.EVALUATION.bit, effective_uses=ALL_USES & ~Use.EVALUATION.bit
        )

    with pytest.raises(EvaluationProhibited):
        services.start_evaluation(dataset_version=approved_set, by=engineer, endpoint=parrot())


def test_what_models_are_trained_with_is_no_test(approved_set, engineer, parrot):
    with pytest.raises(EvaluationRefused, match="trained with"):
        services.start_evaluation(dataset_version=approved_set, by=engineer, endpoint=parrot(), split="train")


def test_exactly_one_model_is_evaluated(evaluation_set, engineer):
    with pytest.raises(EvaluationRefused):
        services.start_evaluation(dataset_version=evaluation_set, by=engineer)


def test_roles_and_rows_decide_who_may_evaluate(evaluation_set, agent, viewer, stranger, parrot):
    endpoint = parrot()
    for user in (viewer, stranger):
        with pytest.raises(NotPermitted):
            services.start_evaluation(dataset_version=evaluation_set, by=user, endpoint=endpoint)
    assert services.start_evaluation(dataset_version=evaluation_set, by=agent, endpoint=endpoint)


def test_a_suspended_set_evaluates_nothing_more(evaluation_set, engineer, parrot):
    evaluation = services.start_evaluation(dataset_version=evaluation_set, by=engineer, endpoint=parrot())
    pair = evaluation_set.members.first().pair
    terms = Terms(
        allowed_uses=ALL_USES, prohibited_uses=mask_of(["evaluation"]), data_classification=1, usage_reason="withdrawn"
    )
    constraints.tighten(row=pair, terms=terms, by=engineer)

    jobs.run(jobs.latest_for(evaluation).pk)

    evaluation.refresh_from_db()
    assert evaluation.status == "failed"
    assert "withdrawn" in evaluation.error
    assert Parrot.asked == []


def test_two_models_are_compared_on_the_items_they_share(training_sheet, engineer, approver, share_dataset, parrot):
    make_pairs(training_sheet, 30, ("card",))
    for number in range(10):
        make_pair(training_sheet, f"r{number}", "refund")
    version = make_dataset(engineer, training_sheet, purpose="evaluation")
    share_dataset(version.dataset)
    version = approved(version, engineer, approver)
    good, bad = (evaluated(version, engineer, endpoint=parrot(name, answer=name)) for name in ("card", "refund"))

    found = selectors.compare([bad, good])

    (pair,) = found.pairwise
    assert found.same_set
    assert (pair.shared_items, pair.test.only_first, pair.test.only_second) == (40, 10, 30)
    assert pair.verdict.startswith("this one is better")
    assert len(found.differences) == 40
    assert [answer.answer for answer in found.differences[0].answers] == ["refund", "card"]


def test_evaluations_of_different_sets_are_not_tested_against_each_other(
    evaluation_set, engineer, approver, share_dataset, parrot
):
    other = make_training_sheet(engineer, make_sheet(engineer, "Letters"), name="Letters classified")
    write_rows("letters", [])
    make_pairs(other, 4)
    second = make_dataset(engineer, other, purpose="evaluation", name="another benchmark")
    share_dataset(second.dataset)
    second = approved(second, engineer, approver)
    endpoint = parrot()

    found = selectors.compare([evaluated(one, engineer, endpoint=endpoint) for one in (evaluation_set, second)])

    assert not found.same_set
    assert found.pairwise[0].test is None
    assert found.pairwise[0].shared_items == 0


def test_only_finished_and_visible_evaluations_are_compared(evaluation_set, engineer, stranger, parrot):
    done = evaluated(evaluation_set, engineer, endpoint=parrot())
    waiting = services.start_evaluation(dataset_version=evaluation_set, by=engineer, endpoint=done.endpoint)

    with pytest.raises(NotComparable, match="queued"):
        selectors.compare([done, waiting])
    with pytest.raises(NotComparable):
        selectors.compare([done])
    with pytest.raises(NotComparable, match="may not see"):
        selectors.chosen_evaluations([str(done.pk)], stranger)
    with pytest.raises(NotComparable):
        selectors.chosen_evaluations(["nonsense"], engineer)


def test_json_answers_are_compared_by_value():
    scores = scores_of([Scored('{"a":1,"b":2}', '{"b": 2, "a": 1}'), Scored("x", " x ")])

    assert scores["accuracy"] == 1.0
