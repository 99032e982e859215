"""The compliance desk: questions about constraint changes answered alike at every door, and evidence to hand out."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.utils import timezone

from governance import access, constraints
from governance.compliance import filters
from governance.constraints import Terms
from governance.errors import InvalidInput
from governance.models import (
    ConstraintChange,
    Declassification,
    Delegation,
    EvidenceExport,
    Job,
    MembershipEnd,
    RecordEntry,
    SavedQuestion,
    SigningKey,
)
from governance.record import triggers, verifier
from governance.uses import ALL_USES, BITS, Classification
from labeling.models import UseCase
from tests.factories import SheetFactory

# PostgreSQL seals only what is committed.
pytestmark = pytest.mark.django_db(transaction=connection.vendor == "postgresql")

LIST = "/admin/governance/constraintchange/"
API = "/api/v1/constraint-changes/"
EVIDENCE = "/admin/compliance/evidence/"


@pytest.fixture(autouse=True)
def _own_key_and_folder(settings, tmp_path: Path) -> None:
    settings.RECORD_KEY_FILE = tmp_path / "key"
    settings.RECORD_CHECKPOINTS = tmp_path / "checkpoints"


def terms(reason: str, *, prohibited: int = 0, level: int = Classification.INTERNAL) -> Terms:
    return Terms(
        allowed_uses=ALL_USES, prohibited_uses=prohibited, data_classification=level, usage_reason=reason
    )  # fmt: skip


@pytest.fixture
def sheet(steward):
    return SheetFactory(owner=steward, name="Mine")


@pytest.fixture
def others_sheet(make_user):
    """Of another use case, always in the same tables."""
    return SheetFactory(owner=make_user("other-steward", "data-steward"), name="Zebrafish")


@pytest.fixture
def changed(sheet, others_sheet, steward):
    """Two changes on one Sheet, one on another's."""
    constraints.tighten(row=sheet, terms=terms("patient names", prohibited=BITS["training"]), by=steward)
    constraints.tighten(
        row=sheet, terms=terms("=cmd|' /C calc'!A0", prohibited=BITS["training"], level=Classification.RESTRICTED),
        by=steward,
    )  # fmt: skip
    owner = others_sheet.owner
    constraints.tighten(row=others_sheet, terms=terms("Zebrafish only", prohibited=BITS["few_shot"]), by=owner)
    return sheet


@pytest.fixture
def desk(client, officer):
    client.force_login(officer)
    return client


# -- questions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked, count",
    [
        ({}, 3),
        ({"use": "training"}, 1),
        ({"use": "training-lost"}, 1),
        ({"use": "training-gained"}, 0),
        ({"classification": "internal-restricted"}, 1),
        ({"classification": "restricted-internal"}, 0),
        ({"direction": "tightened"}, 3),
        ({"kind": "workbench.sheet", "days": "30"}, 3),
        ({"kind": "labeling.qapair"}, 0),
        ({"q": "patient names"}, 1),
        ({"until": "2026-01-01"}, 0),
        ({"since": "2026-01-01T00:00:00Z", "until": "2100-01-01"}, 3),
        ({"door": "none"}, 3),
    ],
)
def test_the_list_the_api_and_the_files_answer_alike(asked, count, changed, desk, officer, api):
    shown = desk.get(LIST, asked).context["cl"].queryset.count()
    answered = api(officer).get(API, asked).json()["results"]
    lines = list(csv.DictReader(io.StringIO(b"".join(desk.get(f"{LIST}csv/", asked)).decode())))
    rows = json.loads(b"".join(desk.get(f"{LIST}json/", asked)))
    by_api = list(csv.DictReader(io.StringIO(b"".join(api(officer).get(f"{API}csv/", asked)).decode())))

    assert (shown, len(answered), len(lines), len(rows), len(by_api)) == (count,) * 5


def test_who_marked_this_row_as_training_prohibited(changed, desk, steward):
    page = desk.get(f"/admin/why/workbench.sheet/{changed.pk}/")
    answer = desk.get(page.context["question"].url)

    [change] = answer.context["cl"].queryset
    assert change.actor_id == steward.pk and change.reason == "patient names"


def test_changes_of_one_person_and_of_one_use_case(changed, others_sheet, desk, steward):
    use_case = UseCase.objects.create(name="Fish", owner=others_sheet.owner)
    use_case.sheets.add(others_sheet)

    by_person = desk.get(LIST, {"person": steward.pk}).context["cl"].queryset
    of_use_case = desk.get(LIST, {"use_case": use_case.pk}).context["cl"].queryset

    assert {change.object_id for change in by_person} == {changed.pk}
    assert {change.object_id for change in of_use_case} == {others_sheet.pk}


