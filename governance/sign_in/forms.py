"""Forms of signing in, in the portal's words."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm, ReauthenticateForm
from allauth.core import context as allauth_context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateByCodeForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm, LoginWebAuthnForm
from django import forms

from governance.models import SignInEvent
from governance.sign_in import scopes, services
from governance.sign_in.adapters import record_refusal
from governance.sign_in.ways import address_of
from governance.sign_in.words import REFUSED


class LogInForm(LoginForm):
    """A wrong name, a wrong password and an account that may not enter are refused in the same words."""

    user: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs = {
            "autocomplete": "username webauthn", "autofocus": True, "autocapitalize": "none",
        }  # fmt: skip
        _plain(self.fields["password"], "Password", "current-password")

    def clean(self) -> Any:
        cleaned = super().clean()
        if self.user is not None and not (self.user.is_staff and self.user.is_active):
            record_refusal(self.request, self.user.get_username(), SignInEvent.Outcome.FAILED)
            self.user = None
            raise forms.ValidationError(REFUSED)
        return cleaned


def _plain(field: forms.Field, label: str, autocomplete: str) -> None:
    """Our own label, no placeholder that repeats it, no link to a page that this site does not have."""
    field.label, field.help_text = label, ""
    field.widget.attrs.pop("placeholder", None)
    field.widget.attrs["autocomplete"] = autocomplete


class ConfirmByPasswordForm(ReauthenticateForm):
    """The password once more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self.fields["password"], "Password", "current-password")
        self.fields["password"].widget.attrs["autofocus"] = True


class ByCodeForm(AuthenticateForm):
    """A code of the authenticator app, or one of the recovery codes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _code(self.fields["code"])


class ConfirmByCodeForm(ReauthenticateByCodeForm):
    """The same, to prove it once more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _code(self.fields["code"])


def _code(field: forms.Field) -> None:
    _plain(field, "Code", "one-time-code")
    field.widget.attrs["autofocus"] = True


class ActivateAppForm(ActivateTOTPForm):
    """The first code of an authenticator app shows that it holds the key."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self.fields["code"], "Code that the app shows", "one-time-code")


class AddKeyForm(AddWebAuthnForm):
    """A passkey or security key."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = "Name of this key"
        if "passwordless" in self.fields:
            self.fields["passwordless"].label = "Log in with it alone, without a password (passkey)"
            self.fields["passwordless"].help_text = ""
            self.fields["passwordless"].initial = True


class LogInByKeyForm(LoginWebAuthnForm):
    """A passkey, without a user name. A wrong one is on record as nobody's."""

    def clean_credential(self) -> Any:
        try:
            return super().clean_credential()
        except forms.ValidationError:
            request = allauth_context.request
            services.record_event(
                outcome=SignInEvent.Outcome.FAILED, way=SignInEvent.Way.PASSKEY, address=address_of(request)
            )
            raise


class RenameKeyForm(EditWebAuthnForm):
    """The name of a key."""


class MakeTokenForm(forms.Form):
    """What a token is for and what it may do."""

    name = forms.CharField(max_length=120, label="Name", help_text="Of the program that will carry it.")
    scopes = forms.MultipleChoiceField(
        choices=[(slug, f"{slug}: {text}") for slug, text in scopes.SCOPES.items() if slug != scopes.APPROVE],
        widget=forms.CheckboxSelectMultiple, label="It may", initial=[scopes.READ],
    )  # fmt: skip
    days = forms.IntegerField(
        min_value=1, max_value=services.AT_MOST_DAYS, initial=services.DAYS, label="Days until it ends"
    )

    def __init__(self, *args: Any, may_approve: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if may_approve:
            every: Any = self.fields["scopes"]
            every.choices = [(slug, f"{slug}: {text}") for slug, text in scopes.SCOPES.items()]
