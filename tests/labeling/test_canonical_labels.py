"""Canonical labels: one per item and label type, checked, versioned, never looser than what they come from."""

from __future__ import annotations

import json

import pytest
from django.db import IntegrityError, transaction

from governance import constraints, derivations
from governance.constraints import Terms
from governance.errors import InvalidInput, LooserThanNow, NotPermitted, ReasonRequired, StaleVersion
from governance.exits import EXITS
from governance.uses import ALL_USES, BITS, Use
from labeling.interchange.services import export_labels, import_labels
from labeling.labels import services
from labeling.labels.contents import content_of, keep
from labeling.labels.entries import Entry
from labeling.labels.errors import ImportRefused, ItemGone, LabelTypeMismatch, NoLabelset
from labeling.labels.models import CanonicalLabel, Content
from labeling.labels.selectors import coverage, labels_for, labels_of_older_versions, misfits
from labeling.labelsets import services as labelsets
from labeling.schemas.canonical import digest
from labeling.schemas.errors import SchemaViolation
from workbench.sheets.coverage import coverage_of

from .factories import (
    CLASSES,
    bind,
    label_type,
    make_label,
    make_labelset,
    make_sheet,
    publish_labelset,
    share_with,
)

pytestmark = pytest.mark.django_db
NO_TRAINING = Terms(
    allowed_uses=ALL_USES,
    prohibited_uses=BITS["training"],
    data_classification=1,
    usage_reason="shown to a customer",
)


@pytest.fixture
def sheet_version(steward, approver, team):
    return make_sheet(steward, approver, team)


@pytest.fixture
def sheet(sheet_version):
    return sheet_version.sheet


@pytest.fixture
def labelset(sheet, expert, approver, team, steward):
    """Shows its experts the text only."""
    version = make_labelset(expert, approver, team, seen_columns=["text"])
    bind(sheet, version, steward)
    return version


@pytest.fixture
def other_sheet(stranger, approver, labelset):
    """Another team's Sheet with a label of its own is always in the table."""
    version = make_sheet(stranger, approver, approver, name="Foreign")
    own = make_labelset(stranger, approver, approver, name="Foreign topics")
    bind(version.sheet, own, stranger)
    make_label(version.sheet, "a1", "card", stranger)
    return version.sheet


def test_a_label_is_saved_with_who_when_and_what_was_seen(sheet, labelset, expert) -> None:
    label = make_label(sheet, "a1", "card", expert, notes="obvious", confidence="medium")

    assert (label.data, label.version, label.confidence, label.notes) == (
        {"label": "card"}, 1, "medium", "obvious",
    )  # fmt: skip
    assert label.labeled_by == expert
    assert label.labelset_version == labelset
    assert len(label.seen_digest) == 64
    assert [entry.actor_name for entry in label.history.all()] == ["Expert"]


def test_an_answer_that_does_not_fit_is_refused_with_its_path(sheet, labelset, expert) -> None:
    with pytest.raises(SchemaViolation, match=r"\$\.label is \"loan\""):
        make_label(sheet, "a1", "loan", expert)
    assert not CanonicalLabel.objects.exists()


def test_saving_again_makes_a_new_version_of_the_one_label(sheet, labelset, expert, second_expert) -> None:
    make_label(sheet, "a1", "card", expert)
    label = make_label(sheet, "a1", "refund", second_expert)

    assert (label.version, label.labeled_by, label.last_modified_by) == (2, expert, second_expert)
    assert CanonicalLabel.objects.count() == 1
    before, after = label.history.order_by("history_id")
    assert (str(before.content), str(after.content)) == ('{"label": "card"}', '{"label": "refund"}')


def test_the_same_answer_again_changes_nothing(sheet, labelset, expert, second_expert) -> None:
    make_label(sheet, "a1", "card", expert)
    label = make_label(sheet, "a1", "card", second_expert)

    assert (label.version, label.last_modified_by, label.history.count()) == (1, expert, 1)


def test_notes_alone_keep_the_version_and_are_on_record(sheet, labelset, expert) -> None:
    make_label(sheet, "a1", "card", expert)
    label = make_label(sheet, "a1", "card", expert, notes="sure")

    assert (label.version, label.history.count()) == (1, 2)


