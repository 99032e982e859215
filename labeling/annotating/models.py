"""The table of the labelling tool: what somebody typed and drew about an item, and did not save as a label yet."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models

from governance.ids import uuid7
from labeling.labelsets.models import LabelType
from workbench.models import Sheet


class LabelDraftQuerySet(models.QuerySet):
    """Drafts; each belongs to whoever types it."""

    def visible_to(self, user: Any, action: str = "view") -> Self:
        return self.filter(account=user) if user.is_active else self.none()


class LabelDraft(models.Model):
    """What one person has entered about one item and not saved yet: the form's fields as the browser sends them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="+")
    label_type = models.ForeignKey(LabelType, on_delete=models.CASCADE, related_name="+")
    item_ref = models.CharField(max_length=300)
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    entered = models.JSONField(help_text='{"field": ["value", …]}')
    saved_at = models.DateTimeField(auto_now=True)

    objects = LabelDraftQuerySet.as_manager()

    class Meta:
        ordering = ("-saved_at",)
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "sheet", "label_type", "item_ref"], name="labeldraft_one_a_person"
            ),
        ]

    def __str__(self) -> str:
        return f"draft of {self.account}"
