"""The button that shares a collection: with an account or a group, to see or to change."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from governance import access
from governance.portal import suggestions
from governance.portal.steps import Step
from governance.portal.suggestions import SuggestingInput

if TYPE_CHECKING:
    from governance.models import Collection, User


class ShareForm(forms.Form):
    """With whom, and how far."""

    user = forms.CharField(
        required=False,
        widget=SuggestingInput(suggestions.people),
        help_text="One account by its user name; begin to type to choose. Leave empty to share with a group.",
    )
    group = forms.CharField(
        required=False,
        widget=SuggestingInput(suggestions.groups),
        help_text="A role or a team: everyone in it, also who joins later. Leave empty to share with one account.",
    )
    level = forms.ChoiceField(choices=[("view", "may see it"), ("change", "may see and change it")])
    until = forms.DateTimeField(
        required=False, help_text="From this moment it grants nothing. Empty: no end.",
        widget=forms.DateTimeInput(attrs={"placeholder": "2027-03-31 00:00"}),
    )


def _share(
    *, collection: Collection, by: User, user: str, group: str, level: str, until: datetime | None = None
) -> None:
    to = access.grantee(collection=collection, by=by, user=user, group=group)
    access.share(collection=collection, to=to, level=level, by=by, until=until)


def is_shared(collection: Collection) -> bool:
    """Whether anyone but its owner was granted a right on this row."""
    user_grants: Any = get_user_obj_perms_model(collection)
    group_grants: Any = get_group_obj_perms_model(collection)
    here = {"content_object": collection}
    others = user_grants.objects.filter(**here).exclude(user=collection.owner_id)
    return bool(others.exists() or group_grants.objects.filter(**here).exists())


def _is_owner(collection: Collection, user: Any) -> bool:
    return user.is_superuser or collection.owner_id == user.pk


SHARE = Step(
    name="share",
    label="Share",
    service=_share,
    argument="collection",
    form=ShareForm,
    available=_is_owner,
    success="Shared.",
    aside=lambda collection, user: {"shares": access.shares_of(collection)},
)


def share_whole(attribute: str) -> Step:
    """The same button on the page of a version: it shares the identity that `attribute` names, all versions with it."""

    def service(*, version: Any, by: User, **values: Any) -> None:
        _share(collection=getattr(version, attribute), by=by, **values)

    return replace(
        SHARE,
        service=service,
        argument="version",
        available=lambda version, user: _is_owner(getattr(version, attribute), user),
        lead="All versions are shared together.",
        aside=lambda version, user: {"shares": access.shares_of(getattr(version, attribute))},
    )