def test_a_file_for_spreadsheets_runs_no_formula(changed, desk):
    text = b"".join(desk.get(f"{LIST}csv/")).decode()

    assert "'=cmd|" in text and "\n=cmd" not in text and ",=cmd" not in text


@pytest.mark.parametrize(
    "asked",
    [
        {"use": "sleeping"}, {"use": "training-sold"}, {"classification": "internal"}, {"classification": "a-b"},
        {"direction": "up"}, {"door": "window"}, {"person": "ada"}, {"person": "9" * 40}, {"kind": "auth.user"},
        {"kind": "nonsense"}, {"days": "0"}, {"days": "soon"}, {"days": "9" * 30}, {"since": "2026-02-31"},
        {"until": "tomorrow"}, {"object_id": "1"}, {"use_case": "1"},
    ],
)  # fmt: skip
def test_a_filter_that_cannot_be_asked_is_named_and_never_ignored(asked, changed, desk, officer, api):
    [(name, value)] = asked.items()
    page = desk.get(LIST, asked, follow=True)
    answer = api(officer).get(API, asked)

    assert any(value[:20] in str(message) for message in page.context["messages"])
    assert answer.status_code == 400 and answer.json()["code"] == "invalid_input"
    assert desk.get(f"{LIST}csv/", asked).status_code == 302
    with pytest.raises(InvalidInput) as refused:
        filters.matching(ConstraintChange.objects.all(), asked)
    assert refused.value.field == name


def test_people_find_changes_of_their_own_rows_only(changed, client, steward, api):
    client.force_login(steward)
    page = client.get(LIST)
    text = page.content.decode() + b"".join(client.get(f"{LIST}csv/")).decode()

    assert page.context["cl"].queryset.count() == 2
    assert "Zebrafish" not in text and "Other-steward" not in text
    assert len(api(steward).get(API).json()["results"]) == 2
    for closed in ("/admin/compliance/", EVIDENCE, "/admin/compliance/mapping/", "/admin/compliance/verifier/"):
        assert client.get(closed).status_code == 403


def test_a_question_is_saved_from_the_list_asked_again_and_deleted_by_its_owner(changed, desk, make_user, api):
    asked = {"use": "training-lost", "days": "30"}
    desk.post("/admin/compliance/questions/", {"name": "Lost this month", **asked})
    kept = SavedQuestion.objects.get(name="Lost this month")
    home = desk.get("/admin/compliance/").content.decode()
    assert kept.filters == asked and "use=training-lost&amp;days=30" in home

    second = api(make_user("second-officer", "compliance-officer"))
    assert second.get("/api/v1/questions/").json()["results"][0]["name"] == "Lost this month"
    assert second.delete(f"/api/v1/questions/{kept.pk}/").status_code == 403
    desk.post(f"/admin/compliance/questions/{kept.pk}/delete/")
    assert not SavedQuestion.objects.exists()


@pytest.mark.parametrize(
    "body, field",
    [
        ({"name": "", "filters": {"use": "training"}}, "name"),
        ({"name": "x", "filters": {}}, "filters"),
        ({"name": "x", "filters": {"colour": "red"}}, "colour"),
        ({"name": "x", "filters": {"use": "sleeping"}}, "use"),
        ({"name": "x" * 201, "filters": {"use": "training"}}, "name"),
    ],
)
def test_a_question_without_name_or_sense_is_refused(body, field, officer, api):
    answer = api(officer).post("/api/v1/questions/", body)

    assert answer.status_code == 400 and field in json.dumps(answer.json())
    assert not SavedQuestion.objects.exists()


# -- the first page -----------------------------------------------------------------------------------------


def test_the_desk_shows_what_is_open_and_what_changed_by_day(changed, desk, steward):
    changed.refresh_from_db()
    access.share(collection=changed, to=steward, level="change", by=steward)
    constraints.request_relaxation(row=changed, terms=terms("names were invented"), by=steward)
    end = timezone.now() + timedelta(days=3)
    ending = SheetFactory(owner=steward, name="Ends soon", permitted_until=end)

    page = desk.get("/admin/compliance/")
    text = page.content.decode()

    figures = {figure.title: figure.count for figure in page.context["figures"]}
    assert figures["Open relaxations"] == 1 and figures["Affected models"] == 0
    [today] = page.context["days"]
    assert today["day"] == datetime.now(UTC).date() and today["tightened"] == 3
    assert ending.name in text
    assert desk.get(today["url"]).context["cl"].queryset.count() == 3


def test_a_write_past_every_door_alerts_the_officer(desk):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE governance_tagrule SET reason = 'quietly' WHERE tag = 'PHI'")

    assert "past every door" in desk.get("/admin/").content.decode()
    figures = {figure.title: figure.count for figure in desk.get("/admin/compliance/").context["figures"]}
    assert figures["Written past every door"] >= 1


