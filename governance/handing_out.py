"""Content that leaves as a file: who takes it has just proved who they are, and what they took is on record."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from django.conf import settings
from django.db import models

from governance import context, desk
from governance.errors import ScopeMissing
from governance.models import HandOut
from governance.sign_in.scopes import EXPORT

if TYPE_CHECKING:
    from governance.models import User

IN_MEMORY = 16 * 2**20  # bytes of a file before it goes to the disk
LABEL_AT_MOST = 300


@dataclass(frozen=True)
class HandedOut:
    """A file that may leave now, and the row that says so; `file` is None where nothing answers."""

    file: IO[bytes] | None
    rows: int


def require_proof(*, by: User, what: str = "Taking this") -> None:
    """A person in a session proved who they are within WORKBENCH_EXPORT_PROOF_MINUTES; a token is made for exports.

    :raises ReauthenticationRequired: too long ago.
    :raises ScopeMissing: the token was not made for exports.
    """
    scopes = context.current().scopes
    if scopes is None:
        desk.require_proof(settings.EXPORT_PROOF_MINUTES, what, by=by)
    elif EXPORT not in scopes:
        raise ScopeMissing(f"This needs a token with the scope {EXPORT}.", details={"scope": EXPORT})


def keep(*, kind: str, subject: models.Model, what: str, rows: int, digest: str, by: User) -> HandOut:
    """Put on record that `by` was given a file, before its first byte leaves."""
    with context.because(f"handed out: {what}", by=by):
        return HandOut.objects.create(
            kind=kind,
            subject_kind=subject._meta.label_lower,
            subject_id=subject.pk,
            what=what[:LABEL_AT_MOST],
            rows=rows,
            digest=digest,
            door=context.current().door,
            taken_by_id=by.pk,
            taken_by_name=by.display_name,
        )


def hand_out_pieces(
    *, kind: str, subject: models.Model, what: str, pieces: Iterable[bytes], rows: Callable[[], int], by: User
) -> HandedOut:
    """`pieces` as one file, written first, so that what is on record is what leaves.

    `rows` says, once all of them are written, how many rows they hold.
    """
    out = cast("IO[bytes]", tempfile.SpooledTemporaryFile(IN_MEMORY))
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        out.write(piece)
    if not (count := rows()):
        out.close()
        return HandedOut(None, 0)
    keep(kind=kind, subject=subject, what=what, rows=count, digest=digest.hexdigest(), by=by)
    out.seek(0)
    return HandedOut(out, count)
