"""One class per broken rule of the ground floor. Every message is fit to show a user."""

from __future__ import annotations

from collections.abc import Mapping


class WorkbenchError(Exception):
    """A rule was broken; the message says what was asked, what is true instead and what to do.

    `field` names the form or JSON field at fault, or is empty; `details` is JSON-safe.
    """

    code = "rule_broken"
    status = 409

    def __init__(self, message: str, *, field: str = "", details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.details: dict[str, object] = dict(details or {})


class InvalidInput(WorkbenchError):
    """A value the caller sent cannot be used."""

    code = "invalid_input"
    status = 400


class NotPermitted(WorkbenchError):
    """The caller's role or rights on the row do not allow this."""

    code = "not_permitted"
    status = 403


class WrongCredentials(WorkbenchError):
    """The user name and password do not belong to an active account."""

    code = "wrong_credentials"
    status = 401


class SecondFactorRequired(WorkbenchError):
    """The account is protected by a second factor, and its code was missing or wrong."""

    code = "second_factor_required"
    status = 401


class TooManyTries(WorkbenchError):
    """Too many failed tries to sign in; `details` say after how many seconds to try again."""

    code = "throttled"
    status = 429


class BodyTooLarge(WorkbenchError):
    """More was sent at once than is read."""

    code = "body_too_large"
    status = 413


class ScopeMissing(WorkbenchError):
    """The token was not made for this."""

    code = "scope_missing"
    status = 403


class IdempotencyKeyReused(WorkbenchError):
    """The key of this request was sent before with another one."""

    code = "idempotency_key_reused"
    status = 422


class ReauthenticationRequired(WorkbenchError):
    """The step is signed, and the person last proved who they are too long ago."""

    code = "reauthentication_required"
    status = 403


class RecordIncomplete(WorkbenchError):
    """Triggers of the record are missing, so no governed row may be changed."""

    code = "record_incomplete"
    status = 503


class RecordBroken(WorkbenchError):
    """What is kept of the record is not what was sealed."""

    code = "record_broken"
    status = 503


class TooMuchEvidence(WorkbenchError):
    """More entries answer than one evidence bundle may hold."""

    code = "too_much_evidence"
    status = 400


class OnLegalHold(WorkbenchError):
    """The values must be kept: a legal hold covers them."""

    code = "on_legal_hold"


class SigningKeyLost(WorkbenchError):
    """The record cannot be sealed: the private key that the database knows is not on this server."""

    code = "signing_key_lost"
    status = 503


class TransitionNotAllowed(WorkbenchError):
    """The row is in a state from which this step does not start."""

    code = "transition_not_allowed"


class ReasonRequired(InvalidInput):
    """The step goes on record with a reason, and none was given."""

    code = "reason_required"


class StaleVersion(WorkbenchError):
    """The row changed after the caller last saw it."""

    code = "stale_version"
    status = 412


class SameApprover(WorkbenchError):
    """The person who asked may not be the person who approves."""

    code = "same_approver"


class AlreadyDecided(WorkbenchError):
    """The request was already decided, withdrawn or has expired."""

    code = "already_decided"


class ApprovalInUse(WorkbenchError):
    """The approval's step was made, and taking the approval back would not undo it."""

    code = "approval_in_use"


class ContentChanged(WorkbenchError):
    """What was to be approved is no longer what was asked for."""

    code = "content_changed"


class ApprovalPending(WorkbenchError):
    """An open request for the same step exists."""

    code = "approval_pending"


class UseProhibited(WorkbenchError):
    """A usage constraint forbids this use of the row."""

    code = "use_prohibited"


class LooserThanNow(WorkbenchError):
    """The change would permit more than is permitted now; that needs a second person."""

    code = "looser_than_now"


class ClassificationTooHigh(WorkbenchError):
    """The row is classified above what this endpoint may receive."""

    code = "classification_too_high"


class AddressRefused(InvalidInput):
    """The address leads to a place that is not public, and nobody has allowed it."""

    code = "address_refused"


class OutboundFailed(WorkbenchError):
    """The other side did not answer, or not with what was asked."""

    code = "outbound_failed"
    status = 502


class UnknownJobKind(WorkbenchError):
    """No handler is registered for this kind of job."""

    code = "unknown_job_kind"


class JobCancelled(Exception):
    """Raised inside a job's handler when someone asked to cancel it."""


class LeaseLost(Exception):
    """Raised inside a job's handler when another worker took the job over."""


class CannotMention(InvalidInput):
    """Somebody mentioned in a comment has no account, or none that may see the row; which of the two is not said."""

    code = "cannot_mention"