def test_a_check_of_the_record_runs_as_a_job_and_is_not_begun_twice(desk, officer, api):
    first = desk.post("/admin/compliance/check/")
    second = api(officer).post("/api/v1/record/check/")

    assert first.status_code == 302 and second.status_code == 202
    assert second.json()["job"] in first.url


def test_what_the_command_found_is_on_the_desk_like_a_check_by_a_worker(desk, changed):
    call_command("verify_record")
    assert desk.get("/admin/compliance/").context["status"]["text"] == "record holds"
    entry = RecordEntry.objects.order_by("pk").first()
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute("UPDATE governance_recordentry SET actor_id = 999 WHERE id = %s", [entry.pk])

    with pytest.raises(CommandError, match="does not hold"):
        call_command("verify_record")

    assert desk.get("/admin/compliance/").context["status"] == {"text": "record broken", "kind": "prohibited"}
    kept = Job.objects.filter(kind="verify-record").first()
    assert kept.result["holds"] is False and kept.result["faults"]
    assert desk.get(f"/admin/jobs/{kept.pk}/").status_code == 200


def test_a_check_that_cannot_be_kept_says_so_and_tells_its_findings(changed, monkeypatch, capsys):
    def refused(**_):
        raise DatabaseError("read-only")

    monkeypatch.setattr(Job.objects, "create", refused)

    call_command("verify_record")

    told = capsys.readouterr().out
    assert "does not show this check, because it could not be kept: read-only" in told
    assert "The record holds." in told


def leave(name: str, by, until, **moments) -> Declassification:
    return Declassification.objects.create(
        scope={"labelset_version": name}, scope_label=name, lifted=[], grants_uses=1, grants_classification=1,
        data_classification=0, permitted_until=until, usage_reason="lengths only", requested_by=by, **moments,
    )  # fmt: skip


def test_everything_that_ends_soon_is_on_the_desk_and_nothing_that_does_not(desk, steward, officer, team, make_user):
    now = timezone.now()
    soon, late = now + timedelta(days=3), now + timedelta(days=90)
    ends = SheetFactory(owner=steward, name="Sheet that ends", permitted_until=soon)
    SheetFactory(owner=steward, name="Sheet that lasts", permitted_until=late)
    leave("leave in force", steward, soon, approved_at=now)
    leave("leave that lasts", steward, late, approved_at=now)
    leave("leave asked for", steward, soon)
    leave("leave ended", steward, soon, approved_at=now, ended_at=now)
    access.share(collection=ends, to=team, level="view", by=steward, until=soon)
    MembershipEnd.objects.create(user=steward, group=team, until=soon, reason="a project", set_by=officer)
    other = make_user("deputy")
    for until, role in ((soon, "compliance-officer"), (late, "approver")):
        Delegation.objects.create(delegator=officer, delegate=other, role=role, reason="away", until=until)

    context = desk.get("/admin/compliance/").context

    assert sorted(one.label for one in context["expiring"]) == [
        "declassification for leave in force", "sheet Sheet that ends",
    ]  # fmt: skip
    assert sorted(one.label for one in context["ending"]) == [
        "Steward in Team Iris", "right to sign lent: compliance officer, Officer to Deputy",
        "sheet Sheet that ends shared with Team Iris",
    ]  # fmt: skip
    shown = [one.url for one in context["expiring"]] + [context["ending"][-1].url]
    assert {desk.get(url).status_code for url in shown} == {200}


def test_every_rule_says_what_is_not_covered_and_links_to_pages_that_open(desk):
    page = desk.get("/admin/compliance/mapping/")
    clauses = [clause for rule in page.context["rules"] for clause in rule.clauses]

    assert {rule.slug for rule in page.context["rules"]} == {"part-11", "hipaa", "gdpr-30", "ai-act", "iso-42001"}
    assert all(clause.url for clause in clauses if clause.target)
    assert all(clause.answer for clause in clauses) and any(clause.covered == "not covered" for clause in clauses)
    assert {desk.get(clause.url).status_code for clause in clauses if clause.url} == {200}


# -- evidence -----------------------------------------------------------------------------------------------