def test_the_table_itself_holds_one_label_per_item_and_type(sheet, labelset, expert) -> None:
    label = make_label(sheet, "a1", "card", expert)
    label.pk = None

    with pytest.raises(IntegrityError, match=r"item_ref|one_per_item"), transaction.atomic():
        CanonicalLabel.objects.bulk_create([label])


def test_an_item_can_have_labels_of_several_types(sheet, labelset, expert, approver, team, steward) -> None:
    schema = {"type": "object", "properties": {"summary": {"type": "string"}}}
    summaries = make_labelset(
        expert, approver, team, name="Summaries", label_type=label_type("summarization"), classes=[],
        response_schema=schema,
    )  # fmt: skip
    bind(sheet, summaries, steward)
    make_label(sheet, "a1", "card", expert)
    services.save_from_tool(
        sheet=sheet, item_ref="a1", label_type=label_type("summarization"), data={"summary": "lost"}, by=expert
    )

    assert [(row.label_type, row.labeled, row.total) for row in coverage(sheet)] == [
        ("classification", 1, 4), ("summarization", 1, 4),
    ]  # fmt: skip
    assert {"label": "classification", "done": 1, "total": 4} in [
        {key: row[key] for key in ("label", "done", "total")} for row in coverage_of(sheet)
    ]


def test_a_label_from_untagged_columns_may_train_and_one_from_all_columns_may_not(
    sheet_version, labelset, expert
) -> None:
    sheet = sheet_version.sheet
    narrow = make_label(sheet, "a1", "card", expert)
    wide = services.record_label(
        sheet=sheet, item_ref="a2", label_type=label_type("classification"), labelset_version=labelset,
        data={"label": "card"}, by=expert, derivation=services.derivation_for(sheet_version, labelset, None),
        seen_digest="",
    )  # fmt: skip

    assert narrow in CanonicalLabel.objects.permitting(Use.TRAINING)
    assert wide not in CanonicalLabel.objects.permitting(Use.TRAINING)
    assert wide in CanonicalLabel.objects.permitting(Use.FEW_SHOT)


def test_a_second_look_at_fewer_columns_does_not_loosen_a_label(sheet_version, labelset, expert) -> None:
    sheet = sheet_version.sheet
    services.record_label(
        sheet=sheet, item_ref="a1", label_type=label_type("classification"), labelset_version=labelset,
        data={"label": "card"}, by=expert, derivation=services.derivation_for(sheet_version, labelset, None),
        seen_digest="",
    )  # fmt: skip

    for answer in ("card", "refund"):
        label = make_label(sheet, "a1", answer, expert)
        assert label not in CanonicalLabel.objects.permitting(Use.TRAINING)


def test_what_binds_the_labelset_binds_its_labels_at_once(sheet, labelset, expert) -> None:
    label = make_label(sheet, "a1", "card", expert)

    constraints.tighten(row=labelset.labelset, terms=NO_TRAINING, by=expert)

    assert label not in CanonicalLabel.objects.permitting(Use.TRAINING)


def test_constraints_given_with_a_new_label_are_its_own(sheet, labelset, expert) -> None:
    label = make_label(sheet, "a1", "card", expert, terms=NO_TRAINING)

    assert label not in CanonicalLabel.objects.permitting(Use.TRAINING)
    assert label.usage_reason == "shown to a customer"


def test_constraints_of_a_label_are_tightened_in_the_tool_and_loosened_by_request_only(
    sheet, labelset, expert
) -> None:
    label = make_label(sheet, "a1", "card", expert)
    loose = Terms(**{**vars(Terms.of(label)), "usage_reason": "not needed"})
    make_label(sheet, "a1", "card", expert, terms=NO_TRAINING)

    with pytest.raises(LooserThanNow):
        make_label(sheet, "a1", "refund", expert, terms=loose)
    label.refresh_from_db()
    assert (label.own_uses, label.data) == (ALL_USES & ~BITS["training"], {"label": "card"})


def test_prohibiting_without_a_reason_is_refused(sheet, labelset, expert) -> None:
    with pytest.raises(ReasonRequired):
        make_label(sheet, "a1", "card", expert, terms=Terms(**{**vars(NO_TRAINING), "usage_reason": ""}))


