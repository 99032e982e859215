"""Erasing the content of labels and pairs: two people empty it, nothing brings it back, and nothing breaks on it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from governance import desk
from governance.errors import InvalidInput, OnLegalHold, SameApprover
from governance.models import ApprovalRequest, RowErasure, User
from governance.record import erasing, holds, triggers, verification
from governance.record.erasing import Wanted
from governance.uses import Use
from labeling.labels import contents
from labeling.labels.errors import ContentErased
from labeling.labels.models import ERASED
from labeling.models import CanonicalLabel, Content, QAPair, TrainingSheet
from labeling.review import services as review
from tests.test_exit_matrix import OPEN, SECRET, Chain
from tests.test_rights import TEAM_ROLES
from training import exits
from training.datasets import selectors as datasets
from training.datasets.causes import Causes
from training.models import DatasetMember, DatasetVersion, Evaluation, Export, ModelVersion

pytestmark = pytest.mark.django_db

KIND = "labeling.content"
PERSON = "meier@example.org"


@pytest.fixture
def second_officer(make_user) -> User:
    return make_user("second-officer", "compliance-officer")


@pytest.fixture
def others(make_user) -> Chain:
    """Another team's rows, which no erasure here is about."""
    return Chain(OPEN, make_user("bob", *TEAM_ROLES))


@pytest.fixture
def chain(make_user, others) -> Chain:
    """A pair whose prompt and answer, kept deep in their JSON, name a person; a label and members with them."""
    chain = Chain(SECRET, make_user("ada", *TEAM_ROLES))
    prompt = contents.content_of({"messages": [{"role": "user", "content": f"Who wrote from {PERSON} today?"}]})
    answer = contents.content_of({"label": "person", "people": [{"mail": PERSON}]})
    pair = chain.world[QAPair]
    QAPair.objects.filter(pk=pair.pk).update(prompt=prompt, answer=answer, model_facts={"raw": f'"{PERSON}"'})
    CanonicalLabel.objects.filter(pk=chain.world[CanonicalLabel].pk).update(content=answer)
    chain.version.members.update(prompt=prompt, answer=answer)
    return chain


def found(officer: User) -> tuple[list[str], erasing.Reach]:
    return erasing.preview(wanted=Wanted(kind=KIND, column="body", value=PERSON), by=officer)


def ask(by: User, reason: str = "Art. 17, asked on 2 March") -> list[ApprovalRequest]:
    """One request for each value that names the person."""
    keys, _ = found(by)
    asked = []
    for key in keys:
        wanted = Wanted(kind=KIND, object_id=key)
        _, reach = erasing.preview(wanted=wanted, by=by)
        asked.append(erasing.request_erasure(wanted=wanted, digest=reach.digest, reason=reason, by=by))
    return asked


def approve(request: ApprovalRequest, by: User) -> None:
    desk.decide(request=request, by=by, approve=True, comment="checked the request")


@pytest.fixture
def erased(chain, officer, second_officer) -> Chain:
    for request in ask(officer):
        approve(request, second_officer)
    return chain


def put(model: Any, keys: list[Any], status: str, **values: Any) -> None:
    """Past the gates of its life."""
    with triggers.lifted():
        model.objects.filter(pk__in=keys).update(status=status, **values)
        connection.check_constraints()


def faults() -> list[str]:
    return [str(fault) for fault in verification.verify().faults if "labeling.content" in str(fault)]


def test_an_identifier_deep_in_content_is_found_with_its_place_and_everything_that_holds_it(chain, officer):
    keys, reach = found(officer)

    pair = QAPair.objects.get(pk=chain.world[QAPair].pk)
    assert set(keys) == {pair.prompt_id, pair.answer_id} and reach.entries == 2
    assert reach.places == {"body.messages[0].content": 1, "body.people[0].mail": 1}
    assert {holder.kind: holder.rows for holder in reach.holders} == {
        "labeling.canonicallabel": 1, "labeling.qapair": 1, "training.datasetmember": 2,
    }  # fmt: skip
    copies = {copy.kind: (copy.label, copy.rows) for copy in reach.copies}
    assert copies["training.datasetversion"] == (str(chain.version), 2)
    assert copies["training.modelversion"] == (str(chain.world[ModelVersion]), 2)
    assert copies["training.export"][0] == str(chain.world[Export])
    assert copies["training.evaluation"][0] == str(chain.world[Evaluation])
    assert OPEN not in str(reach)


