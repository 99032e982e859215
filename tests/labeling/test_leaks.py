"""Ways around a constraint or a right that must stay closed: each test walks one of them."""

from __future__ import annotations

import pytest

from governance import constraints, jobs
from governance.constraints import Terms
from governance.derivations import ancestors_of
from governance.errors import InvalidInput, NotPermitted
from governance.models import ConstraintChange
from governance.uses import ALL_USES, BITS, Classification
from labeling.generation import services
from labeling.generation.inheriting import bind as bind_answers
from labeling.generation.models import Mode, QAPair
from labeling.labels.models import CanonicalLabel
from labeling.labels.services import retire_label
from labeling.prompts.files import reader_of
from labeling.prompts.services import test_template as try_template
from labeling.review.services import approve_pair
from workbench.endpoints.port import Answer
from workbench.models import ModelEndpoint

from .factories import bind, make_label, make_labelset, make_sheet, make_template, share_with, write_table

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(steward, approver, team, expert):
    found = make_sheet(steward, approver, team, annotations="")
    bind(found.sheet, make_labelset(expert, approver, team), steward)
    return found


@pytest.fixture
def template(engineer, approver, team):
    return make_template(engineer, approver, team)


def test_what_binds_a_label_binds_the_answer_that_its_neighbour_gets(version, template, engineer, expert):
    labels = [make_label(version.sheet, ref, "card", expert) for ref in ("a1", "a2", "a3")]
    terms = Terms(
        allowed_uses=ALL_USES,
        prohibited_uses=BITS["training"],
        data_classification=Classification.RESTRICTED,
        usage_reason="shown in court",
    )
    constraints.tighten(row=labels[0], terms=terms, by=expert)

    made = services.start_generation(
        by=engineer, name="Pairs", sheet=version.sheet, template_version=template, mode=Mode.AI_GENERATED,
        endpoint=ModelEndpoint.objects.get(engine="nearest_neighbour"),
    )  # fmt: skip
    jobs.run_waiting()

    pair = made.pairs.get(item_ref="a4")
    label = CanonicalLabel.objects.get(pk=labels[0].pk)
    bound = {parent.object_id for parent in pair.derivation.parents.all()}
    assert (pair.answer.body, str(label.pk) in pair.model_facts["labels"]) == ({"label": "card"}, True)
    assert pair.effective_constraint.classification == Classification.RESTRICTED
    assert bound >= {label.pk, *(parent.object_id for parent in label.derivation.parents.all())}
    assert not QAPair.objects.filter(pk=pair.pk).permitting("training").exists()


def test_tightening_a_label_later_closes_exits_for_the_answers_drawn_from_it(
    version, template, engineer, expert, api, steward, approver, team
):
    labels = [make_label(version.sheet, ref, "card", expert) for ref in ("a1", "a2", "a3")]
    bystander = make_sheet(steward, approver, team, name="Elsewhere", annotations="")
    made = services.start_generation(
        by=engineer, name="Pairs", sheet=version.sheet, template_version=template, mode=Mode.AI_GENERATED,
        endpoint=ModelEndpoint.objects.get(engine="nearest_neighbour"),
    )  # fmt: skip
    other = services.start_generation(
        by=engineer, name="Others", sheet=bystander.sheet, template_version=template, mode=Mode.MANUAL
    )
    jobs.run_waiting()
    share_with(made, team, engineer)
    pair = made.pairs.get(item_ref="a4")
    approve_pair(pair=pair, by=expert, version=pair.version)
    approved_label = CanonicalLabel.objects.get(item_ref="a4")
    training = QAPair.objects.permitting("training")
    assert training.filter(pk=pair.pk).exists() and training.filter(training_sheet=other).count() == 4

    terms = {
        "allowed_uses": list(BITS), "prohibited_uses": ["training"], "data_classification": "internal",
        "usage_reason": "shown in court",
    }  # fmt: skip
    tightened = api(expert).post(f"/api/v1/canonical-labels/{labels[1].pk}/tighten/", terms)

    assert tightened.status_code == 200, tightened.content
    assert not training.filter(pk=pair.pk).exists()
    assert not CanonicalLabel.objects.permitting("training").filter(pk=approved_label.pk).exists()
    assert training.filter(training_sheet=other).count() == 4
    pair.refresh_from_db()
    assert labels[1].pk in [ancestor.pk for ancestor in ancestors_of(pair)]
    change = ConstraintChange.objects.latest("changed_at")
    assert (change.object_id, change.reached["Q&A pairs"]) == (labels[1].pk, 2)


