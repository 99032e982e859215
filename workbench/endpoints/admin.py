"""The desk of model endpoints."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from governance.admin_base import DeskAdmin
from governance.approvals.selectors import open_request
from governance.portal.rows import row_url
from governance.portal.steps import ReasonForm, Step
from governance.uses import Classification
from workbench.endpoints import services
from workbench.endpoints.models import ModelEndpoint


class EndpointForm(forms.ModelForm):
    """The key goes in and never comes out."""

    api_key = forms.CharField(
        label="API key",
        required=False,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text="Kept encrypted, or as env:NAME_API_KEY. Empty keeps the stored key.",
    )
    base_url = forms.URLField(
        label="Base URL",
        required=False,
        max_length=500,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"class": "vURLField"}),
        help_text="Such as https://models.example.com/v1. An address of this machine or of your network must be "
        "allowed by an administrator first.",
    )
    remove_key = forms.BooleanField(required=False, label="Remove the stored key")

    class Meta:
        model = ModelEndpoint
        fields = sorted(services.EDITABLE)
        # Without it a browser takes the field before a password for a user name.
        widgets = {"model_name": forms.TextInput(attrs={"autocomplete": "off", "class": "vTextField"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "max_classification" in self.fields:
            self.fields["max_classification"].choices = levels(up_to=services.ceiling_of(self.instance))


class ClearanceForm(ReasonForm):
    """Up to which classification, and why."""

    max_classification = forms.TypedChoiceField(label="May receive up to", coerce=int)
    field_order = ("max_classification", "reason")


def levels(*, up_to: int = max(Classification), above: int = -1) -> list[tuple[int, str]]:
    """Choices of a classification."""
    return [(level.value, level.label) for level in Classification if above < level <= up_to]


def _clearance_form(endpoint: ModelEndpoint, user: Any) -> type[ClearanceForm]:
    class Form(ClearanceForm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.fields["max_classification"].choices = levels(above=services.ceiling_of(endpoint))

    return Form


def _may_ask_clearance(endpoint: ModelEndpoint, user: Any) -> bool:
    return (
        services.may_keep(endpoint, user)
        and services.ceiling_of(endpoint) < max(Classification)
        and open_request(endpoint, services.CLEARANCE_GATE) is None
    )


@admin.register(ModelEndpoint)
class ModelEndpointAdmin(DeskAdmin):
    """Models that can be asked, and the highest classification each may receive."""

    form = EndpointForm
    list_display = ("name", "engine", "model_name", "base_url", "may_receive", "key", "is_active")
    list_filter = ("engine", "is_active", "max_classification")
    search_fields = ("name", "model_name", "base_url")
    fields = (
        "name", "description", "engine", "base_url", "model_name", "api_key", "remove_key", "key",
        "max_classification", "max_in_flight", "timeout_seconds", "retries", "is_active",
    )  # fmt: skip
    readonly_fields = ("key",)
    create_service = services.create_endpoint
    update_service = services.update_endpoint
    service_argument = "endpoint"
    empty_state = {
        "title": "No model endpoints yet",
        "text": "Any OpenAI-compatible server can be asked: a hosted one, or one on your own machine.",
    }
    steps = (
        Step(
            name="test",
            label="Test",
            service=services.test_endpoint,
            argument="endpoint",
            permission=services.CHANGE,
            available=services.may_keep,
        ),
        Step(
            name="clearance",
            label="Ask for clearance",
            service=services.request_clearance,
            argument="endpoint",
            permission=services.CHANGE,
            form=_clearance_form,
            available=_may_ask_clearance,
            lead="A compliance officer decides whether data above internal may be sent there.",
        ),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or services.may_keep(obj, request.user))

    @admin.display(description="May receive", ordering="max_classification")
    def may_receive(self, endpoint: ModelEndpoint) -> str:
        return f"up to {endpoint.get_max_classification_display()}"

    @admin.display(description="Stored key")
    def key(self, endpoint: ModelEndpoint) -> str:
        if not endpoint.sealed_key:
            return "none"
        return endpoint.sealed_key if endpoint.sealed_key.startswith("env:") else "kept encrypted"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        hidden = {"key", "remove_key"} if obj is None else set()
        hidden |= set() if self.has_change_permission(request, obj) or obj is None else {"api_key", "remove_key"}
        return [name for name in self.fields if name not in hidden]

    def service_values(self, cleaned: dict[str, Any], obj: Any) -> dict[str, Any]:
        values = {name: value for name, value in cleaned.items() if name in services.EDITABLE}
        if cleaned.get("api_key") or cleaned.get("remove_key"):
            values["api_key"] = "" if cleaned.get("remove_key") else cleaned["api_key"]
        return values

    def _made(self, request: HttpRequest, row: Any, step: Step, result: Any) -> HttpResponse:
        if not isinstance(result, services.EndpointTest):
            return super()._made(request, row, step, result)
        if result.error:
            messages.error(request, f"Test failed after {result.seconds:.1f} s: {result.error}")
        else:
            messages.success(request, _told(result))
        return HttpResponseRedirect(row_url(row))


def _told(test: services.EndpointTest) -> str:
    tokens = f", {test.tokens_in} tokens in and {test.tokens_out} out" if test.tokens_in is not None else ""
    return f"It answered in {test.seconds:.2f} s{tokens}."
