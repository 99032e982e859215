"""The desk of standing rules: who is dealt pairs that are made later, since when and why."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from governance import access
from governance.admin_base import DeskAdmin
from governance.portal.marks import chip
from governance.portal.steps import ReasonForm, Step
from governance.roles import holders_of
from labeling.labelsets.models import LabelType
from labeling.review import standing
from labeling.review.assigning import MOST_SHEETS
from labeling.review.models import AssignmentRule
from workbench.models import Sheet


class RuleForm(forms.ModelForm):
    """From which Sheet, for which label type, to whom and why."""

    people: Any = forms.ModelMultipleChoiceField(
        queryset=None, widget=forms.CheckboxSelectMultiple, help_text="They are dealt pairs in turn, and told."
    )
    reason = forms.CharField(max_length=4000, widget=forms.Textarea(attrs={"rows": 2}))

    class Meta:
        model = AssignmentRule
        fields = ("sheet", "label_type", "people", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offered are experts who may see one of the Sheets that are offered; the service asks about the one chosen."""
        super().__init__(*args, **kwargs)
        offered: Any = self.fields["sheet"]
        readers: set[int] = set()
        for sheet in offered.queryset[:MOST_SHEETS]:
            readers |= set(access.accounts_that_may_see(sheet).order_by().values_list("pk", flat=True))
        found = holders_of(["domain-expert"]).filter(pk__in=readers).distinct().order_by("first_name", "username")
        self.fields["people"].queryset = found  # type: ignore[attr-defined]


class InForceFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("in_force", "in force"), ("ended", "ended")]

    def queryset(self, request: Any, queryset: Any) -> Any:
        return queryset.filter(ended_at__isnull=self.value() == "in_force") if self.value() else queryset


def _may_end(rule: AssignmentRule, user: Any) -> bool:
    return rule.ended_at is None and access.can_see(user, rule.sheet, "change")


@admin.register(AssignmentRule)
class AssignmentRuleAdmin(DeskAdmin):
    """Standing rules of assignment."""

    list_lead = "Pairs that are made from a Sheet while its rule is in force are dealt to these people in turn."
    list_display = ("sheet", "label_type", "names", "state", "dealt", "set_by", "set_at")
    list_filter = (InForceFilter, "label_type")
    list_select_related = ("sheet", "label_type", "set_by")
    search_fields = ("sheet__name", "reason")
    empty_state = {
        "title": "No standing rule",
        "text": "With one, pairs that are made later are assigned by themselves. For pairs that are there, use “Assign "
        "pairs” on their Training Sheet.",
        "url": "add/",
        "action": "Set a rule",
    }
    create_service = standing.set_rule
    steps = (
        Step(name="end", label="End", service=standing.end_rule, argument="rule", permission=standing.END,
             form=ReasonForm, available=_may_end, style="danger",
             lead="Pairs that are made from now on are nobody's. What was dealt stays dealt."),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related(*self.list_select_related).prefetch_related("people")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = RuleForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("sheet", "label_type", "people", "reason")
        ended = ("ended_by", "ended_at", "end_reason") if obj.ended_at else ()
        return ("sheet", "label_type", "names", "reason", "dealt", "set_by", "set_at", *ended)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj) if obj is not None else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Sheets that this person may change: for others they can set no rule."""
        if db_field.name == "sheet":
            user: Any = request.user
            kwargs["queryset"] = Sheet.objects.visible_to(user, "change").order_by("name")
        elif db_field.name == "label_type":
            kwargs["queryset"] = LabelType.objects.order_by("pk")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Without the icons that lead to making a Sheet or label type: that is no part of setting a rule."""
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        for what in ("add", "change", "delete", "view"):
            if hasattr(field.widget, f"can_{what}_related"):
                setattr(field.widget, f"can_{what}_related", False)
        return field

    @admin.display(description="People")
    def names(self, rule: AssignmentRule) -> str:
        return ", ".join(sorted(account.display_name for account in rule.people.all()))

    @admin.display(description="State")
    def state(self, rule: AssignmentRule) -> SafeString:
        return chip("ended", "plain") if rule.ended_at else chip("in force", "permitted")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        kind = ("ended", "plain") if row.ended_at else ("in force", "permitted")
        return super().page_context(request, row) | {"object_status": {"text": kind[0], "kind": kind[1]}}
