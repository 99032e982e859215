"""How many requests a minute one account, or one address that is not logged in, may send."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from governance.sign_in.ways import address_of

MINUTE = 60


class RequestsAMinute(BaseThrottle):
    """Counts by the clock's minute, in the cache that all processes share. 0 in the settings: no limit.

    Two requests at the same instant may count as one; this guards against loops gone wild, not against guessing.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        most = settings.REQUESTS_A_MINUTE
        if not most:
            return True
        who = request.user.pk if request.user and request.user.is_authenticated else address_of(request._request)
        key, now = f"requests:{who}", int(time.time() // MINUTE)
        minute, count = cache.get(key, (now, 0))
        count = count + 1 if minute == now else 1
        if count > most:
            return False
        cache.set(key, (now, count), 2 * MINUTE)
        return True

    def wait(self) -> float:
        """Seconds until the next minute."""
        return MINUTE - time.time() % MINUTE
