"""Generating Training Sheets: what becomes of each item, what is counted, what stays when things go wrong."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance import access, constraints, context, jobs
from governance.constraints import Terms
from governance.errors import InvalidInput, NotPermitted, TransitionNotAllowed
from governance.models import Derivation, Job
from governance.portal.rows import row_url
from governance.record import emptying
from governance.uses import ALL_USES, BITS, Classification, Use
from labeling.generation import derived, services
from labeling.generation.errors import LabelsetNotBound, NothingFailed, NotPublishedYet, TrainingSheetInUse
from labeling.generation.models import GenerationConfig, Mode, QAPair, TrainingSheet
from labeling.generation.selectors import counts_of, outdated, progress_of
from labeling.labels import services as labels
from labeling.labels.entries import Entry
from labeling.labels.services import retire_label, save_from_tool
from labeling.labelsets import services as labelsets
from labeling.labelsets.selectors import columns_seen
from workbench.endpoints.services import create_endpoint
from workbench.models import ModelEndpoint
from workbench.sheets import selectors as sheet_rows

from ..proofs import keep_proof
from ..workbench.fake_openai import running
from .factories import (
    ROWS,
    bind,
    label_type,
    make_label,
    make_labelset,
    make_sheet,
    make_template,
    publish_labelset,
    write_table,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("local_servers")]
STRICT = {
    "type": "object",
    "properties": {"label": {"enum": ["card", "refund"]}},
    "required": ["label"],
    "additionalProperties": False,
}
CARD = json.dumps({"label": "card"})


@pytest.fixture
def sheet_version(steward, approver, team):
    return make_sheet(steward, approver, team)


@pytest.fixture
def sheet(sheet_version):
    return sheet_version.sheet


@pytest.fixture
def labelset(sheet, expert, approver, team, steward):
    version = make_labelset(expert, approver, team, seen_columns=["text"])
    bind(sheet, version, steward)
    return version


@pytest.fixture
def template(engineer, approver, team, labelset):
    return make_template(engineer, approver, team, output_schema=STRICT)


@pytest.fixture(autouse=True)
def foreign(stranger, approver, db):
    """Another use case's Training Sheet is always in the table."""
    version = make_sheet(stranger, approver, approver, name="Foreign")
    ask = make_template(stranger, approver, approver, name="Foreign ask")
    return services.start_generation(
        by=stranger, name="Foreign pairs", sheet=version.sheet, template_version=ask, mode=Mode.MANUAL
    )


@pytest.fixture
def start(engineer, sheet, template):
    """`start(mode=…)`: a Training Sheet with its job done."""

    def make(name: str = "Pairs", mode: str = Mode.MANUAL, **fields: Any) -> TrainingSheet:
        values = {"sheet": sheet, "template_version": template, "mode": mode} | fields
        made = services.start_generation(by=engineer, name=name, **values)
        jobs.run_waiting()
        made.refresh_from_db()
        return made

    return make


def endpoint_at(url: str, by: Any, **fields: Any) -> ModelEndpoint:
    values = {"name": "Fake", "base_url": url, "model_name": "small", "retries": 0} | fields
    return create_endpoint(by=by, **values)


def pair_of(made: TrainingSheet, ref: str) -> QAPair:
    return made.pairs.select_related("prompt", "answer").get(item_ref=ref)


def test_manual_pairs_wait_for_an_answer_in_the_order_of_items(start):
    made = start()

    assert made.status == TrainingSheet.Status.READY
    assert list(made.pairs.values_list("item_ref", "position", "status", "labeling_mode", "answer")) == [
        (ref, place, "unlabeled", "manual", None) for place, ref in enumerate(["a1", "a2", "a3", "a4"])
    ]
    assert pair_of(made, "a1").messages == [{"role": "user", "content": "What is this about?\ncard stolen"}]
    assert made.result == {
        "canonical": 0, "ai_generated": 0, "existing_column": 0, "manual": 4, "failed": 0, "total": 4,
        "not_reused": {},
    }  # fmt: skip
    assert made.source_version


