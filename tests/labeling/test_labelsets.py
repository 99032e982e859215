"""Labelsets: classes and schema agree, published versions stay, one labelset answers per Sheet and label type."""

from __future__ import annotations

import pytest

from governance.errors import InvalidInput, NotPermitted, ReasonRequired, SameApprover, TransitionNotAllowed
from governance.models import ApprovalRequest
from labeling.labelsets import services
from labeling.labelsets.errors import ClassesRefused, DraftExists, NothingPublished, VersionFrozen
from labeling.labelsets.models import Labelset, LabelsetVersion, LabelType
from labeling.labelsets.selectors import labelset_for, published_version
from labeling.schemas.errors import SchemaRefused
from labeling.schemas.validation import fits

from .factories import (
    CLASSES,
    bind,
    label_type,
    make_labelset,
    make_sheet,
    publish_labelset,
    share_with,
)

pytestmark = pytest.mark.django_db
TWO_CLASSES = {"type": "string", "enum": ["card", "refund"]}


@pytest.fixture
def draft(expert, approver, team) -> LabelsetVersion:
    return make_labelset(expert, approver, team, published=False)


def test_the_label_types_of_the_requirements_are_seeded() -> None:
    wanted = {"entity_extraction", "classification", "qa", "generation", "summarization", "document_type"}

    assert wanted <= set(LabelType.objects.values_list("slug", flat=True))


def test_a_schema_is_made_from_the_classes(draft) -> None:
    assert fits({"label": "card"}, draft.response_schema)
    assert not fits({"label": "other"}, draft.response_schema)


def test_classes_get_a_colour_and_keep_their_description(draft) -> None:
    assert draft.classes[0]["description"] == "About a card"
    assert draft.classes[0]["color"] != draft.classes[1]["color"]


def test_the_schema_made_from_classes_follows_them(draft, expert) -> None:
    changed = services.update_draft(version=draft, by=expert, classes=[*CLASSES, {"name": "loan"}])

    assert fits({"label": "loan"}, changed.response_schema)


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ([{"name": "a"}, {"name": "a"}], "more than once"),
        ([{"name": " "}], "1 to 200"),
        ([{"name": "a", "color": "blue"}], "colour"),
        ([{"name": "a", "colour": "#000000"}], "expected name, description, color"),
        ([7], "class 1"),
        ("a", "list"),
    ],
)
def test_unusable_classes_are_refused_with_what_is_wrong(expert, classes, says) -> None:
    with pytest.raises(ClassesRefused, match=says):
        services.create_labelset(by=expert, name="X", label_type=label_type("qa"), classes=classes)


def test_a_schema_whose_enum_is_not_the_classes_names_the_difference(draft, expert) -> None:
    with pytest.raises(ClassesRefused, match="not in the schema 'refund'; only in the schema 'loan'"):
        services.update_draft(
            version=draft, by=expert, response_schema={"type": "string", "enum": ["card", "loan"]}
        )


def test_an_enum_deep_in_the_schema_may_hold_the_classes(draft, expert) -> None:
    schema = {"type": "object", "properties": {"found": {"type": "array", "items": TWO_CLASSES}}}

    assert services.update_draft(version=draft, by=expert, response_schema=schema).response_schema == schema


def test_a_schema_that_is_none_is_refused(draft, expert) -> None:
    with pytest.raises(SchemaRefused, match="response_schema"):
        services.update_draft(version=draft, by=expert, classes=[], response_schema={"type": "nothing"})


def test_a_labelset_without_classes_and_schema_cannot_be_published(expert, approver, team) -> None:
    empty = make_labelset(expert, approver, team, published=False, classes=[])

    with pytest.raises(InvalidInput, match="classes or a response schema"):
        services.request_publish(version=empty, by=expert, reason="ready")


def test_publishing_takes_a_second_person_and_records_why(draft, expert, approver) -> None:
    published = publish_labelset(draft, expert, approver)

    assert published.status == "published"
    assert published.published_at is not None
    assert "checked" in published.history.latest().history_change_reason


def test_whoever_changed_the_draft_may_not_approve_it(make_user, approver, team) -> None:
    both = make_user("both", "domain-expert", "approver", groups=(team,))
    author = make_user("author", "domain-expert", groups=(team,))
    draft = make_labelset(author, approver, team, published=False)
    share_with(draft.labelset, both, author, "change")
    services.update_draft(version=draft, by=both, instructions="Look twice.")
    request = services.request_publish(version=draft, by=author, reason="ready")

    with pytest.raises(SameApprover):
        publish_with(request, both)


def publish_with(request: ApprovalRequest, by) -> None:
    from governance import desk

    desk.decide(request=request, by=by, approve=True, comment="fine")


def test_a_published_version_does_not_change(draft, expert, approver) -> None:
    published = publish_labelset(draft, expert, approver)

    with pytest.raises(VersionFrozen, match="Start a new version"):
        services.update_draft(version=published, by=expert, instructions="other")
    with pytest.raises(VersionFrozen):
        services.delete_draft(version=published, by=expert)