def test_binding_answers_takes_as_many_queries_for_a_hundred_as_for_two(
    version, template, engineer, expert, django_assert_max_num_queries
):
    labels = [make_label(version.sheet, ref, "card", expert) for ref in ("a1", "a2", "a3", "a4")]
    made = services.start_generation(
        by=engineer, name="Pairs", sheet=version.sheet, template_version=template, mode=Mode.MANUAL
    )
    for count in (2, 100):
        pairs = [QAPair(training_sheet=made, derivation=made.derivation) for _ in range(count)]
        drawn = {str(pair.pk): [str(label.pk) for label in labels[: 1 + place % 4]] for place, pair in enumerate(pairs)}
        answers = {key: Answer(key=key, facts={"labels": keys}) for key, keys in drawn.items()}
        with django_assert_max_num_queries(15):
            bind_answers(pairs, answers)
        assert len({pair.derivation.pk for pair in pairs}) == min(count, 4)


def test_a_column_of_a_table_attaches_no_file(version, engineer, approver, team):
    sly = make_template(
        engineer, approver, team, name="Sly", user_prompt="{{ text }}", file_columns=["patient"],
        input_schema=[{"name": "text", "type": "string"}, {"name": "patient", "type": "string"}],
    )  # fmt: skip
    recipe = {"by": engineer, "sheet": version.sheet, "template_version": sly, "mode": Mode.MANUAL}

    with pytest.raises(InvalidInput, match="cannot be attached"):
        services.preview(**recipe)
    with pytest.raises(InvalidInput, match="cannot be attached"):
        services.start_generation(name="Pairs", **recipe)
    with pytest.raises(InvalidInput, match="cannot be attached"):
        try_template(version=sly, sheet_version=version, by=engineer)
    with pytest.raises(InvalidInput, match="lies in no volume"):
        reader_of(version)(None, "main.secrets/payroll.pdf")  # type: ignore[arg-type]


def test_a_version_of_another_sheet_is_refused(version, template, engineer, steward, approver, team):
    other = make_sheet(steward, approver, team, name="Other")

    with pytest.raises(InvalidInput, match="is no version of") as refused:
        services.start_generation(
            by=engineer, name="Pairs", sheet=version.sheet, sheet_version=other, template_version=template,
            mode=Mode.MANUAL,
        )  # fmt: skip
    assert refused.value.field == "sheet_version"


def test_a_tag_set_since_the_last_sync_binds_pairs_at_once(version, template, engineer):
    recipe = {"by": engineer, "sheet": version.sheet, "template_version": template, "mode": Mode.MANUAL}
    waiting = services.start_generation(name="Waiting", **recipe)
    write_table("tickets", annotations="columns:\n  text:\n    tags: [PHI]\n")

    tagged = services.start_generation(name="Tagged", **recipe)
    waiting.derivation.refresh_from_db()

    assert tagged.derivation.classification == Classification.RESTRICTED
    assert waiting.derivation.classification == Classification.RESTRICTED


def test_only_its_maker_or_who_may_change_the_sheet_touches_a_label_or_a_configuration(
    version, template, engineer, steward, expert, second_expert, make_user, team
):
    label = make_label(version.sheet, "a1", "card", expert)
    config = services.save_config(
        by=engineer, name="Nightly", sheet=version.sheet, template_version=template, mode=Mode.MANUAL
    )
    colleague = make_user("colleague", "ml-engineer", groups=(team,))

    with pytest.raises(NotPermitted):
        retire_label(label=label, by=second_expert, reason="mine is better")
    with pytest.raises(NotPermitted, match="who made it"):
        services.update_config(config=config, by=colleague, sample_size=1)
    with pytest.raises(NotPermitted, match="who made it"):
        services.delete_config(config=config, by=colleague)

    assert retire_label(label=label, by=expert, reason="wrong item").retired_at
    services.delete_config(config=config, by=engineer)