def test_a_model_answers_and_its_raw_text_is_kept(start, engineer):
    with running(content=CARD) as server:
        made = start(mode=Mode.AI_GENERATED, endpoint=endpoint_at(server.url, engineer))

    pair = pair_of(made, "a2")
    assert (pair.answer.body, pair.status, pair.work_state) == ({"label": "card"}, "unlabeled", "done")
    assert pair.model_facts["raw"] == CARD
    assert (pair.model_facts["tokens_in"], pair.model_facts["tokens_out"]) == (11, 5)
    assert pair.model_facts["model"] == "small"
    assert made.result["ai_generated"] == 4


def test_an_answer_outside_the_schema_fails_with_its_path_and_keeps_what_was_said(start, engineer):
    with running(content='{"label": "boat"}') as server:
        made = start(mode=Mode.AI_GENERATED, endpoint=endpoint_at(server.url, engineer))

    pair = pair_of(made, "a1")
    assert pair.work_state == "failed"
    assert "$.label" in pair.error
    assert pair.answer.body == {"label": "boat"}
    assert made.result["failed"] == 4


def test_a_text_that_is_no_json_fails_and_its_text_is_kept(start, engineer):
    with running(mode="not-json") as server:
        made = start(mode=Mode.AI_GENERATED, endpoint=endpoint_at(server.url, engineer))

    pair = pair_of(made, "a1")
    assert (pair.work_state, pair.answer, pair.model_facts["raw"]) == ("failed", None, "not json at all")
    assert pair.error.startswith("The answer is not JSON") and "It begins “not json at all”. Write the" in pair.error


def test_of_a_long_text_that_is_no_json_the_first_hundred_characters_are_shown(start, engineer):
    with running(content="Sure! " + "word\n" * 200) as server:
        made = start(mode=Mode.AI_GENERATED, endpoint=endpoint_at(server.url, engineer))

    assert f"It begins “Sure! {'word ' * 18}word…”." in pair_of(made, "a1").error


def test_failed_pairs_alone_are_tried_again(start, engineer, expert, sheet, labelset):
    make_label(sheet, "a1", "card", expert)
    with running(mode="500") as server:
        endpoint = endpoint_at(server.url, engineer)
        made = start(mode=Mode.AI_GENERATED, endpoint=endpoint)
        assert (made.result["failed"], made.result["canonical"]) == (3, 1)
        server.mode, server.content = "ok", CARD
        asked = server.calls

        services.retry_failed(training_sheet=made, by=engineer)
        jobs.run_waiting()
        made.refresh_from_db()

        assert server.calls - asked == 3
    assert (made.status, made.result["failed"], made.result["ai_generated"]) == ("ready", 0, 3)
    with pytest.raises(NothingFailed):
        services.retry_failed(training_sheet=made, by=engineer)


def test_a_column_of_answers_is_reviewed_unless_its_source_is_trusted(
    start, steward, approver, team, template
):
    rows = [row | {"topic": "card" if place < 2 else "refund"} for place, row in enumerate(ROWS)]
    text = {"type": "string"}
    version = make_sheet(steward, approver, team, name="With topics", rows=rows)
    plain = make_template(template.created_by, approver, team, name="Plain", output_schema=text)
    column = {
        "sheet": version.sheet,
        "template_version": plain,
        "mode": Mode.EXISTING_COLUMN,
        "column": "topic",
    }

    reviewed = start("To review", **column)
    trusted = start("Trusted", trusted_reason="Checked by the back office in 2025", **column)

    assert {pair.answer.body for pair in reviewed.pairs.all()} == {"card", "refund"}
    assert set(reviewed.pairs.values_list("status", flat=True)) == {"unlabeled"}
    assert set(trusted.pairs.values_list("status", "reviewed_by")) == {("labeled", None)}
    assert trusted.history.first().history_change_reason
    assert progress_of(trusted).human_verified == 0


def test_an_empty_or_unfitting_cell_fails_its_own_pair_only(start, steward, approver, team, template):
    rows = [row | {"topic": value} for row, value in zip(ROWS, [CARD, "", "boat", CARD], strict=True)]
    version = make_sheet(steward, approver, team, name="Holes", rows=rows)

    made = start(sheet=version.sheet, mode=Mode.EXISTING_COLUMN, column="topic", trusted_reason="checked")

    states = dict(made.pairs.values_list("item_ref", "status"))
    assert states == {"a1": "labeled", "a2": "unlabeled", "a3": "unlabeled", "a4": "labeled"}
    assert "empty" in pair_of(made, "a2").error
    assert made.result["failed"] == 2


