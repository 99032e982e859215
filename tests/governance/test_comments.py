"""Comments with mentions: who may write and read them, who is told, in the portal and by e-mail."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.urls import reverse

from governance import access, jobs
from governance.models import Comment, Job, Notification, RecordEntry, User
from labeling.models import CanonicalLabel, QAPair, TrainingSheet
from tests.world import World, make_world
from workbench.models import Sheet

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours(make_user, team) -> World:
    """One pair and one label, shared with the team."""
    world = make_world("ours", make_user("owner", "ml-engineer"))
    for model in (TrainingSheet, Sheet):
        access.share(collection=world[model], to=team, level="view", by=world[model].owner)
    Notification.objects.all().delete()
    return world


@pytest.fixture
def theirs(make_user) -> World:
    return make_world("theirs", make_user("other", "ml-engineer"))


def page_of(row: Any) -> str:
    return reverse("governance:comments", args=[row._meta.label_lower, row.pk])


def say(client: Any, row: Any, text: str, **more: str) -> Any:
    return client.post(page_of(row), {"text": text, **more})


def digest() -> dict[str, Any]:
    job = Job.objects.create(kind="send-digests", requested_by=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.SUCCEEDED, job.error
    return dict(job.result)


@pytest.fixture
def mail_server(settings) -> None:
    settings.EMAIL_HOST = "mail.example"


# -- comments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [QAPair, CanonicalLabel])
def test_a_comment_stands_on_the_page_of_its_row_and_on_record(model, ours, expert, client):
    client.force_login(expert)

    answer = say(client, ours[model], "Is this <b>right</b>?")

    page = client.get(answer["Location"].partition("#")[0]).content.decode()
    comment = Comment.objects.get(written_by=expert)
    assert "Is this &lt;b&gt;right&lt;/b&gt;?" in page and comment.door == "admin"
    assert RecordEntry.objects.filter(kind="governance.comment", object_id=str(comment.pk), operation="insert").exists()


def test_a_comment_leads_back_to_the_page_it_was_written_on_and_to_no_other_site(ours, expert, client):
    client.force_login(expert)
    pair = ours[QAPair]
    desk = f"{reverse('labeling:review-pair', args=[pair.training_sheet_id])}?pair={pair.pk}"

    back, abroad = say(client, pair, "one", next=desk), say(client, pair, "two", next="https://example.org/")

    assert back["Location"] == f"{desk}#comments"
    assert abroad["Location"].startswith("/admin/labeling/qapair/")
    assert "one" in client.get(desk).content.decode()


@pytest.mark.parametrize("text", ["", "   ", "x" * 4_001])
def test_an_empty_or_endless_comment_is_refused_by_every_door(text, ours, expert, client, api):
    client.force_login(expert)
    pair = ours[QAPair]
    before = Comment.objects.count()

    portal = say(client, pair, text)
    rest = api(expert).post("/api/v1/comments/", {"kind": "labeling.qapair", "object_id": pair.pk, "text": text})

    assert portal.status_code == 200 and rest.status_code == 400
    assert Comment.objects.count() == before


def test_who_may_not_see_the_row_reads_and_writes_no_comment_and_learns_nothing(ours, theirs, expert, client, api):
    client.force_login(expert)
    Comment.objects.create(
        kind="labeling.qapair", object_id=ours[QAPair].pk, text="seen by us", written_by=ours[User]
    )  # fmt: skip
    hidden, gone = theirs[QAPair], "00000000-0000-7000-8000-000000000000"
    known = api(expert)

    asked = {"kind": "labeling.qapair", "text": "hello"}
    refused = [known.post("/api/v1/comments/", asked | {"object_id": key}).json() for key in (hidden.pk, gone)]

    assert [one["text"] for one in known.get("/api/v1/comments/").json()["results"]] == ["of ours", "seen by us"][::-1]
    assert client.get(page_of(hidden)).status_code == say(client, hidden, "hello").status_code == 404
    assert refused[0] == refused[1] and refused[0]["field"] == "object_id"
    assert known.get("/api/v1/comments/people/", {"kind": "labeling.qapair", "object_id": hidden.pk}).status_code == 400


def test_a_viewer_reads_comments_and_writes_none(ours, viewer, client, api):
    client.force_login(viewer)
    asked = {"kind": "labeling.qapair", "object_id": ours[QAPair].pk, "text": "hello"}

    page = client.get(reverse("admin:labeling_qapair_change", args=[ours[QAPair].pk])).content.decode()

    assert "of ours" in page and "data-comment" not in page
    assert api(viewer).post("/api/v1/comments/", asked).status_code == 403
    assert say(client, ours[QAPair], "hello").status_code == 200 and Comment.objects.count() == 1


# -- mentions -------------------------------------------------------------------------------------------------


def test_everyone_mentioned_is_told_once_and_oneself_is_not(ours, expert, second_expert, approver, client):
    client.force_login(expert)

    say(client, ours[QAPair], "@second-expert, @approver. and @second-expert! mail@approver is no one. @expert")

    assert sorted(one.account.username for one in Notification.objects.all()) == ["approver", "second-expert"]


def test_a_person_without_the_right_is_refused_in_the_same_words_as_one_that_does_not_exist(
    ours, expert, stranger, make_user, client, api
):
    gone = make_user("gone", "domain-expert")
    gone.is_active = False
    gone.save()
    asked = {"kind": "labeling.qapair", "object_id": ours[QAPair].pk}

    said = {
        name: api(expert).post("/api/v1/comments/", asked | {"text": f"look, @{name}"}).json()
        for name in ("stranger", "gone", "nobody")
    }

    words = {name: one["detail"].replace(name, "…") for name, one in said.items()}
    assert {one["code"] for one in said.values()} == {"cannot_mention"} and len(set(words.values())) == 1
    assert not Comment.objects.filter(written_by=expert).exists() and not Notification.objects.exists()
    client.force_login(expert)
    page = say(client, ours[QAPair], "look, @stranger").content.decode()
    assert "cannot be mentioned here" in page and "look, @stranger</textarea>" in page


def test_only_people_who_may_see_the_row_are_offered(ours, expert, second_expert, viewer, stranger, officer, client):
    client.force_login(expert)

    url = reverse("governance:comment-people", args=["labeling.qapair", ours[QAPair].pk])
    found = {one["username"] for one in client.get(url).json()["people"]}

    assert {"expert", "second-expert", "viewer", "owner", "officer"} <= found and "stranger" not in found
    assert client.get(url, {"q": "str"}).json()["people"] == []
    assert [one["username"] for one in client.get(url, {"q": "SECOND"}).json()["people"]] == ["second-expert"]
    client.force_login(stranger)
    assert client.get(url).status_code == 404


def test_a_member_of_the_team_whose_role_does_not_read_pairs_is_neither_offered_nor_told(ours, expert, make_user, api):
    make_user("guest", groups=(Group.objects.get(name="Team Iris"),))
    about = {"kind": "labeling.qapair", "object_id": str(ours[QAPair].pk)}

    offered = api(expert).get("/api/v1/comments/people/", about | {"q": "guest"}).json()

    assert offered == []
    assert api(expert).post("/api/v1/comments/", about | {"text": "@guest"}).json()["code"] == "cannot_mention"


# -- notifications --------------------------------------------------------------------------------------------


def test_the_bell_counts_and_the_list_leads_to_the_comment(ours, expert, second_expert, client):
    client.force_login(expert)
    say(client, ours[QAPair], "@second-expert please look")
    client.force_login(second_expert)

    bell = client.get("/admin/").content.decode()
    listed = client.get(reverse("governance:notifications")).content.decode()
    one = Notification.objects.get()
    opened = client.post(reverse("governance:notification-open", args=[one.pk]))

    assert 'aria-label="Notifications, 1 unread"' in bell
    assert "Expert mentioned you" in listed and "please look" in listed
    assert opened["Location"] == f"/admin/labeling/qapair/{ours[QAPair].pk}/change/#comments"
    assert 'aria-label="Notifications"' in client.get("/admin/").content.decode()


def test_a_row_that_one_may_not_see_any_more_is_not_named(ours, expert, second_expert, team, client, api):
    client.force_login(expert)
    say(client, ours[QAPair], "@second-expert the secret is out")
    second_expert.groups.remove(team)
    client.force_login(second_expert)

    page = client.get(reverse("governance:notifications")).content.decode()
    rest = api(second_expert).get("/api/v1/notifications/").json()["results"]
    opened = client.post(reverse("governance:notification-open", args=[Notification.objects.get().pk]))

    assert "that you may not see any more" in page and "secret" not in page and "ours" not in page
    assert rest[0]["text"] == "" and "ours" not in str(rest)
    assert opened["Location"] == reverse("governance:notifications")


def test_notifications_are_ones_own_at_every_door(ours, expert, second_expert, client, api):
    client.force_login(expert)
    say(client, ours[QAPair], "@second-expert please look")
    one = Notification.objects.get()

    assert client.post(reverse("governance:notification-open", args=[one.pk])).status_code == 404
    assert api(expert).get("/api/v1/notifications/").json()["results"] == []
    assert api(expert).post(f"/api/v1/notifications/{one.pk}/read/").status_code == 404
    assert api(expert).post("/api/v1/notifications/read-all/").json() == {"count": 0}
    assert api(second_expert).post(f"/api/v1/notifications/{one.pk}/read/").json()["read_at"]
    assert api(second_expert).post("/api/v1/notifications/read-all/").json() == {"count": 0}


# -- by e-mail ------------------------------------------------------------------------------------------------


@pytest.fixture
def mentioned(ours, expert, second_expert, approver, client) -> World:
    for account in (second_expert, approver):
        account.email = f"{account.username}@example.org"
        account.save()
    client.force_login(expert)
    say(client, ours[QAPair], "@second-expert @approver the secret number is 7")
    say(client, ours[CanonicalLabel], "@second-expert here too")
    return ours


def test_the_digest_is_one_message_a_person_without_a_word_of_the_row(mentioned, mail_server):
    assert digest() == {"mailed": 2}

    sent = {one.to[0]: one for one in mail.outbox}
    assert set(sent) == {"second-expert@example.org", "approver@example.org"}
    text = sent["second-expert@example.org"].body
    assert len(re.findall("Expert mentioned you", text)) == 2 and "#comments" in text
    assert "secret" not in text and "ours" not in text
    assert digest() == {"mailed": 0}


def test_who_chose_no_mail_read_it_already_or_lost_the_row_gets_none(
    mentioned, mail_server, second_expert, approver, team, api
):
    assert api(second_expert).post("/api/v1/notifications/choice/", {"by_mail": "no"}).json() == {"by_mail": "no"}
    approver.groups.remove(team)

    assert digest() == {"mailed": 0} and mail.outbox == []
    assert api(second_expert).get("/api/v1/notifications/choice/").json() == {"by_mail": "no"}


def test_without_a_mail_server_nothing_is_marked_as_mailed(mentioned):
    assert digest() == {"mailed": 0}
    assert not Notification.objects.filter(mailed_at__isnull=False).exists()


def test_a_mail_server_that_is_down_is_tried_again(mentioned, mail_server, settings, monkeypatch):
    settings.EMAIL_BACKEND = "tests.governance.test_comments.Down"

    assert digest() == {"mailed": 0}
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    assert digest() == {"mailed": 2}


class Down:
    """A mail server that cannot be reached."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise ConnectionRefusedError
