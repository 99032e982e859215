"""The next pair's page, fetched and claimed while this one is read, so that a decision shows it at once."""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse

from governance.models import User
from labeling.generation.models import QAPair, TrainingSheet
from labeling.generation.selectors import progress_of
from labeling.generation.showing import bar
from labeling.review import claims, selectors
from labeling.review.models import PairClaim

HEADER = "X-Next"  # the id of the pair whose page waits, or nothing


class AtDesk(Protocol):
    """What the answer needs of the page on which somebody decided."""

    request: HttpRequest
    user: User
    sheet: TrainingSheet

    def after(self, pair: QAPair) -> str: ...

    def url(self, pair: QAPair | None = None, **query: Any) -> str: ...


def is_asked(request: HttpRequest) -> bool:
    """Whether the page that decided has the next one at hand."""
    return HEADER in request.headers


def answer(desk: AtDesk, pair: QAPair) -> HttpResponse:
    """Whether the page at hand still holds, and what the decision changed on it.

    It holds where its pair is still to decide and still claimed by this person, and has its address then;
    otherwise `next` is to be opened.
    """
    waiting = _waiting(desk, pair)
    if waiting is None:
        return JsonResponse({"next": desk.after(pair), "holds": False})
    found, claim = waiting
    progress = progress_of(desk.sheet)
    return JsonResponse({
        "next": desk.after(pair), "holds": True, "address": desk.url(found), "version": found.version,
        "taken": claim.taken, "sentence": progress.sentence, "bar": str(bar(progress)),
    })  # fmt: skip


def _waiting(desk: AtDesk, decided: QAPair) -> tuple[QAPair, PairClaim] | None:
    try:
        key = UUID(desk.request.headers[HEADER])
    except ValueError:
        return None
    open_pairs = selectors.pairs_in_view(desk.sheet, desk.user).filter(status__in=selectors.OPEN)
    found = open_pairs.exclude(pk=decided.pk).filter(pk=key).first()
    if found is None:
        return None
    claim = claims.take(pair=found, by=desk.user)
    return (found, claim) if claim.account_id == desk.user.pk else None