def test_two_officers_empty_it_and_it_stays_under_its_digest(chain, others, officer, second_officer):
    before = dict(Content.objects.values_list("pk", "erased_at"))
    keys, _ = found(officer)
    first, second = ask(officer)
    with pytest.raises(SameApprover):
        approve(first, officer)
    assert not Content.objects.erased().exists()

    approve(first, second_officer)
    approve(second, second_officer)

    assert set(Content.objects.values_list("pk", flat=True)) == set(before)
    assert set(Content.objects.erased().values_list("pk", flat=True)) == set(keys)
    assert set(Content.objects.erased().values_list("body", flat=True)) == {None}
    written = RowErasure.objects.get(object_id=keys[0])
    assert "Art. 17" in written.reason and "Officer" in written.reason and written.actor_id == second_officer.pk
    assert faults() == []
    with pytest.raises(InvalidInput, match="Nothing on record matches"):
        found(officer)


def test_no_trace_of_it_is_left_in_live_rows(erased):
    with connection.cursor() as cursor:
        held = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            held += [table for row in cursor.fetchall() if PERSON in str(row)]

    # The record of the pair still says what its model wrote; it is erased as the record of that pair.
    assert set(held) == {"governance_recordvalues"}


def test_what_refers_to_it_leaves_every_exit_and_what_does_not_stays(erased, others):
    for exit_, use in ((exits.training_rows, Use.TRAINING), (exits.testing_rows, Use.TESTING)):
        assert list(exit_(DatasetMember.objects.filter(version=erased.version).permitting(use))) == []
        assert list(exit_(DatasetMember.objects.filter(version=others.version).permitting(use))) != []
    label = CanonicalLabel.objects.get(pk=erased.world[CanonicalLabel].pk)
    assert label.retired_at is not None and label.history.first().history_change_reason.startswith("its content was")
    assert CanonicalLabel.objects.get(pk=others.world[CanonicalLabel].pk).retired_at is None
    assert list(QAPair.objects.filter(pk=erased.world[QAPair].pk).permitting(Use.EVALUATION)) == []
    pair = QAPair.objects.select_related("canonical_label", "derivation").get(pk=erased.world[QAPair].pk)
    assert Causes().of_loaded_pair(pair, Use.TRAINING) == "training prohibited: its content was erased"


def test_a_usable_dataset_that_held_it_stops(chain, others, officer, second_officer):
    put(DatasetVersion, [chain.version.pk, others.version.pk], "approved")

    for request in ask(officer):
        approve(request, second_officer)

    chain.version.refresh_from_db()
    others.version.refresh_from_db()
    assert (chain.version.status, others.version.status) == ("suspended", "approved")
    assert "erased" in chain.version.status_reason and "Art. 17" in chain.version.status_reason


def test_the_same_value_is_not_kept_again(erased, officer):
    with pytest.raises(ContentErased, match="not kept again"):
        contents.content_of({"label": "person", "people": [{"mail": PERSON}]})

    assert contents.content_of({"label": "someone else"}).body == {"label": "someone else"}


def test_a_pair_without_its_content_is_not_approved(erased):
    pair, owner = QAPair.objects.get(pk=erased.world[QAPair].pk), erased.owner
    put(TrainingSheet, [pair.training_sheet_id], "ready")
    put(QAPair, [pair.pk], "unlabeled", reviewed_by=None, reviewed_at=None)
    pair.refresh_from_db()

    with pytest.raises(ContentErased, match="answer of this pair was erased"):
        review.approve_pair(pair=pair, version=pair.version, by=owner)
    with pytest.raises(ContentErased, match="prompt of this pair was erased"):
        review.approve_pair(pair=pair, version=pair.version, data={"label": SECRET}, by=owner)


def test_pages_and_rest_say_that_it_was_erased(erased, officer, client, api):
    pair, label = erased.world[QAPair], erased.world[CanonicalLabel]
    client.force_login(erased.owner)
    pages = [
        reverse("admin:labeling_qapair_change", args=[pair.pk]),
        reverse("admin:labeling_canonicallabel_change", args=[label.pk]),
        reverse("admin:labeling_canonicallabel_changelist"),
        f"{reverse('labeling:review-pair', args=[pair.training_sheet_id])}?pair={pair.pk}",
        reverse("admin:training_datasetversion_change", args=[erased.version.pk]),
        reverse("admin:training_evaluation_change", args=[erased.world[Evaluation].pk]),
    ]
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert PERSON not in answer.content.decode(), page
    assert ERASED in client.get(pages[0]).content.decode() and ERASED in client.get(pages[1]).content.decode()

    told = api(erased.owner).get(f"/api/v1/pairs/{pair.pk}/").json()
    assert (told["answer"], told["messages"]) == (ERASED, [{"role": "user", "content": ERASED}])
    assert ERASED in str(datasets.preview(erased.version).lines)