def test_a_new_version_is_a_draft_copy_and_there_is_one_at_a_time(draft, expert, approver) -> None:
    published = publish_labelset(draft, expert, approver)
    second = services.start_new_version(labelset=published.labelset, by=expert)

    assert (second.number, second.status, second.classes) == (2, "draft", published.classes)
    assert published_version(published.labelset) == published
    with pytest.raises(DraftExists):
        services.start_new_version(labelset=published.labelset, by=expert)


def test_deleting_the_only_draft_deletes_the_labelset(draft, expert) -> None:
    services.delete_draft(version=draft, by=expert)

    assert not Labelset.objects.filter(pk=draft.labelset_id).exists()


def test_archiving_needs_a_reason_and_a_published_version(draft, expert, approver) -> None:
    with pytest.raises(TransitionNotAllowed):
        services.archive(version=draft, by=expert, reason="old")
    published = publish_labelset(draft, expert, approver)
    with pytest.raises(ReasonRequired):
        services.archive(version=published, by=expert, reason=" ")

    assert services.archive(version=published, by=expert, reason="old").status == "archived"


def test_a_name_is_taken_once(draft, expert) -> None:
    with pytest.raises(InvalidInput, match="taken"):
        services.create_labelset(by=expert, name="Topics", label_type=label_type("qa"))


def test_a_stranger_can_neither_change_nor_publish(draft, stranger) -> None:
    with pytest.raises(NotPermitted):
        services.update_draft(version=draft, by=stranger, instructions="mine")
    with pytest.raises(NotPermitted):
        services.request_publish(version=draft, by=stranger, reason="mine")


def test_one_labelset_answers_for_a_label_type_on_a_sheet(expert, steward, approver, team) -> None:
    sheet = make_sheet(steward, approver, team).sheet
    first = make_labelset(expert, approver, team)
    second = make_labelset(expert, approver, team, name="Other topics")
    bind(sheet, first, steward)
    bind(sheet, second, steward)

    assert labelset_for(sheet, "classification") == second
    assert labelset_for(sheet, "qa") is None
    assert sheet.labelset_bindings.get().history.count() == 2


def test_an_unpublished_labelset_cannot_be_bound(draft, steward, approver, team) -> None:
    sheet = make_sheet(steward, approver, team).sheet

    with pytest.raises(NothingPublished):
        bind(sheet, draft, steward)


def test_binding_needs_the_right_to_change_the_sheet(draft, expert, steward, approver, team) -> None:
    published = publish_labelset(draft, expert, approver)
    sheet = make_sheet(steward, approver, team).sheet

    with pytest.raises(NotPermitted):
        services.bind_labelset(sheet=sheet, labelset=published.labelset, by=expert)


def test_the_api_makes_publishes_and_binds_a_labelset(api, expert, approver, team, steward) -> None:
    sheet = make_sheet(steward, approver, team).sheet
    made = api(expert).post(
        "/api/v1/labelsets/", {"name": "By API", "label_type": "classification", "classes": [{"name": "a"}]}
    )
    assert made.status_code == 201, made.json()["detail"]
    version = made.json()["versions"][0]
    share_with(Labelset.objects.get(), team, expert)

    changed = api(expert).patch(f"/api/v1/labelset-versions/{version['id']}/", {"instructions": "Look."})
    asked = api(expert).post(f"/api/v1/labelset-versions/{version['id']}/request-publish/", {"reason": "done"})
    signed = api(approver).post(f"/api/v1/approvals/{asked.json()['approval']}/approve/", {"comment": "fine"})
    bound = api(steward).post(
        "/api/v1/labelset-bindings/", {"sheet": str(sheet.pk), "labelset": made.json()["id"]}
    )

    assert [answer.status_code for answer in (changed, asked, signed, bound)] == [200, 202, 200, 201]
    assert labelset_for(sheet, "classification").instructions == "Look."
    unbound = api(steward).delete(f"/api/v1/labelset-bindings/{bound.json()['id']}/")
    assert unbound.status_code == 204


def test_the_api_names_the_field_of_a_broken_rule(api, expert) -> None:
    answer = api(expert).post(
        "/api/v1/labelsets/",
        {"name": "X", "label_type": "qa", "classes": [{"name": "a"}], "response_schema": {"enum": ["b"]}},
    )

    assert (answer.status_code, answer.json()["field"]) == (400, "response_schema")


def test_a_labelset_that_is_not_shared_does_not_exist_in_the_api(api, draft, stranger) -> None:
    assert api(stranger).get("/api/v1/labelsets/").json()["results"] == []
    assert api(stranger).get(f"/api/v1/labelsets/{draft.labelset_id}/").status_code == 404
    assert api(stranger).get(f"/api/v1/labelset-versions/{draft.pk}/").status_code == 404
