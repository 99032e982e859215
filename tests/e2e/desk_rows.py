"""Pairs for the walk at the review desk, and a second reviewer, in the tables of the running site."""

from __future__ import annotations

from django.contrib.auth.models import Group

from governance.models import User
from tests.e2e.steps import APPROVER, ENGINEER, EXPERT, STEWARD, TEAM
from tests.labeling.desk_world import make_account, make_desk

NAME = "Tickets at the desk"
SECOND = "rita-reviewer"
PAIRS = 110


def make_rows() -> None:
    """Everything, in the site's database."""
    team = Group.objects.get(name=TEAM)
    make_account(SECOND, "domain-expert", team=team)
    steward, approver, engineer, expert = (
        User.objects.get(username=name) for name in (STEWARD, APPROVER, ENGINEER, EXPERT)
    )
    make_desk(
        count=PAIRS, name=NAME, steward=steward, approver=approver, engineer=engineer, expert=expert, team=team
    )
