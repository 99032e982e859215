"""The log-in form of the portal, in its own words."""

from __future__ import annotations

from django.contrib.admin.forms import AdminAuthenticationForm

REFUSED = (
    "This user name and password do not open the Workbench. Both are case-sensitive; an administrator can set a new "
    "password."
)


class LogInForm(AdminAuthenticationForm):
    """A wrong name, a wrong password and an account that may not enter are refused in the same words."""

    error_messages = dict.fromkeys(("invalid_login", "inactive"), REFUSED)