def test_a_canonical_label_wins_over_every_mode(start, expert, sheet, labelset):
    label = make_label(sheet, "a3", "refund", expert)

    made = start()

    pair = pair_of(made, "a3")
    assert (pair.status, pair.labeling_mode, pair.answer_id) == ("labeled", "canonical", label.content_id)
    assert (pair.canonical_label, pair.canonical_version) == (label, 1)
    assert (pair.reviewed_by, pair.reviewed_at) == (expert, label.labeled_at)
    assert made.result["canonical"] == 1


def test_what_binds_a_label_binds_the_pair_that_repeats_it(
    start, expert, sheet, labelset, engineer, approver, team
):
    """The expert saw the tagged column; a template that does not read it must not free the answer."""
    shows_patient = labelsets.start_new_version(labelset=labelset.labelset, by=expert)
    shows_patient = labelsets.update_draft(version=shows_patient, by=expert, seen_columns=["text", "patient"])
    publish_labelset(shows_patient, expert, approver)
    make_label(sheet, "a1", "card", expert)

    made = start()

    permitted = made.pairs.permitting(Use.TRAINING)
    assert pair_of(made, "a1").labeling_mode == "canonical"
    assert "a1" not in {pair.item_ref for pair in permitted}
    assert {"a2", "a3", "a4"} == {pair.item_ref for pair in permitted}


def test_a_prohibition_on_the_label_is_inherited_and_a_later_one_arrives(start, expert, sheet, labelset):
    no_training = Terms(
        allowed_uses=ALL_USES, prohibited_uses=BITS["training"], data_classification=1, usage_reason="shown"
    )
    make_label(sheet, "a1", "card", expert, terms=no_training)
    later = make_label(sheet, "a2", "card", expert)
    made = start()
    assert {pair.item_ref for pair in made.pairs.permitting(Use.TRAINING)} == {"a2", "a3", "a4"}

    constraints.tighten(row=later, terms=no_training, by=expert)

    assert {pair.item_ref for pair in made.pairs.permitting(Use.TRAINING)} == {"a3", "a4"}


def test_a_tagged_column_binds_only_templates_that_read_it(start, engineer, approver, team):
    reads_patient = make_template(
        engineer, approver, team, name="With patient", user_prompt="{{ patient }}: {{ text }}",
        input_schema=[{"name": "text"}, {"name": "patient"}], output_schema=STRICT,
    )  # fmt: skip

    clean, tagged = start("Clean"), start("Tagged", template_version=reads_patient)

    assert clean.pairs.permitting(Use.TRAINING).count() == 4
    assert tagged.pairs.permitting(Use.TRAINING).count() == 0
    assert tagged.derivation.classification == Classification.RESTRICTED


def test_pairs_above_the_endpoints_classification_are_not_sent(start, engineer, approver, team):
    reads_patient = make_template(
        engineer, approver, team, name="With patient", user_prompt="{{ patient }}",
        input_schema=[{"name": "patient"}], output_schema=STRICT,
    )  # fmt: skip
    with running(content=CARD) as server:
        endpoint = endpoint_at(server.url, engineer)
        made = start(template_version=reads_patient, mode=Mode.AI_GENERATED, endpoint=endpoint)

        assert server.calls == 0
    assert "restricted" in pair_of(made, "a1").error
    assert made.result["failed"] == 4