def test_recording_with_looser_terms_never_loosens_a_label(sheet_version, labelset, expert) -> None:
    label = make_label(sheet_version.sheet, "a1", "card", expert, terms=NO_TRAINING)
    entry = Entry(
        item_ref="a1", data={"label": "refund"}, derivation=label.derivation,
        terms=Terms(allowed_uses=ALL_USES, prohibited_uses=0, data_classification=0, usage_reason="pair"),
    )  # fmt: skip

    services.record_labels(
        sheet=sheet_version.sheet, label_type=label.label_type, labelset_version=labelset, entries=[entry], by=expert
    )

    label.refresh_from_db()
    assert (label.own_uses, label.data_classification) == (ALL_USES & ~BITS["training"], 1)


def test_many_labels_are_written_in_a_bounded_number_of_queries(
    sheet_version, labelset, expert, django_assert_max_num_queries
) -> None:
    derivation = services.derivation_for(sheet_version, labelset, ["text"])
    entries = [
        Entry(item_ref=f"b{number}", data={"label": "card"}, derivation=derivation) for number in range(300)
    ]

    with django_assert_max_num_queries(40):
        services.record_labels(
            sheet=sheet_version.sheet, label_type=label_type("classification"), labelset_version=labelset,
            entries=entries, by=expert,
        )  # fmt: skip

    assert CanonicalLabel.history.count() == 300


def test_bulk_is_all_or_nothing(sheet_version, labelset, expert) -> None:
    derivation = services.derivation_for(sheet_version, labelset, ["text"])
    entries = [
        Entry(item_ref="a1", data={"label": "card"}, derivation=derivation),
        Entry(item_ref="a2", data={"label": 7}, derivation=derivation),
    ]

    with pytest.raises(SchemaViolation):
        services.record_labels(
            sheet=sheet_version.sheet, label_type=label_type("classification"), labelset_version=labelset,
            entries=entries, by=expert,
        )  # fmt: skip
    assert not CanonicalLabel.objects.exists()


