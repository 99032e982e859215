"""The accounts of the demonstration: one for each role, and an administrator."""

from __future__ import annotations

import secrets

from django.contrib.auth.models import Group

from governance.models import Person, User
from governance.roles import ROLES, group_for

TEAM = "Demo team"

# user name → first and last name. The user name of a role is its slug.
PEOPLE: dict[str, tuple[str, str]] = {
    "data-steward": ("Sara", "Steward"),
    "domain-expert": ("Erik", "Expert"),
    "approver": ("Anna", "Approver"),
    "compliance-officer": ("Carla", "Compliance"),
    "ml-engineer": ("Milo", "Engineer"),
    "agent-developer": ("Dana", "Developer"),
    "viewer": ("Viktor", "Viewer"),
    "administrator": ("Ada", "Administrator"),
}


def make_people() -> dict[str, User]:
    """The accounts by user name, without usable passwords yet; they share one team."""
    team, _ = Group.objects.get_or_create(name=TEAM)
    return {username: _account(username, team) for username in PEOPLE}


def _account(username: str, team: Group) -> User:
    first, last = PEOPLE[username]
    user, created = User.objects.get_or_create(
        username=username,
        defaults={
            "first_name": first,
            "last_name": last,
            "is_staff": True,
            "is_superuser": username == "administrator",
            "person": Person.objects.create(name=f"{first} {last}"),
        },
    )
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
        user.groups.add(team, *([group_for(username)] if username in ROLES else []))
    return user


def fresh_passwords() -> dict[str, str]:
    """A new random password for each demo account; only their hashes are kept."""
    passwords = {}
    for user in User.objects.filter(username__in=PEOPLE):
        passwords[user.username] = secrets.token_urlsafe(12)
        user.set_password(passwords[user.username])
        user.save(update_fields=["password"])
    return {username: passwords[username] for username in PEOPLE if username in passwords}