def test_labels_are_not_reused_where_item_labelset_or_schema_differ(
    start, expert, sheet, labelset, steward, approver, team, engineer
):
    make_label(sheet, "a1", "card", expert)
    make_label(sheet, "a2", "card", expert)
    retired = make_label(sheet, "a4", "refund", expert)
    retire_label(label=retired, by=expert, reason="wrong customer")
    write_table(rows=[ROWS[0] | {"text": "card eaten"}, *ROWS[1:]])
    narrow = make_template(
        engineer, approver, team, name="Refunds only",
        output_schema=STRICT | {"properties": {"label": {"enum": ["refund"]}}},
    )  # fmt: skip

    changed, misfit = start("Changed"), start("Misfit", template_version=narrow)
    other = make_labelset(expert, approver, team, name="Other topics")
    bind(sheet, other, steward)
    relabelled = start("Other labelset")

    assert changed.result["not_reused"] == {"the item changed since it was labelled": 1}
    assert pair_of(changed, "a2").labeling_mode == "canonical"
    assert pair_of(changed, "a4").not_reused_because == ""
    assert misfit.result["not_reused"] == {
        "the item changed since it was labelled": 1,
        "the answer does not fit the template's schema": 1,
    }
    assert relabelled.result["not_reused"] == {"made with another labelset": 2}


def test_an_item_that_cannot_be_filled_in_fails_alone_and_is_mended_by_a_retry(
    start, engineer, approver, team, steward
):
    rows = [row | {"text": "" if row["id"] == "a2" else row["text"]} for row in ROWS]
    version = make_sheet(steward, approver, team, name="Gaps", rows=rows)
    strict = make_template(
        engineer, approver, team, name="Needs text", user_prompt="{{ text | upper }}", output_schema=STRICT
    )
    made = start(sheet=version.sheet, template_version=strict)
    broken = pair_of(made, "a2")
    assert (broken.work_state, broken.messages) == ("failed", [])
    assert broken.error

    write_table("gaps", ROWS)
    services.retry_failed(training_sheet=made, by=engineer)
    jobs.run_waiting()

    mended = pair_of(made, "a2")
    assert (mended.work_state, mended.error) == ("done", "")
    assert mended.messages == [{"role": "user", "content": "CARD LOST"}]


def many_rows(count: int) -> list[dict[str, str]]:
    return [
        {"id": f"i{place:05d}", "text": f"ticket {place}", "amount": "1", "patient": "x"}
        for place in range(count)
    ]


def count_queries(made: TrainingSheet) -> int:
    job = Job.objects.get(subject_id=made.pk)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        jobs.run(job.pk)
    made.refresh_from_db()
    assert made.status == "ready"
    return len(captured)


def test_queries_grow_with_batches_and_not_with_items(
    steward, approver, team, engineer, template, sheet, foreign
):
    jobs.run_waiting()

    def started(name: str, size: int) -> TrainingSheet:
        version = make_sheet(steward, approver, team, name=name, rows=many_rows(size))
        return services.start_generation(
            by=engineer, name=name, sheet=version.sheet, template_version=template, mode=Mode.MANUAL
        )

    small, large, two_batches = started("s40", 40), started("s480", 480), started("s900", 900)
    queries = [count_queries(made) for made in (small, large, two_batches)]

    assert queries[1] - queries[0] <= 440 / 20  # SQLite takes some thirty rows with one INSERT
    assert queries[2] < 2.2 * queries[1]


def test_cancelling_keeps_the_pairs_and_resuming_goes_on(engineer, sheet, template, steward, approver, team):
    version = make_sheet(steward, approver, team, name="Many", rows=many_rows(120))
    with running(content=CARD) as server:
        made = services.start_generation(
            by=engineer, name="Cancelled", sheet=version.sheet, template_version=template,
            mode=Mode.AI_GENERATED, endpoint=endpoint_at(server.url, engineer, max_in_flight=4),
        )  # fmt: skip
        job = services.latest_job(made)
        cancel_after(server, 60, job)
        jobs.run(job.pk)
        made.refresh_from_db()
        assert made.status == "cancelled"
        assert made.pairs.count() == 120
        kept = made.pairs.filter(work_state="done").count()
        assert 50 <= kept < 120
        assert not made.pairs.filter(work_state="leased").exists()

        services.resume_generation(training_sheet=made, by=engineer)
        jobs.run_waiting()
        made.refresh_from_db()

    assert (made.status, made.result["ai_generated"]) == ("ready", 120)


