"""Two accounts of one human being are one person: by verified e-mail, or by an administrator's word, at once."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.urls import reverse

from governance import constraints, desk
from governance.constraints import Terms
from governance.errors import AlreadyDecided, InvalidInput, NotPermitted, ReasonRequired, SameApprover
from governance.models import AccountLink, ApprovalRequest, GatePolicy, Person, User
from governance.people import linking
from governance.uses import ALL_USES, BITS
from tests.factories import SheetFactory

pytestmark = pytest.mark.django_db
LOOSER = Terms(allowed_uses=ALL_USES, prohibited_uses=0, data_classification=1, usage_reason="consent was given")


@pytest.fixture
def root(make_user):
    root = make_user("root")
    root.is_superuser = True
    root.save()
    return root


@pytest.fixture
def asked(steward):
    GatePolicy.objects.filter(gate=constraints.RELAX_GATE).update(approvals={"compliance-officer": 2})
    sheet = SheetFactory(owner=steward, prohibited_uses=BITS["training"])
    return constraints.request_relaxation(row=sheet, terms=LOOSER, by=steward)


@pytest.fixture
def second_officer(make_user):
    return make_user("second-officer", "compliance-officer")


def verify(user, email):
    return EmailAddress.objects.create(user=user, email=email, verified=True)


def link(account, other, by):
    return linking.link(account=account, other=other, by=by, reason="the same badge")


def test_the_askers_second_account_linked_after_asking_is_refused(asked, steward, officer, root):
    link(officer, steward, root)

    with pytest.raises(SameApprover):
        desk.decide(request=asked, by=officer, approve=True, comment="fine")


def test_a_signature_of_the_askers_second_account_stops_counting_when_they_are_linked(asked, steward, officer, root):
    desk.decide(request=asked, by=officer, approve=True, comment="fine")

    link(steward, officer, root)

    signed = asked.approvals.get()
    assert signed.withdrawal.reason == "steward and officer are one person: the same badge"
    assert desk.missing_roles(ApprovalRequest.objects.get(pk=asked.pk)) == {"compliance-officer": 2}


def test_signatures_of_two_accounts_count_once_when_they_are_linked(asked, officer, second_officer, root):
    GatePolicy.objects.filter(gate=constraints.RELAX_GATE).update(approvals={"compliance-officer": 3})
    desk.withdraw(request=asked, by=asked.requested_by)
    asked = constraints.request_relaxation(row=asked.subject, terms=LOOSER, by=asked.requested_by)
    for one in (officer, second_officer):
        desk.decide(request=asked, by=one, approve=True, comment="fine")

    link(second_officer, officer, root)

    assert desk.missing_roles(ApprovalRequest.objects.get(pk=asked.pk)) == {"compliance-officer": 2}
    with pytest.raises(AlreadyDecided, match="with this or another account"):
        desk.decide(request=asked, by=second_officer, approve=True, comment="fine")


def test_an_account_is_not_linked_with_itself(steward, root, api):
    body = {"account": steward.username, "other": steward.username, "reason": "the same"}

    answer = api(root).post("/api/v1/account-links/", body)

    assert (answer.status_code, answer.json()["field"]) == (400, "other")


def test_the_same_verified_email_links_accounts_whatever_its_case(asked, steward, officer):
    verify(steward, "ada@example.org")
    EmailAddress.objects.create(user=officer, email="ADA@Example.org", verified=False)
    assert not AccountLink.objects.exists()

    address = EmailAddress.objects.get(user=officer)
    address.verified = True
    address.save()

    made = AccountLink.objects.get()
    assert (made.way, made.decided_by) == ("email", None)
    with pytest.raises(SameApprover):
        desk.decide(request=asked, by=officer, approve=True, comment="fine")


def test_an_account_that_is_nobodys_yet_becomes_the_persons_by_its_email(steward):
    fresh = User.objects.create_user("from-the-provider")
    verify(steward, "ada@example.org")

    verify(fresh, "ada@example.org")

    fresh.refresh_from_db()
    assert fresh.person == steward.person


def test_all_accounts_of_both_people_become_one_persons(make_user, root):
    first, second = make_user("first"), make_user("second")
    third = make_user("third", person=second.person)

    link(first, third, root)

    people = User.objects.filter(username__in=["first", "second", "third"]).values_list("person", flat=True)
    assert set(people) == {first.person_id}


def test_an_administrator_parts_accounts_with_a_reason_and_an_email_does_not_undo_it(steward, officer, root):
    verify(steward, "team@example.org")
    verify(officer, "team@example.org")
    officer.refresh_from_db()
    steward.refresh_from_db()
    assert officer.person_id == steward.person_id
    with pytest.raises(ReasonRequired):
        linking.part(account=officer, by=root, reason=" ")

    linking.part(account=officer, by=root, reason="a shared mailbox")
    linking.link_by_email(officer)
    linking.link_by_email(steward)

    officer.refresh_from_db()
    assert officer.person_id != steward.person_id
    assert AccountLink.objects.first().reason == "a shared mailbox"


def test_only_administrators_link_and_part(steward, officer, root):
    with pytest.raises(NotPermitted):
        link(steward, officer, officer)
    with pytest.raises(InvalidInput):
        linking.part(account=steward, by=root, reason="alone already")
    link(steward, officer, root)
    with pytest.raises(AlreadyDecided):
        link(steward, officer, root)
    with pytest.raises(NotPermitted):
        linking.part(account=officer, by=officer, reason="I am me")


def test_administrators_link_in_the_portal_and_by_rest_and_others_meet_no_form(
    steward, officer, second_officer, root, client, api
):
    add = reverse("admin:governance_accountlink_add")
    client.force_login(officer)
    assert client.get(add).status_code == 403
    assert api(officer).post(
        "/api/v1/account-links/", {"account": "steward", "other": "officer", "reason": "x"}
    ).status_code == 403  # fmt: skip
    client.force_login(root)
    client.post(add, {"account": "steward", "other": "officer", "reason": "the same badge"})

    body = {"account": "second-officer", "other": "officer", "reason": "the same badge"}
    assert api(root).post("/api/v1/account-links/", body).status_code == 201

    listed = client.get(reverse("admin:governance_accountlink_changelist")).content.decode()
    assert "the same badge" in listed
    newest = AccountLink.objects.first()
    client.post(reverse("admin:governance_accountlink_step", args=[newest.pk, "part"]), {"reason": "two people"})
    assert AccountLink.objects.first().way == "parted"


def test_the_form_of_an_account_does_not_change_whose_it_is(steward, officer, root, client):
    client.force_login(root)
    page = reverse("admin:governance_user_change", args=[steward.pk])

    client.post(page, {"username": "steward", "person": str(officer.person_id), "is_active": "on", "is_staff": "on"})

    steward.refresh_from_db()
    assert steward.person_id != officer.person_id


NEW = {"username": "nina", "first_name": "Nina", "last_name": "New", "usable_password": "true",
       "password1": "a long password for nina", "password2": "a long password for nina", "person": ""}  # fmt: skip


@pytest.mark.parametrize("human", [True, False])
def test_a_new_account_stands_for_a_person_unless_it_is_for_a_program(root, client, human):
    client.force_login(root)
    form = client.get(reverse("admin:governance_user_add")).content.decode()
    assert "A human being" in form and 'name="is_human"' in form and "checked" in form

    client.post(reverse("admin:governance_user_add"), NEW | ({"is_human": "on"} if human else {}))

    made = User.objects.get(username="nina")
    assert (made.person.name if made.person else None) == ("Nina New" if human else None)
    page = client.get(reverse("admin:governance_user_change", args=[made.pk])).content.decode()
    assert ("Nina New, a human being" if human else "this is a service account, which approves nothing") in page


def test_a_further_account_is_of_the_person_that_was_chosen(root, officer, client):
    client.force_login(root)
    people = Person.objects.count()

    refused = client.post(reverse("admin:governance_user_add"), NEW | {"person": str(officer.person_id)})
    client.post(reverse("admin:governance_user_add"), NEW | {"person": str(officer.person_id), "is_human": "on"})

    assert "is a human being: tick this" in refused.content.decode()
    assert User.objects.get(username="nina").person_id == officer.person_id
    assert Person.objects.count() == people


def test_an_account_that_was_a_programs_becomes_a_persons_on_its_page(root, officer, client):
    client.force_login(root)
    client.post(reverse("admin:governance_user_add"), NEW)
    made = User.objects.get(username="nina")

    client.post(reverse("admin:governance_user_change", args=[made.pk]),
                {"username": "nina", "person": str(officer.person_id), "is_active": "on"})  # fmt: skip

    made.refresh_from_db()
    assert made.person_id == officer.person_id