def test_a_legal_hold_on_it_or_on_what_refers_to_it_keeps_it(chain, others, officer):
    keys, _ = found(officer)
    pair = chain.world[QAPair]
    for kind, object_id in ((KIND, keys[0]), (KIND, ""), ("labeling.qapair", str(pair.pk)), ("", "")):
        hold = holds.place_hold(kind=kind, object_id=object_id, reason="case 4711", by=officer)
        assert found(officer)[1].held == 1
        with pytest.raises(OnLegalHold, match="case 4711"):
            ask(officer)
        if kind != "labeling.qapair":
            with pytest.raises(DatabaseError, match="legal hold"), transaction.atomic():
                RowErasure.objects.create(kind=KIND, object_id=keys[0], actor_id=1, actor_name="x", reason="now")
        hold.lifted_at = hold.placed_at
        hold.save()
    holds.place_hold(
        kind="labeling.qapair", object_id=str(others.world[QAPair].pk), reason="another case", by=officer
    )
    assert found(officer)[1].held == 0 and Content.objects.filter(pk__in=keys, erased_at=None).count() == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE labeling_content SET body = NULL, erased_at = '2026-01-01 00:00:00+00:00' WHERE digest = '{}'",
        "UPDATE labeling_content SET body = '\"forged\"' WHERE digest = '{}'",
        "DELETE FROM labeling_content WHERE digest = '{}'",
    ],
)
def test_nobody_empties_or_changes_it_without_an_erasure(statement, chain, officer):
    keys, _ = found(officer)

    with pytest.raises(DatabaseError, match="only grows"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(keys[0]))

    assert Content.objects.filter(pk=keys[0], erased_at=None).exists()


def test_what_was_erased_is_never_filled_again(erased):
    key = Content.objects.erased().first().pk

    with pytest.raises(DatabaseError, match="only grows"), transaction.atomic():
        Content.objects.filter(pk=key).update(body="again", erased_at=None)


def test_content_that_was_emptied_past_the_triggers_is_found(chain, officer):
    keys, _ = found(officer)
    with triggers.lifted():
        Content.objects.filter(pk=keys[0]).update(body=None, erased_at="2026-01-01T00:00:00+00:00")

    [fault] = faults()
    assert keys[0] in fault and "no erasure of it is on record" in fault


def test_the_page_names_places_holders_and_copies_before_one_can_ask(chain, officer, client, api):
    client.force_login(officer)
    typed = {"kind": KIND, "column": "body", "value": PERSON}

    page = client.post("/admin/compliance/erase/", typed | {"look": ""}).content.decode()
    told = api(officer).post("/api/v1/erasures/preview/", typed, format="json").json()

    assert "body.people[0].mail" in page and str(chain.version) in page and OPEN not in page
    assert told["places"]["body.people[0].mail"] == 1
    assert {copy["kind"] for copy in told["copies"]} >= {"training.datasetversion", "training.modelversion"}
    assert {holder["kind"] for holder in told["holders"]} >= {"labeling.qapair"}


def test_an_identifier_inside_a_json_column_of_the_record_is_found(officer, others, chain):
    sheet = others.world[TrainingSheet]
    TrainingSheet.objects.filter(pk=sheet.pk).update(result={"people": [{"mail": f"<{PERSON}>"}]})
    wanted = Wanted(kind="labeling.trainingsheet", column="result", value=PERSON)

    keys, reach = erasing.preview(wanted=wanted, by=officer)

    assert keys == [str(sheet.pk)]
    assert reach.places == {"result.people[0].mail": 1}


@pytest.mark.parametrize(("kind", "column", "named"), [
    ("labeling.nothing", "body", "labeling.qapair"), (KIND, "digest", "body"), ("labeling.usecase", "nom", "name"),
])  # fmt: skip
def test_kinds_and_columns_that_do_not_exist_are_refused_by_name(kind, column, named, officer, api):
    answer = api(officer).post(
        "/api/v1/erasures/preview/", {"kind": kind, "column": column, "value": "x"}, format="json"
    )

    assert answer.status_code == 400 and named in answer.json()["detail"]


def test_the_form_offers_the_kinds_and_columns_that_exist(officer, client):
    client.force_login(officer)

    page = client.get("/admin/compliance/erase/").content.decode()

    assert f'<option value="{KIND}">' in page and '<optgroup label="Users">' in page
    assert '<option value="email">' in page and '<option value="nom">' not in page
    refused = client.post("/admin/compliance/erase/", {"kind": "x.y", "column": "nom", "value": "v", "look": ""})
    assert "nom is not one of the available choices" in refused.content.decode()