def test_nothing_is_saved_when_its_history_cannot_be_written(sheet, labelset, expert, monkeypatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr("labeling.labels.recording.keep_versions", broken)
    with pytest.raises(RuntimeError), transaction.atomic():
        make_label(sheet, "a1", "card", expert)

    assert not CanonicalLabel.objects.exists()


def test_a_form_that_is_out_of_date_is_refused(sheet, labelset, expert, second_expert) -> None:
    make_label(sheet, "a1", "card", expert, seen_version=0)

    with pytest.raises(StaleVersion, match="saved version 1"):
        make_label(sheet, "a1", "refund", second_expert, seen_version=0)


def test_what_cannot_be_labelled_is_said(sheet, labelset, expert) -> None:
    with pytest.raises(ItemGone, match="'zz'"):
        make_label(sheet, "zz", "card", expert)
    with pytest.raises(NoLabelset, match="qa"):
        services.save_from_tool(sheet=sheet, item_ref="a1", label_type=label_type("qa"), data={}, by=expert)
    with pytest.raises(InvalidInput, match="confidence"):
        make_label(sheet, "a1", "card", expert, confidence="very")


def test_a_labelset_of_another_type_is_refused(sheet, labelset, expert) -> None:
    label = make_label(sheet, "a1", "card", expert)

    with pytest.raises(LabelTypeMismatch):
        services.record_label(
            sheet=sheet, item_ref="a2", label_type=label_type("qa"), labelset_version=labelset,
            data={"label": "card"}, by=expert, derivation=label.derivation, seen_digest="",
        )  # fmt: skip


@pytest.mark.parametrize("who", ["viewer", "stranger", "approver"])
def test_others_may_not_label(request, sheet, labelset, who) -> None:
    with pytest.raises(NotPermitted):
        make_label(sheet, "a1", "card", request.getfixturevalue(who))


def test_labels_of_other_sheets_do_not_exist_for_the_expert(sheet, labelset, expert, other_sheet) -> None:
    own = make_label(sheet, "a1", "card", expert)

    assert list(CanonicalLabel.objects.visible_to(expert)) == [own]
    assert labels_for(sheet, "classification", ["a1", "a2"]) == {"a1": own}


def test_looking_labels_up_is_one_query(sheet, labelset, expert, django_assert_num_queries) -> None:
    make_label(sheet, "a1", "card", expert)
    make_label(sheet, "a2", "card", expert)

    with django_assert_num_queries(1):
        found = labels_for(sheet, "classification", ["a1", "a2", "a3"])
        assert [label.data for label in found.values()] == [{"label": "card"}] * 2


def test_labels_under_an_older_version_stay_and_misfits_are_listed(sheet, labelset, expert, approver) -> None:
    make_label(sheet, "a1", "card", expert)
    make_label(sheet, "a2", "refund", expert)
    draft = labelsets.start_new_version(labelset=labelset.labelset, by=expert)
    narrower = publish_labelset(
        labelsets.update_draft(version=draft, by=expert, classes=CLASSES[:1]), expert, approver
    )

    found = list(misfits(narrower, labels_of_older_versions(narrower)))

    assert [(misfit.label.item_ref, misfit.faults[0].path) for misfit in found] == [("a2", "$.label")]
    count, left = services.bring_under_labelset(labelset_version=narrower, sheet=sheet, by=expert)
    assert (count, [misfit.label.item_ref for misfit in left]) == (1, ["a2"])
    versions = dict(CanonicalLabel.objects.values_list("item_ref", "labelset_version__number"))
    assert versions == {"a1": 2, "a2": 1}


def test_labels_without_a_labelset_come_under_one_and_its_constraint(
    sheet_version, expert, approver, team, steward
) -> None:
    derivation = derivations.derivation_of([sheet_version.sheet], scope={})
    services.record_label(
        sheet=sheet_version.sheet, item_ref="a1", label_type=label_type("classification"), labelset_version=None,
        data={"label": "card"}, by=expert, derivation=derivation, seen_digest="",
    )  # fmt: skip
    strict = make_labelset(expert, approver, team, terms=NO_TRAINING)

    services.bring_under_labelset(labelset_version=strict, sheet=sheet_version.sheet, by=expert)

    label = CanonicalLabel.objects.get()
    assert label.labelset == strict.labelset
    assert label not in CanonicalLabel.objects.permitting(Use.TRAINING)


def test_a_retired_label_is_not_reused_and_can_be_given_anew(sheet, labelset, expert) -> None:
    label = make_label(sheet, "a1", "card", expert)
    with pytest.raises(ReasonRequired):
        services.retire_label(label=label, by=expert, reason="")
    services.retire_label(label=label, by=expert, reason="wrong item")

    assert labels_for(sheet, "classification", ["a1"]) == {}
    assert coverage(sheet)[0].labeled == 0
    again = make_label(sheet, "a1", "card", expert, seen_version=0)
    assert (again.pk, again.version, again.retired_at) == (label.pk, 2, None)


def lines(*entries: object) -> str:
    return "\n".join(json.dumps(entry) for entry in entries)


def test_labels_are_imported_from_json_lines(sheet, labelset, expert) -> None:
    text = lines(
        {"item_ref": "a1", "data": {"label": "card"}},
        {"item_ref": "a2", "data": {"label": "refund"}, "confidence": "low", "notes": "hm"},
    )

    done = import_labels(
        sheet=sheet, label_type=label_type("classification"), content=text.encode(), by=expert
    )

    assert (done.saved, done.plan.new) == (2, 2)
    saved = labels_for(sheet, "classification", ["a1", "a2"])
    assert saved["a2"].confidence == "low"
    assert saved["a1"] not in CanonicalLabel.objects.permitting(Use.TRAINING)


def test_an_import_of_all_or_nothing_names_every_bad_line_and_saves_nothing(sheet, labelset, expert) -> None:
    text = lines({"item_ref": "a1", "data": {"label": "card"}}, {"item_ref": "a2", "data": {"label": 1}}, 7)

    with pytest.raises(ImportRefused, match=r"line 2: .*\$\.label.*line 3: expected"):
        import_labels(
            sheet=sheet, label_type=label_type("classification"), content=text.encode(), by=expert, all_or_nothing=True
        )
    assert not CanonicalLabel.objects.exists()


def test_an_import_of_items_that_the_sheet_lacks_is_refused(sheet, labelset, expert) -> None:
    with pytest.raises(ImportRefused, match="'zz'"):
        import_labels(
            sheet=sheet, label_type=label_type("classification"),
            content=lines({"item_ref": "zz", "data": {"label": "card"}}).encode(), by=expert,
        )  # fmt: skip


@pytest.mark.parametrize("use", ["testing", "few_shot"])
def test_an_export_holds_only_what_permits_the_use(sheet, labelset, expert, use) -> None:
    make_label(sheet, "a1", "card", expert)
    forbidden = Terms(**{**vars(NO_TRAINING), "prohibited_uses": BITS[use]})
    make_label(sheet, "a2", "card", expert, terms=forbidden)

    found = export_labels(sheet=sheet, label_type=label_type("classification"), use=use, by=expert)

    assert (found.count, found.excluded) == (1, 1)
    assert [json.loads(line)["item_ref"] for line in found.pieces] == ["a1"]
    assert EXITS[f"label-export-{use.replace('_', '-')}"].use == use


def test_labels_are_not_exported_for_training(sheet, labelset, expert) -> None:
    with pytest.raises(InvalidInput, match="testing or few_shot"):
        export_labels(sheet=sheet, label_type=label_type("classification"), use="training", by=expert)


def test_equal_contents_are_kept_once() -> None:
    first, second = content_of({"b": 1, "a": [1]}), content_of({"a": [1], "b": 1})
    keep({digest("x"): "x"})

    assert first == second
    assert Content.objects.count() == 2


def test_the_team_sees_labels_once_the_sheet_is_shared(sheet, labelset, expert, viewer, steward) -> None:
    make_label(sheet, "a1", "card", expert)
    share_with(sheet, viewer, steward)

    assert CanonicalLabel.objects.visible_to(viewer).count() == 1


def test_the_api_labels_retires_exports_and_counts(api, sheet, labelset, expert, other_sheet) -> None:
    client, where = api(expert), {"sheet": str(sheet.pk), "label_type": "classification"}
    entry = where | {"item_ref": "a1", "data": {"label": "card"}, "seen_version": 0}
    made = client.post("/api/v1/canonical-labels/", entry)
    assert made.status_code == 201, made.json()["detail"]
    assert (made.json()["version"], "training" in made.json()["permits"]) == (1, True)

    stale = client.post("/api/v1/canonical-labels/", entry)
    exported = client.get("/api/v1/canonical-labels/export/", where | {"use": "testing"})
    exported_ref = json.loads(exported.getvalue())["item_ref"]
    counted = client.get("/api/v1/canonical-labels/coverage/", {"sheet": str(sheet.pk)})
    imported = client.post(
        "/api/v1/canonical-labels/import/", where | {"text": lines({"item_ref": "a2", "data": {"label": "card"}})}
    )
    retired = client.post(f"/api/v1/canonical-labels/{made.json()['id']}/retire/", {"reason": "wrong"})

    codes = [answer.status_code for answer in (stale, exported, counted, imported, retired)]
    assert codes == [412, 200, 200, 201, 200]
    assert exported_ref == "a1"
    assert counted.json()[0]["labeled"] == 1
    assert len(client.get("/api/v1/canonical-labels/").json()["results"]) == 2


def test_the_api_names_the_failing_path(api, sheet, labelset, expert) -> None:
    answer = api(expert).post(
        "/api/v1/canonical-labels/",
        {"sheet": str(sheet.pk), "label_type": "classification", "item_ref": "a1", "data": {"label": "x"}},
    )

    assert (answer.status_code, answer.json()["field"]) == (400, "$.label")


def test_another_teams_sheet_does_not_exist_in_the_api(api, labelset, expert, other_sheet) -> None:
    answer = api(expert).get("/api/v1/canonical-labels/coverage/", {"sheet": str(other_sheet.pk)})

    assert answer.status_code == 400
    assert "does not exist" in answer.json()["detail"]
    assert api(expert).get("/api/v1/canonical-labels/").json()["results"] == []
