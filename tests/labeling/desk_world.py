"""A Training Sheet of any size with answers, ready for review: for the walk in a browser and for the benchmark."""

from __future__ import annotations

import json
from typing import Any

from governance import jobs
from governance.models import Person, User
from governance.roles import group_for
from labeling.generation import services as generation
from labeling.generation.models import Mode, TrainingSheet

from .factories import bind, make_labelset, make_sheet, make_template, share_with

PASSWORD = "a long password for reviewing"
SCHEMA = {
    "type": "object",
    "properties": {"why": {"type": "string"}, "label": {"enum": ["card", "refund"]}},
    "required": ["why", "label"],
    "additionalProperties": False,
}


def make_account(name: str, *roles: str, team: Any = None) -> User:
    """Somebody who may log in with PASSWORD and has these roles."""
    person = Person.objects.create(name=name)
    first, _, last = name.title().partition("-")
    account = User.objects.create_user(
        name, password=PASSWORD, first_name=first, last_name=last, is_staff=True, person=person
    )
    account.groups.add(*[group_for(role) for role in roles], *([team] if team else []))
    return account


def make_desk(
    *, count: int, name: str, steward: User, approver: User, engineer: User, expert: User, team: Any
) -> TrainingSheet:
    """`count` pairs with an answer each, shared with `team`; approving them makes canonical labels."""
    rows = [
        {
            "id": f"t{place:05d}",
            "text": f"Ticket {place}: where is my {('card', 'money')[place % 2]}?",
            "answer": json.dumps({"why": f"says so in {place}", "label": ("card", "refund")[place % 2]}),
        }
        for place in range(count)
    ]
    version = make_sheet(steward, approver, team, name=f"{name} tickets", rows=rows, annotations="")
    topics = make_labelset(
        expert, approver, team, name=f"{name} topics", seen_columns=["text"], classes=[], response_schema=SCHEMA
    )
    bind(version.sheet, topics, steward)
    template = make_template(engineer, approver, team, name=f"{name} question", output_schema=SCHEMA)
    made = generation.start_generation(
        by=engineer, name=name, sheet=version.sheet, template_version=template,
        mode=Mode.EXISTING_COLUMN, column="answer",
    )  # fmt: skip
    share_with(made, team, engineer)
    jobs.run_waiting()
    made.refresh_from_db()
    if made.status != "ready":
        raise RuntimeError(f"{name} ended as {made.status}: {made.error}")
    return made
