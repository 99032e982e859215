"""What a changed constraint would do to datasets and models, for those who ask before they change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from governance import whatif
from training.datasets.models import DatasetVersion
from training.datasets.selectors import USABLE

if TYPE_CHECKING:
    from governance.models import User


def register() -> None:
    whatif.register_probe("approved datasets would be suspended", usable_versions, lost=True)
    whatif.register_probe("model versions would be affected", affected_models, lost=False)


def usable_versions(user: User) -> dict[Any, str]:
    rows = DatasetVersion.objects.visible_to(user).filter(status__in=USABLE)
    return {version.pk: str(version) for version in rows.select_related("dataset")}


def affected_models(user: User) -> dict[Any, str]:
    from training.runs.selectors import affected_versions

    return {version.pk: str(version) for version in affected_versions(user)}