def check(archive: bytes, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """As a stranger would: the program alone, in a process that knows no Workbench."""
    bundle = tmp_path / "evidence.zip"
    bundle.write_bytes(archive)
    program = tmp_path / "verify.py"
    program.write_bytes(Path(verifier.__file__).read_bytes())
    key = SigningKey.objects.get().public_key
    return subprocess.run(
        [sys.executable, "-I", str(program), str(bundle), "--key", key],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_evidence_of_an_answer_is_checked_by_the_program_alone(changed, desk, officer, tmp_path):
    asked = {"question": "Who prohibited training?", "reason": "Asked by the auditor"}
    answer = desk.post(f"{EVIDENCE}?use=training-lost", asked)
    archive = b"".join(answer)

    checked = check(archive, tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
        entries = [json.loads(line) for line in bundle.read("entries.jsonl").splitlines()]
        report = bundle.read("report.html").decode()
    assert {entry["kind"] for entry in entries} == {"governance.constraintchange", "workbench.sheet"}
    assert "Who prohibited training?" in report and "patient names" in report and "Zebrafish" not in report
    [export] = EvidenceExport.objects.all()
    assert (export.made_by_name, export.reason, export.filters) == (
        officer.display_name, "Asked by the auditor", {"use": "training-lost"},
    )  # fmt: skip
    assert RecordEntry.objects.filter(kind="governance.evidenceexport").exists()


def test_one_changed_byte_of_evidence_is_found(changed, desk, tmp_path):
    asked = {"question": "All changes", "reason": "A test of the proof"}
    archive = bytearray(b"".join(desk.post(EVIDENCE, asked)))
    archive[len(archive) // 2] ^= 1

    assert check(bytes(archive), tmp_path).returncode != 0


def test_evidence_of_one_row_holds_its_whole_chain(changed, officer, api, tmp_path):
    asked = {"question": "This Sheet", "reason": "Complaint 7", "kind": "workbench.sheet", "object_id": str(changed.pk)}
    answer = api(officer).post("/api/v1/evidence/", asked)
    archive = b"".join(answer)

    assert answer.status_code == 200 and check(archive, tmp_path).returncode == 0
    with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
        versions = [json.loads(line)["version"] for line in bundle.read("entries.jsonl").splitlines()]
    assert versions == [1, 2, 3]
    assert api(officer).get("/api/v1/evidence/").json()["results"][0]["question"] == "This Sheet"


def test_the_command_writes_the_same_evidence_and_never_over_a_file(changed, officer, tmp_path):
    out = tmp_path / "out.zip"
    asked = ["export_evidence", str(out), "--question", "All", "--reason", "Yearly", "--by", "officer"]
    call_command(*asked, "--filter", "direction=tightened", stdout=io.StringIO())

    assert check(out.read_bytes(), tmp_path).returncode == 0
    with pytest.raises(CommandError, match="exists already"):
        call_command(*asked)
    with pytest.raises(CommandError, match="colour"):
        call_command(*[*asked[:1], str(tmp_path / "b.zip"), *asked[2:]], "--filter", "colour=red")
    assert sorted(path.name for path in tmp_path.glob("*.zip")) == ["evidence.zip", "out.zip"]


@pytest.mark.parametrize(
    "asked, code",
    [
        ({"question": " ", "reason": "x"}, "invalid_input"),
        ({"question": "x", "reason": "x", "kind": "workbench.nothing", "object_id": "1"}, "invalid_input"),
        ({"question": "x", "reason": "x", "kind": "workbench.sheet", "object_id": "no-id"}, "invalid_input"),
        ({"question": "x", "reason": "x", "kind": "workbench.sheet",
          "object_id": "018f0000-0000-7000-8000-000000000000"}, "invalid_input"),
        ({"question": "x", "reason": "x", "filters": {"use": "evaluation-lost"}}, "invalid_input"),
        ({"question": "x", "reason": "x", "filters": {"use": "no"}}, "invalid_input"),
    ],
)  # fmt: skip
def test_evidence_of_nothing_is_refused_and_not_on_record(asked, code, changed, officer, api):
    answer = api(officer).post("/api/v1/evidence/", asked)

    assert answer.status_code == 400 and answer.json()["code"] == code, answer.json()
    assert not EvidenceExport.objects.exists()


def test_nobody_else_hands_out_evidence(changed, steward, api, client):
    asked = {"question": "x", "reason": "x", "filters": {"use": "training"}}
    client.force_login(steward)

    assert api(steward).post("/api/v1/evidence/", asked).status_code == 403
    assert client.post(EVIDENCE, asked).status_code == 403


def test_evidence_says_what_was_erased_and_still_checks(changed, desk, officer, tmp_path):
    from governance.models import Erasure, RecordValues

    b"".join(desk.post(EVIDENCE, {"question": "Before", "reason": "seals the record"}))
    entry = RecordEntry.objects.filter(kind="workbench.sheet", version=2).earliest("pk")
    Erasure.objects.create(entry=entry, actor_id=officer.pk, actor_name=officer.display_name, reason="Art. 17")
    RecordValues.objects.filter(pk=entry.pk).update(salt=None, payload=None)

    archive = b"".join(desk.post(EVIDENCE, {"question": "After", "reason": "proof"}))

    assert check(archive, tmp_path).returncode == 0