def cancel_after(server: Any, calls: int, job: Job) -> None:
    """Asks to cancel once the server has had this many calls; seen at the next written batch."""
    from labeling.generation.answering import Answering

    original = Answering._collect

    def collect(self: Answering, answer: Any) -> None:
        if (
            server.calls >= calls
            and not Job.objects.filter(pk=job.pk, cancel_requested_at__isnull=False).exists()
        ):
            jobs.cancel(job=job, by=job.requested_by)
        original(self, answer)

    Answering._collect = collect  # type: ignore[method-assign]
    server.restore = lambda: setattr(Answering, "_collect", original)


def test_what_was_erased_comes_back_neither_from_the_source_nor_from_a_model(start, engineer, officer):
    with running(content=CARD) as server:
        endpoint = endpoint_at(server.url, engineer)
        made = start(mode=Mode.AI_GENERATED, endpoint=endpoint)
        first = pair_of(made, "a1")
        with context.because("Art. 17", by=officer):
            emptying.empty("labeling.content", [first.prompt_id, first.answer_id], reason="Art. 17", by=officer)

        again = start(name="Again", mode=Mode.AI_GENERATED, endpoint=endpoint)

    pair, other = pair_of(again, "a1"), pair_of(again, "a2")
    assert (pair.work_state, pair.messages) == ("failed", []) and "prompt of this item was erased" in pair.error
    assert (other.work_state, other.answer) == ("failed", None) and "answer was erased" in other.error
    assert other.messages and other.model_facts["raw"] == "(erased)"


@pytest.fixture(autouse=True)
def _restore_collect():
    from labeling.generation.answering import Answering

    original = Answering._collect
    yield
    Answering._collect = original  # type: ignore[method-assign]


def test_what_was_generated_before_a_cancel_can_be_kept_for_review(engineer, sheet, template):
    made = services.start_generation(
        by=engineer, name="Stopped", sheet=sheet, template_version=template, mode=Mode.MANUAL
    )
    services.cancel_generation(training_sheet=made, by=engineer)
    made.refresh_from_db()
    assert made.status == "cancelled"

    kept = services.keep_what_is_there(training_sheet=made, by=engineer)

    assert kept.status == "ready"
    with pytest.raises(TransitionNotAllowed):
        services.cancel_generation(training_sheet=kept, by=engineer)


def test_a_failed_job_fails_the_training_sheet_with_the_reason(engineer, sheet, template, settings):
    made = services.start_generation(
        by=engineer, name="Gone", sheet=sheet, template_version=template, mode=Mode.MANUAL
    )
    (settings.CATALOG_ROOT / "main" / "tickets.csv").unlink()

    jobs.run_waiting()

    made.refresh_from_db()
    assert made.status == "failed"
    assert "tickets" in made.error


def test_a_preview_shows_the_first_pairs_and_writes_nothing(engineer, sheet, template, expert, labelset):
    make_label(sheet, "a1", "card", expert)
    before = (TrainingSheet.objects.count(), Derivation.objects.count(), Job.objects.count())
    with running(content='{"label": "refund"}') as server:
        recipe = {"sheet": sheet, "template_version": template, "endpoint": endpoint_at(server.url, engineer)}
        silent = services.preview(by=engineer, limit=2, **recipe)
        assert server.calls == 0
        asked = services.preview(by=engineer, limit=2, ask=True, **recipe)

    assert [(pair.ref, pair.origin, pair.answer) for pair in silent.pairs] == [
        ("a1", "canonical", {"label": "card"}), ("a2", "ai_generated", None),
    ]  # fmt: skip
    assert asked.pairs[1].answer == {"label": "refund"}
    assert (silent.items, silent.labels, silent.columns) == (4, 1, ["text"])
    assert before == (TrainingSheet.objects.count(), Derivation.objects.count(), Job.objects.count())
    assert not QAPair.objects.filter(training_sheet__owner=engineer).exists()


