"""Pages of comments and notifications; forms that work without a script."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from governance.approvals.reminders import mail_is_set_up
from governance.comments import selectors, services
from governance.errors import WorkbenchError
from governance.models import Notification
from governance.portal.lists import CappedPaginator
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url

A_PAGE = 50


class CommentForm(forms.Form):
    """What somebody says, and the page to return to."""

    text = forms.CharField(max_length=services.LONGEST, widget=forms.Textarea(attrs={"rows": 3}), label="Comment")
    next = forms.CharField(required=False, widget=forms.HiddenInput)


class ChoiceForm(forms.Form):
    """Whether one is told by e-mail."""

    by_mail = forms.TypedChoiceField(
        choices=[("yes", "yes, as a digest"), ("no", "no")], coerce=lambda value: value == "yes", label="By e-mail too"
    )


def _row(request: HttpRequest, kind: str, pk: UUID) -> Any:
    row = selectors.commented_row(kind, pk, request.user)
    if row is None:
        raise Http404("There is no such row, or you may not see it.")
    return row


@portal_page("governance.view_comment")
def comments(request: HttpRequest, kind: str, pk: UUID) -> HttpResponse:
    """All that was said about one row, and the form to say more; what was refused stays in the form."""
    row = _row(request, kind, pk)
    form = CommentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.add_comment(row=row, by=request.user, text=form.cleaned_data["text"])
            return HttpResponseRedirect(f"{_onward(request, form.cleaned_data['next'], row)}#comments")
        except WorkbenchError as error:
            form.add_error("text", error.message)
    context = {
        "title": f"Comments: {row._meta.verbose_name} {row}",
        "breadcrumbs": [{"label": str(row), "url": row_url(row)}],
        "row": row,
        "comment_form": form,
    }
    return render_page(request, "governance/comments.html", context)


def _onward(request: HttpRequest, wanted: str, row: Any) -> str:
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return wanted.partition("#")[0] if wanted and is_ours else row_url(row)


@portal_page("governance.add_comment")
@require_GET
def people(request: HttpRequest, kind: str, pk: UUID) -> JsonResponse:
    """Who can be mentioned at a row and begins with `q`: those who may see it, and nobody else."""
    found = selectors.people_to_mention(_row(request, kind, pk), request.GET.get("q", "")[:150])
    return JsonResponse({"people": [{"username": one.username, "name": one.display_name} for one in found]})


@portal_page("governance.view_notification")
@require_GET
def notifications(request: HttpRequest) -> HttpResponse:
    """What this person was told, newest first."""
    return _notifications(request, _choice_form(request))


def _choice_form(request: HttpRequest) -> ChoiceForm:
    return ChoiceForm(initial={"by_mail": "yes" if services.is_told_by_mail(request.user) else "no"})


def _notifications(request: HttpRequest, form: ChoiceForm, status: int = 200) -> HttpResponse:
    only_unread = request.GET.get("show") == "unread"
    rows = selectors.notifications_of(request.user)
    page = CappedPaginator(rows.filter(read_at=None) if only_unread else rows, A_PAGE).get_page(request.GET.get("page"))
    here = reverse("governance:notifications")
    context = {
        "title": "Notifications",
        "lead": "Where somebody mentioned you, and what was given to you.",
        "tabs": [
            {"label": "All", "url": here, "current": not only_unread},
            {"label": "Unread", "url": f"{here}?show=unread", "current": only_unread},
        ],
        "page": page,
        "told": selectors.told(page.object_list, request.user),
        "has_unread": selectors.unread_count(request.user) > 0,
        "choice_form": form,
        "mail_is_set_up": mail_is_set_up(),
        "address": request.user.email,
    }
    return render_page(request, "governance/notifications.html", context, status=status)


@portal_page("governance.view_notification")
@require_POST
def open_notification(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Mark it as read, and go to what it is about."""
    mine = selectors.notifications_of(request.user)
    notification = get_object_or_404(mine, pk=pk)
    services.mark_read(by=request.user, notification=notification)
    told = selectors.told([notification], request.user)[0]
    if told.row is None or "stay" in request.POST:
        return HttpResponseRedirect(reverse("governance:notifications"))
    anchor = "#comments" if notification.why == Notification.Why.MENTION else ""
    return HttpResponseRedirect(f"{row_url(told.row)}{anchor}")


@portal_page("governance.view_notification")
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    count = services.mark_read(by=request.user)
    messages.success(request, f"{count:,} marked as read.")
    return HttpResponseRedirect(reverse("governance:notifications"))


@portal_page("governance.view_notification")
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Whether one is told by e-mail too."""
    form = ChoiceForm(request.POST)
    if not form.is_valid():
        return _notifications(request, form, status=400)
    services.choose(by=request.user, by_mail=form.cleaned_data["by_mail"])
    messages.success(request, "Saved.")
    return HttpResponseRedirect(reverse("governance:notifications"))
