"""Places that may be called although they are not public."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models.collections import RoleQuerySet, Tracked


class AllowedAddressQuerySet(RoleQuerySet):
    """Allowed addresses, for administrators and those who audit."""

    def in_force(self) -> Self:
        return self.filter(revoked_at=None)


class AllowedAddress(Tracked):
    """One host, address or network that models may be called at although it is not public; who allowed it, and why."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    address = models.CharField(
        max_length=300, help_text="Such as localhost:11434, models.example.com, 10.2.0.7 or 10.2.0.0/16."
    )
    reason = models.TextField(help_text="What stands there, and why it is called. It goes on record.")
    allowed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = AllowedAddressQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "allowed addresses"
        ordering = ("-created_at", "-id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["address"], condition=Q(revoked_at=None), name="allowedaddress_once"),
        ]

    def __str__(self) -> str:
        return self.address
