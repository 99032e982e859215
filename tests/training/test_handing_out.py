"""Content that leaves as a file: recent proof first, the same page again afterwards, and a row of what was taken."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from governance import constraints
from governance.models import EvidenceExport, HandOut, RecordEntry
from governance.sign_in.scopes import EXPORT, READ, WRITE
from governance.sign_in.services import make_token
from labeling.models import CanonicalLabel
from tests.factories import SheetFactory
from tests.governance.test_sign_in import NO_TRAINING, PASSWORD, age, log_in
from tests.training.test_exports import exported
from tests.world import make_world

CHANGES = "?direction=tightened"


@pytest.fixture
def export(approved_set, engineer):
    return exported(approved_set, engineer)


def read(answer) -> bytes:
    """The file that was handed out; anything else fails here."""
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def evidence_page() -> str:
    return f"{reverse('governance:compliance-evidence')}{CHANGES}"


def test_a_download_without_recent_proof_leads_to_the_proof_and_back_to_the_page(export, engineer, client):
    log_in(client, "engineer")
    address = reverse("training:export-download", args=[export.pk])
    age(client, 16)

    sent = client.get(address)
    confirmed = client.post(sent["Location"], {"password": PASSWORD})

    page = reverse("admin:training_export_change", args=[export.pk])
    assert sent["Location"].startswith("/account/reauthenticate/")
    assert confirmed["Location"] == page
    assert not HandOut.objects.exists()
    assert read(client.get(address))
    assert HandOut.objects.count() == 1


def test_what_is_taken_is_on_record_with_rows_and_digest_before_the_first_byte(export, engineer, client):
    log_in(client, "engineer")

    answer = client.get(reverse("training:export-download", args=[export.pk]))
    [taken] = HandOut.objects.all()
    content = read(answer)

    assert taken.digest == hashlib.sha256(content).hexdigest()
    assert (taken.kind, taken.rows, taken.taken_by_name, taken.door) == ("dataset", export.rows, "Engineer", "admin")
    assert taken.subject_id == export.pk
    assert RecordEntry.objects.filter(kind="governance.handout", object_id=str(taken.pk)).exists()


def test_by_rest_a_session_needs_recent_proof_and_a_token_its_scope(export, engineer, client):
    address = f"/api/v1/exports/{export.pk}/download/"
    log_in(client, "engineer")
    age(client, 16)
    without = make_token(user=engineer, by=engineer, name="reads", scopes=[READ, WRITE])[1]
    token, text = make_token(user=engineer, by=engineer, name="takes", scopes=[READ, EXPORT])
    type(token).objects.filter(pk=token.pk).update(created_at=timezone.now() - timedelta(days=30))

    by_session = client.get(address)
    client.logout()
    by_reader = client.get(address, headers={"Authorization": f"Token {without}"})
    by_taker = client.get(address, headers={"Authorization": f"Token {text}"})

    assert (by_session.status_code, by_session.json()["code"]) == (403, "reauthentication_required")
    assert (by_reader.status_code, by_reader.json()["code"]) == (403, "scope_missing")
    assert read(by_taker)
    assert list(HandOut.objects.values_list("door", flat=True)) == ["api"]


def test_the_minutes_are_a_setting_and_zero_asks_for_a_session_only(export, engineer, client, settings):
    log_in(client, "engineer")
    age(client, 40)
    address = f"/api/v1/exports/{export.pk}/download/"

    settings.EXPORT_PROOF_MINUTES = 60
    assert read(client.get(address))
    settings.EXPORT_PROOF_MINUTES = 30
    assert client.get(address).status_code == 403
    settings.EXPORT_PROOF_MINUTES = 0
    assert read(client.get(address))


def test_labels_are_taken_with_recent_proof_and_on_record_with_the_digest_of_the_file(expert, officer, client):
    label = make_world("zanzibar", expert)[CanonicalLabel]
    query = {"sheet": str(label.sheet_id), "label_type": label.label_type_id, "use": "testing"}
    address = reverse("labeling:label-export")
    log_in(client, "officer")
    age(client, 16)

    sent = client.get(address, query)
    back = client.post(sent["Location"], {"password": PASSWORD})["Location"]
    answer = client.get(address, query)
    content = read(answer)

    assert reverse("labeling:label") in back and str(label.sheet_id) in back
    taken = HandOut.objects.get(kind="labels")
    assert (taken.kind, taken.rows, taken.digest) == (
        "labels", len(content.splitlines()), hashlib.sha256(content).hexdigest(),
    )  # fmt: skip


def test_evidence_needs_recent_proof_and_the_form_comes_back_with_its_filters(officer, steward, client):
    constraints.tighten(row=SheetFactory(owner=steward), terms=NO_TRAINING, by=steward)
    log_in(client, "officer")
    age(client, 16)
    asked = {"question": "Who tightened?", "reason": "The audit of May"}

    sent = client.post(evidence_page(), asked)
    back = client.post(sent["Location"], {"password": PASSWORD})["Location"]
    form = client.get(back)
    taken = client.post(back, asked)

    assert back == evidence_page()
    assert "The audit of May" in form.content.decode() and "Who tightened?" in form.content.decode()
    assert taken["Content-Type"] == "application/zip" and read(taken)
    assert EvidenceExport.objects.get().filters == {"direction": "tightened"}


def test_the_officer_sees_what_was_taken_and_others_do_not(export, engineer, officer, client, api):
    log_in(client, "engineer")
    read(client.get(reverse("training:export-download", args=[export.pk])))
    client.logout()
    log_in(client, "officer")

    desk = client.get(reverse("governance:compliance")).content.decode()
    listed = client.get(reverse("admin:governance_handout_changelist")).content.decode()
    by_rest = api(officer).get("/api/v1/files-handed-out/").json()["results"]

    assert "Handed out" in desk and "file in 30 days" in desk
    assert str(export.version) in listed
    assert by_rest[0]["digest"] == export.sha256
    assert api(engineer).get("/api/v1/files-handed-out/").status_code == 403