def test_a_saved_configuration_is_previewed_changed_and_run_again(engineer, sheet, template):
    config = services.save_config(
        by=engineer, name="Nightly", sheet=sheet, template_version=template, mode=Mode.MANUAL, sample_size=3
    )

    assert services.preview_config(config=config, by=engineer).items == 3
    services.update_config(config=config, by=engineer, sample_size=2)
    config.refresh_from_db()
    made = services.run_config(config=config, by=engineer)
    jobs.run_waiting()

    assert (made.config, made.pairs.count()) == (config, 2)
    services.delete_config(config=config, by=engineer)
    made.refresh_from_db()
    assert made.config is None
    assert not GenerationConfig.objects.filter(name="Nightly").exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mode": "guess"}, "mode"),
        ({"mode": Mode.AI_GENERATED}, "endpoint"),
        ({"mode": Mode.EXISTING_COLUMN, "column": "topic"}, "column"),
        ({"mode": Mode.MANUAL, "trusted_reason": "because"}, "trusted_reason"),
        ({"sample_size": 0}, "sample_size"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
    ],
)
def test_what_cannot_be_generated_is_refused_by_field(start, change, field):
    with pytest.raises(InvalidInput) as refused:
        start(**change)

    assert refused.value.field == field
    assert TrainingSheet.objects.count() == 1


def test_drafts_unbound_labelsets_and_taken_names_are_refused(
    start, engineer, approver, team, expert, labelset, sheet
):
    draft = make_template(engineer, approver, team, name="Draft", published=False)
    unbound = make_labelset(expert, approver, team, name="Unbound")
    start("Taken")

    with pytest.raises(NotPublishedYet):
        start(template_version=draft)
    with pytest.raises(LabelsetNotBound):
        start(labelset_version=unbound)
    with pytest.raises(InvalidInput, match="is taken"):
        start("Taken")


def test_a_template_that_reads_unknown_columns_is_refused_by_name(start, engineer, approver, team):
    unknown = make_template(
        engineer, approver, team, name="Unknown", user_prompt="{{ txt }}", input_schema=[{"name": "txt"}]
    )

    with pytest.raises(InvalidInput, match="nearest: 'text'"):
        start(template_version=unknown)


def test_people_without_the_role_or_the_rows_generate_nothing(sheet, template, viewer, stranger, foreign):
    recipe = {"sheet": sheet, "template_version": template, "mode": Mode.MANUAL}

    for person in (viewer, stranger):
        with pytest.raises(NotPermitted):
            services.start_generation(by=person, name="Mine", **recipe)
    assert [row.name for row in TrainingSheet.objects.visible_to(stranger)] == ["Foreign pairs"]


def test_only_the_people_who_may_change_it_cancel_resume_or_delete(start, stranger, engineer, expert):
    made = start()

    for act in (services.retry_failed, services.resume_generation, services.keep_what_is_there,
                services.delete_training_sheet):  # fmt: skip
        with pytest.raises(NotPermitted):
            act(training_sheet=made, by=stranger)
    services.delete_training_sheet(training_sheet=made, by=engineer)
    assert not TrainingSheet.objects.filter(pk=made.pk).exists()


def test_the_right_to_change_a_training_sheet_is_no_right_to_delete_it(start, api, engineer, expert):
    made = start()
    access.share(collection=made, to=expert, level="change", by=engineer)

    answer = api(expert).delete(f"/api/v1/training-sheets/{made.pk}/")

    assert answer.status_code == 403
    assert "Only Engineer" in answer.json()["detail"]
    assert TrainingSheet.objects.filter(pk=made.pk).exists()


def test_a_training_sheet_with_decided_pairs_is_not_deleted(start, engineer):
    made = start()
    made.pairs.filter(item_ref="a1").update(version=2)

    with pytest.raises(TrainingSheetInUse):
        services.delete_training_sheet(training_sheet=made, by=engineer)


def test_two_templates_share_the_derivation_of_the_same_columns(start):
    first, second = start("First"), start("Second")

    assert first.derivation == second.derivation
    assert set(first.pairs.values_list("derivation", flat=True)) == {first.derivation_id}


def test_derived_states_are_registered_and_filtered(start, monkeypatch):
    monkeypatch.setattr(derived, "_finders", [])
    made, other = start("Made"), start("Other")
    derived.register(lambda: {"curated": TrainingSheet.objects.filter(pk=made.pk).values("pk")})

    assert derived.states_of([made.pk, other.pk]) == {made.pk: ["curated"], other.pk: []}
    assert list(derived.in_state(TrainingSheet.objects.all(), "curated")) == [made]
    assert not derived.in_state(TrainingSheet.objects.all(), "unheard of").exists()


