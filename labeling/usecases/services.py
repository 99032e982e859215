"""Every write to Use Cases. Grouping grants nothing; sharing grants on each asset that one owns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError

from governance import access, context
from governance.errors import InvalidInput, NotPermitted
from governance.models import Collection, User
from governance.names import save_named
from labeling.labelsets.models import Labelset
from labeling.prompts.models import PromptTemplate
from labeling.usecases.errors import UseCaseInUse
from labeling.usecases.models import UseCase
from labeling.usecases.selectors import assets_of
from workbench.models import Sheet

KIND_OF: dict[type[Collection], str] = {Sheet: "sheets", Labelset: "labelsets", PromptTemplate: "templates"}
CHANGE = "labeling.change_usecase"


@transaction.atomic
def create_use_case(
    *,
    by: User,
    name: str,
    description: str = "",
    owner: User | None = None,
    assets: Iterable[Collection] = (),
) -> UseCase:
    """A named purpose, with the assets that serve it.

    :raises InvalidInput: the name is taken.
    """
    access.require(by, "labeling.add_usecase")
    use_case = UseCase(name=name, description=description, owner=owner or by)
    with context.because("use case created", by=by):
        save_named(use_case)
        _add(use_case, list(assets), by)
    return use_case


@transaction.atomic
def update_use_case(
    *, use_case: UseCase, by: User, assets: Iterable[Collection] | None = None, **fields: str
) -> UseCase:
    """Change name or description, and with `assets` the whole group as far as `by` can see it."""
    use_case = _locked(use_case, by)
    if unknown := set(fields) - {"name", "description"}:
        raise InvalidInput(f"A use case has no {', '.join(sorted(unknown))}.", field=min(unknown))
    for name, value in fields.items():
        setattr(use_case, name, value)
    with context.because("use case changed", by=by):
        save_named(use_case)
        if assets is not None:
            _regroup(use_case, list(assets), by)
    return use_case


def _regroup(use_case: UseCase, assets: list[Collection], by: User) -> None:
    """What `by` cannot see stays in the group."""
    _add(use_case, assets, by)
    wanted = {asset.pk for asset in assets}
    for shown in assets_of(use_case, by).values():
        for asset in shown:
            if asset.pk not in wanted:
                _members(use_case, asset).remove(asset)


@transaction.atomic
def add_assets(*, use_case: UseCase, assets: Iterable[Collection], by: User) -> UseCase:
    """Group assets under the Use Case. Nobody gains a right by it.

    :raises NotPermitted: `by` may not see an asset.
    """
    use_case = _locked(use_case, by)
    _add(use_case, list(assets), by)
    return use_case


@transaction.atomic
def remove_assets(*, use_case: UseCase, assets: Iterable[Collection], by: User) -> UseCase:
    """Take assets out of the group; they and their rights stay."""
    use_case = _locked(use_case, by)
    for asset in assets:
        _members(use_case, asset).remove(asset)
    return use_case


@transaction.atomic
def delete_use_case(*, use_case: UseCase, by: User) -> None:
    """Remove a group; its assets stay.

    :raises UseCaseInUse: a Training Sheet or configuration names it.
    """
    use_case = _locked(use_case, by, "labeling.delete_usecase")
    try:
        with context.because("use case deleted", by=by):
            use_case.delete()
    except ProtectedError as error:
        raise UseCaseInUse(
            f"“{use_case}” is named by what was generated for it, so it stays. Rename it instead."
        ) from error


def shareable(use_case: UseCase, by: User) -> list[Collection]:
    """The Use Case and its assets, as far as they are `by`'s to share."""
    return [row for row in [use_case, *_visible_assets(use_case, by)] if by.is_superuser or row.owner_id == by.pk]


def _visible_assets(use_case: UseCase, by: User) -> list[Collection]:
    return [asset for assets in assets_of(use_case, by).values() for asset in assets]


@dataclass
class ShareReport:
    """Which assets were shared, and which not because someone else owns them."""

    shared: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        left_out = f" Not yours to share: {'; '.join(self.refused)}." if self.refused else ""
        return f"Shared: {'; '.join(self.shared) or 'nothing'}.{left_out}"


@transaction.atomic
def share_assets(
    *, use_case: UseCase, level: str, by: User, user: str = "", group: str = "", until: datetime | None = None
) -> ShareReport:
    """Grant `level` on the Use Case and on each asset of it that `by` owns, to the account or group of this name.

    Assets that `by` cannot see are neither shared nor named.

    :raises NotPermitted: nothing of it is theirs to share.
    :raises InvalidInput: there is no such account or group to share with.
    """
    access.require(by, "labeling.view_usecase", use_case)
    first = next(iter(shareable(use_case, by)), use_case)
    to = access.grantee(collection=first, by=by, user=user, group=group)
    report = ShareReport()
    for asset in [use_case, *_visible_assets(use_case, by)]:
        name = f"{asset._meta.verbose_name} “{asset}”"
        try:
            access.share(collection=asset, to=to, level=level, by=by, until=until)
            report.shared.append(name)
        except NotPermitted:
            report.refused.append(f"{name} (owner: {asset.owner.display_name})")
    return report


def _locked(use_case: UseCase, by: User, permission: str = CHANGE) -> UseCase:
    use_case = UseCase.objects.select_for_update().get(pk=use_case.pk)
    access.require(by, permission, use_case, action="change")
    return use_case


def _add(use_case: UseCase, assets: list[Collection], by: User) -> None:
    for asset in assets:
        meta = asset._meta
        access.require(by, f"{meta.app_label}.view_{meta.model_name}", asset)
        _members(use_case, asset).add(asset)


def _members(use_case: UseCase, asset: Collection) -> Any:
    if type(asset) not in KIND_OF:
        raise InvalidInput(
            f"A use case groups sheets, labelsets and templates, not a {asset._meta.verbose_name}.",
            field="assets",
        )
    return getattr(use_case, KIND_OF[type(asset)])
