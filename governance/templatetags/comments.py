"""The comments of one row, for any page: `{% load comments %}{% comments_panel row %}`, outside of other forms."""

from __future__ import annotations

from typing import Any

from django import template

from governance.comments import selectors
from governance.comments.views import CommentForm

register = template.Library()
SHOWN = 100


@register.inclusion_tag("governance/comments_panel.html", takes_context=True)
def comments_panel(context: Any, row: Any, form: Any = None) -> dict[str, Any]:
    """What was said, the newest hundred, oldest first; and the form to say more, for those who may."""
    request = context["request"]
    if not (request.user.has_perm("governance.view_comment") or request.user.has_perm("governance.read_every_row")):
        return {"hidden": True}
    said = selectors.comments_on(row)
    newest = list(said.order_by("-written_at", "-id")[: SHOWN + 1])
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "row": row,
        "kind": row._meta.label_lower,
        "comments": newest[:SHOWN][::-1],
        "has_older": len(newest) > SHOWN,
        "form": form or CommentForm(initial={"next": request.get_full_path()}),
        "may_comment": request.user.has_perm("governance.add_comment"),
    }
