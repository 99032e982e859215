"""Which accounts are one person's: the same verified e-mail, or an administrator's word. Acts at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import QuerySet

from governance import context, desk
from governance.errors import AlreadyDecided, InvalidInput, NotPermitted, ReasonRequired
from governance.models import AccountLink, Person, User

if TYPE_CHECKING:
    from collections.abc import Iterable

WAY = AccountLink.Way


@transaction.atomic
def link(*, account: User, other: User, by: User, reason: str) -> list[AccountLink]:
    """Say that two accounts are one person's. All accounts of both are then, and open requests follow.

    :raises NotPermitted: `by` is no administrator.
    :raises AlreadyDecided: they are one person's already.
    :raises InvalidInput: neither belongs to a person.
    """
    _require_administrator(by, reason)
    return _join(account, other, way=WAY.ADMINISTRATOR, reason=reason.strip(), by=by)


@transaction.atomic
def part(*, account: User, by: User, reason: str) -> AccountLink:
    """Say that an account is not of the person it was linked to: it gets a person of its own.

    What was signed stays as it was signed. An e-mail does not link this account again.
    :raises NotPermitted: `by` is no administrator.
    :raises InvalidInput: it is its person's only account.
    """
    _require_administrator(by, reason)
    account = User.objects.select_for_update(no_key=True).get(pk=account.pk)
    if account.person_id is None or not _others(account).exists():
        raise InvalidInput(f"{account.username} is linked with no other account.", field="account")
    with context.because(reason.strip(), by=by):
        person = Person.objects.create(name=account.display_name)
        return _move(account, person, None, way=WAY.PARTED, reason=reason.strip(), by=by)


def link_by_email(account: User) -> list[AccountLink]:
    """Link an account with those that have one of its verified e-mails, whatever its case. Safe to repeat."""
    emails = list(EmailAddress.objects.filter(user=account, verified=True).values_list("email", flat=True))
    made: list[AccountLink] = []
    for other in _with_emails(account, emails):
        made += _join_by_email(account, other)
    return made


def _with_emails(account: User, emails: Iterable[str]) -> Iterable[User]:
    found: dict[int, User] = {}
    for email in emails:
        same = EmailAddress.objects.filter(email__iexact=email, verified=True).exclude(user=account)
        found |= {one.user_id: one.user for one in same.select_related("user")}
    return [found[key] for key in sorted(found)]


@transaction.atomic
def _join_by_email(account: User, other: User) -> list[AccountLink]:
    account, other = User.objects.get(pk=account.pk), User.objects.get(pk=other.pk)
    settled = account.person_id == other.person_id or (account.person_id is None and other.person_id is None)
    if settled or any(_was_parted(one) for one in (account, other)):
        return []
    return _join(account, other, way=WAY.EMAIL, reason="the same verified e-mail", by=None)


@transaction.atomic
def joined(account: User) -> None:
    """An account that was nobody's has got a person: what that person signed on its open requests counts no more."""
    if account.person is not None:
        desk.drop_signatures_of_one(account.person, f"{account.username} is an account of {account.person}")


def _was_parted(account: User) -> bool:
    newest = account.links.first()
    return newest is not None and newest.way == WAY.PARTED


def _require_administrator(by: User, reason: str) -> None:
    if not by.is_superuser:
        raise NotPermitted("Only an administrator says which accounts are one person's.")
    if not reason.strip():
        raise ReasonRequired("Say how you know; it goes on record.", field="reason")


def _join(account: User, other: User, *, way: str, reason: str, by: User | None) -> list[AccountLink]:
    """The person of the older account stays; every account of the other person moves to it."""
    kept, held = _hold(account, other)
    if kept is None:
        raise InvalidInput("Neither account belongs to a person; give one of them a person first.", field="other")
    with context.because(reason, by=by):
        made = [
            _move(one, kept, account if one.pk != account.pk else other, way=way, reason=reason, by=by)
            for one in held
            if one.person_id != kept.pk
        ]
        desk.drop_signatures_of_one(kept, f"{account.username} and {other.username} are one person: {reason}")
    return made


def _hold(account: User, other: User) -> tuple[Person | None, list[User]]:
    """The person who stays, and every account of both, held in the order in which signing takes them."""
    if account.pk == other.pk:
        raise InvalidInput("Name two accounts; an account is always one person's.", field="other")
    people = {one.person_id for one in (account, other) if one.person_id}
    both = User.objects.filter(pk__in=[account.pk, other.pk]) | User.objects.filter(person__in=people)
    held = list(both.order_by("pk").select_for_update(no_key=True))
    named = sorted((one for one in held if one.pk in {account.pk, other.pk}), key=lambda one: one.pk)
    first, second = named
    if first.person_id is not None and first.person_id == second.person_id:
        raise AlreadyDecided(f"{first.username} and {second.username} are one person's accounts already.")
    return first.person or second.person, held


def _move(
    account: User, person: Person, other: User | None, *, way: str, reason: str, by: User | None
) -> AccountLink:
    old = account.person_id
    account.person = person
    account.save(update_fields=["person"])
    return AccountLink.objects.create(
        account=account, other=other, old_person_id=old, new_person=person, way=way, reason=reason, decided_by=by
    )


def _others(account: User) -> QuerySet[User]:
    return User.objects.filter(person=account.person_id).exclude(pk=account.pk)
