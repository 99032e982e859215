"""Pages of approvals besides the lists: what is mine, and lending one's right to sign."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from governance import access
from governance.approvals import delegations
from governance.approvals.forms import DelegationForm
from governance.errors import ReauthenticationRequired, WorkbenchError
from governance.portal.pages import portal_page, render_page
from governance.portal.rows import row_url
from governance.sign_in import kept


@portal_page("governance.view_approvalrequest")
def my_approvals(request: HttpRequest) -> HttpResponse:
    """The list of requests, on those that wait for whoever asks."""
    return HttpResponseRedirect(f"{reverse('admin:governance_approvalrequest_changelist')}?mine=waiting")


def delegate_page(request: HttpRequest) -> HttpResponse:
    """Lend one's right to sign; the caller is the admin's add page."""
    user: Any = request.user
    if not user.has_perm("governance.add_delegation"):
        raise PermissionDenied
    form = DelegationForm(request.POST or kept.typed_before(request), user=user)
    if request.method == "POST" and form.is_valid():
        try:
            values = form.cleaned_data
            receiver = access.account_named(values.pop("to"), field="to")
            lent = delegations.delegate(by=user, to=receiver, **values)
            messages.success(request, f"{lent.delegate} may sign for you until {lent.until:%d %b %Y %H:%M} UTC.")
            return HttpResponseRedirect(row_url(lent))
        except ReauthenticationRequired:
            return kept.prove_first(request)
        except WorkbenchError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
    back = reverse("admin:governance_delegation_changelist")
    context = {
        "title": "Lend my right to sign",
        "lead": "Whoever signs for you must see the row and may not have asked for it; the two of you count once.",
        "breadcrumbs": [{"label": "Delegations", "url": back}],
        "form": form,
        "action_label": "Lend it",
        "cancel_url": back,
    }
    return render_page(request, "governance/reason_form.html", context)