def test_a_newer_label_is_noticed(start, expert, sheet, labelset):
    make_label(sheet, "a1", "card", expert)
    made = start()
    assert not outdated(made).exists()

    save_from_tool(
        sheet=sheet,
        item_ref="a1",
        label_type=label_type("classification"),
        data={"label": "refund"},
        by=expert,
    )

    assert [pair.item_ref for pair in outdated(made)] == ["a1"]
    assert counts_of(made)["canonical"] == 1


def test_the_page_of_a_training_sheet_lists_only_what_was_chosen(client, start, engineer):
    by_hand = start("By hand")
    sampled = start("Sampled", sample_size=2)
    client.force_login(engineer)

    def listed(sheet):
        return set(re.findall(r'class="form-row field-(\w+)"', client.get(row_url(sheet)).content.decode()))

    assert {"mode", "owner", "sheet_link"} <= listed(by_hand)
    assert not {"column", "trusted_reason", "sample_size", "endpoint"} & listed(by_hand)
    assert listed(sampled) - listed(by_hand) == {"sample_size"}


def test_the_generate_page_leads_from_sheet_to_preview_to_job(client, engineer, sheet, template):
    client.force_login(engineer)
    where = f"/admin/generate/?sheet={sheet.pk}"
    posted = {"name": "By page", "template_version": template.pk, "mode": "manual"}

    assert "Foreign" not in client.get("/admin/generate/").content.decode()
    assert "Ask topic 1.0.0" in client.get(where).content.decode()
    preview = client.post(where, posted | {"action": "preview"})
    assert "card stolen" in preview.content.decode()
    assert not TrainingSheet.objects.filter(name="By page").exists()
    started = client.post(where, posted | {"action": "generate"})
    assert started["Location"].startswith("/admin/jobs/")
    refused = client.post(where, posted | {"action": "generate"})
    assert "is taken" in refused.content.decode()
    saved = client.post(where, posted | {"name": "Kept", "action": "save"})
    config = GenerationConfig.objects.get(name="Kept")
    assert str(config.pk) in saved["Location"]
    assert "Kept" in client.get(f"/admin/generate/?config={config.pk}").content.decode()


@pytest.mark.parametrize("is_wanted", [True, False])
def test_a_quality_check_follows_generation_where_the_form_asks_for_one(client, engineer, sheet, template, is_wanted):
    client.force_login(engineer)
    posted = {"name": "Checked", "template_version": template.pk, "mode": "manual", "action": "generate"}
    client.post(f"/admin/generate/?sheet={sheet.pk}", posted | ({"check_when_done": "on"} if is_wanted else {}))

    jobs.run_waiting()

    made = TrainingSheet.objects.get(name="Checked")
    assert made.status == "ready"
    checks = Job.objects.filter(kind="labeling.check_quality")
    assert [(job.subject_id, job.requested_by, job.state) for job in checks] == (
        [(made.pk, engineer, "succeeded")] if is_wanted else []
    )


def test_a_saved_configuration_keeps_the_wish_for_a_check(engineer, sheet, template):
    recipe = {"sheet": sheet, "template_version": template, "mode": Mode.MANUAL, "check_when_done": True}
    config = services.save_config(by=engineer, name="Nightly", **recipe)

    made = services.run_config(config=config, by=engineer)
    jobs.run_waiting()

    assert Job.objects.get(kind="labeling.check_quality").subject_id == made.pk


def test_pairs_are_offered_and_the_page_says_why_no_check_began_when_the_right_is_gone(engineer, sheet, template):
    recipe = {"sheet": sheet, "template_version": template, "mode": Mode.MANUAL, "check_when_done": True}
    made = services.start_generation(by=engineer, name="Checked", **recipe)
    engineer.is_active = False
    engineer.save()

    jobs.run_waiting()

    made.refresh_from_db()
    assert (made.status, made.error[:31]) == ("ready", "The quality check did not start")
    with pytest.raises(NotPermitted):
        services.start_generation(by=engineer, name="Again", **recipe)


