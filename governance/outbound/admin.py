"""The desk of allowed addresses."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from governance.admin_base import DeskAdmin
from governance.models import AllowedAddress
from governance.outbound import services
from governance.portal.marks import chip
from governance.portal.steps import ReasonForm, Step


@admin.register(AllowedAddress)
class AllowedAddressAdmin(DeskAdmin):
    """Hosts and networks that models may be called at although they are not public."""

    list_display = ("address", "state_chip", "reason", "allowed_by", "created_at")
    list_select_related = ("allowed_by",)
    search_fields = ("address", "reason")
    create_service = services.allow_address
    empty_state = {
        "title": "Only public addresses are called",
        "text": "A model server on this machine or in your network is called once its address is allowed here.",
        "url": "add/",
        "action": "Allow an address",
    }
    steps = (
        Step(name="revoke", label="Revoke", service=services.revoke_address, argument="allowed", style="danger",
             form=ReasonForm, lead="Models there are not asked any more, from the next call on.",
             available=lambda allowed, user: allowed.revoked_at is None and user.is_superuser),
    )  # fmt: skip

    def get_fields(self, request: Any, obj: Any = None) -> Any:
        if obj is None:
            return ("address", "reason")
        return ("address", "state_chip", "reason", "allowed_by", "created_at", "revoked_at")

    @admin.display(description="State", ordering="revoked_at")
    def state_chip(self, allowed: AllowedAddress) -> Any:
        return chip("revoked", "plain") if allowed.revoked_at else chip("may be called", "permitted")
