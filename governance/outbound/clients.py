"""The clients that call the outside. They connect to addresses that were checked, and follow no redirect.

Proxies that the environment names are not used: behind one, nobody here would know where a name leads.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any

import aiohttp
import requests
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

from governance.outbound.addresses import Allowance, check_address, checked_addresses, checked_form

TIMEOUT = 20.0
"""Seconds in which a server must answer, where its caller names none."""


class CheckedTransport(AiohttpTransport):
    """What httpx sends its requests through: every name is resolved and checked here, right before it is called."""

    def __init__(self, allowed: Iterable[Allowance], **options: Any) -> None:
        super().__init__(**options)
        self.allowed = tuple(allowed)
        self.checked: set[str] = set()

    def get_client(self) -> aiohttp.ClientSession:
        if isinstance(self.client, aiohttp.ClientSession):
            return self.client
        connector = aiohttp.TCPConnector(
            limit=self.limits.max_connections or 0,
            keepalive_timeout=self.limits.keepalive_expiry or 0,
            ssl=self.ssl_context,
            resolver=_Resolver(self),
            socket_factory=self._socket,
        )
        return aiohttp.ClientSession(connector=connector, trust_env=False)

    async def handle_async_request(self, request: Any) -> Any:
        checked_form(str(request.url))
        return await super().handle_async_request(request)

    def _socket(self, info: Any) -> socket.socket:
        """The last step before a connection; an address that stands in the URL itself asked no resolver."""
        family, kind, protocol, _, (address, port, *_) = info
        if address not in self.checked:
            check_address(address, port, address, self.allowed)
        return socket.socket(family, kind, protocol)


class _Resolver(AbstractResolver):
    """Gives aiohttp the addresses that were checked, and no others."""

    def __init__(self, transport: CheckedTransport) -> None:
        self.transport = transport

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_UNSPEC) -> list[ResolveResult]:
        found = await asyncio.to_thread(checked_addresses, host, port, self.transport.allowed)
        self.transport.checked.update(found)
        return [_resolved(host, port, address) for address in found]

    async def close(self) -> None:
        """Holds nothing."""


def _resolved(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
    )


class CheckedSession(requests.Session):
    """For calls one at a time, such as those to the identity provider. A redirect is an answer like any other."""

    def __init__(self, allowed: Iterable[Allowance], *, timeout: float = TIMEOUT) -> None:
        super().__init__()
        self.trust_env = False
        self.timeout = timeout
        adapter = _CheckedAdapter(tuple(allowed))
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def send(self, request: Any, **options: Any) -> requests.Response:
        checked_form(str(request.url))
        options["allow_redirects"] = False
        options["timeout"] = options.get("timeout") or self.timeout
        return super().send(request, **options)


class _CheckedAdapter(HTTPAdapter):
    def __init__(self, allowed: tuple[Allowance, ...]) -> None:
        self.allowed = allowed
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, self.allowed),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, self.allowed),
        }


def _pool(pool: Any, connection: Any, allowed: tuple[Allowance, ...]) -> Any:
    """A kind of pool whose connections lead to checked addresses; the certificate is still asked of the name."""

    class Checked(connection):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            failed: OSError = OSError(f"{self.host} leads nowhere")
            for address in checked_addresses(self.host, self.port, allowed):
                try:
                    return create_connection((address, self.port), self.timeout, socket_options=self.socket_options)
                except OSError as error:
                    failed = error
            raise failed

    return type(f"Checked{pool.__name__}", (pool,), {"ConnectionCls": Checked})