def test_the_page_of_a_training_sheet_says_where_its_pairs_stand_and_what_comes_next(
    client, start, engineer, expert, sheet, labelset
):
    make_label(sheet, "a1", "card", expert)
    make_label(sheet, "a2", "card", expert)
    write_table(rows=[ROWS[0], ROWS[1] | {"text": "changed"}, *ROWS[2:]])
    made = start()
    client.force_login(engineer)

    page = client.get(f"/admin/labeling/trainingsheet/{made.pk}/change/").content.decode()
    listed = client.get("/admin/labeling/trainingsheet/?state=ready").content.decode()

    assert "1 pre-approved · 3 to review · 0 rejected · 0 flagged of 4" in page
    assert "the item changed since it was labelled" in page
    assert "Generate again" in page
    assert "Pairs" in listed and "Foreign pairs" not in listed
    assert client.get("/admin/labeling/trainingsheet/?state=failed").status_code == 200


def test_steps_of_a_training_sheet_are_buttons_that_call_the_services(client, start, engineer):
    made = start()
    client.force_login(engineer)
    step = f"/admin/labeling/trainingsheet/{made.pk}/do"

    assert client.post(f"{step}/delete/").status_code == 302
    assert not TrainingSheet.objects.filter(pk=made.pk).exists()


def test_a_foreign_training_sheet_has_no_page(client, foreign, engineer):
    client.force_login(engineer)

    answer = client.get(f"/admin/labeling/trainingsheet/{foreign.pk}/change/")

    assert answer.status_code == 404
    assert client.get(f"/admin/generate/?again={foreign.pk}").status_code == 404
    assert client.get(f"/admin/generate/?sheet={foreign.sheet_id}").status_code == 404


def test_a_saved_configuration_runs_from_its_page(client, engineer, sheet, template):
    config = services.save_config(
        by=engineer, name="Nightly", sheet=sheet, template_version=template, mode=Mode.MANUAL
    )
    client.force_login(engineer)
    page = f"/admin/labeling/generationconfig/{config.pk}"

    assert "Preview or adapt" in client.get(f"{page}/change/").content.decode()
    assert client.post(f"{page}/do/run/", {"name": "From its page"}).status_code == 302
    assert TrainingSheet.objects.get(name="From its page").config == config


def label_everything(version, labelset, expert):
    """A canonical label for every item of a Sheet, as the labelling tool would have recorded it."""
    columns = columns_seen(labelset, version)
    derivation = labels.derivation_for(version, labelset, columns)
    for items in sheet_rows.iter_items(version):
        labels.record_labels(
            sheet=version.sheet,
            label_type=labelset.labelset.label_type,
            labelset_version=labelset,
            by=expert,
            entries=[
                Entry(
                    item_ref=item.ref,
                    data={"label": "card"},
                    derivation=derivation,
                    seen_digest=sheet_rows.digest_of(item.row, columns),
                )
                for item in items
            ],
        )


def queries_of_reuse(count, steward, approver, team, engineer, expert, template, labelset) -> int:
    version = make_sheet(steward, approver, team, name=f"reuse {count}", rows=many_rows(count))
    bind(version.sheet, labelset, steward)
    label_everything(version, labelset, expert)
    made = services.start_generation(
        by=engineer, name=f"reuse {count}", sheet=version.sheet, template_version=template, mode=Mode.MANUAL
    )
    queries = count_queries(made)
    assert made.result["canonical"] == count
    return queries


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_reusing_ten_thousand_labels_takes_queries_by_the_batch(
    steward, approver, team, engineer, expert, template, labelset
):
    half, whole = (
        queries_of_reuse(count, steward, approver, team, engineer, expert, template, labelset)
        for count in (5_000, 10_000)
    )

    keep_proof(
        "reuse",
        "Generation that reuses 10,000 canonical labels takes queries by the batch, not by the item",
        {"queries for 5,000 items": half, "queries for 10,000 items": whole, "items for each query": 10_000 // whole},
    )
    assert whole < 2.2 * half
    assert whole < 10_000 / 10
