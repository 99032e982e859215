"""Proof, on PostgreSQL, that who is said to act was said by the application and by nobody else with its account.

Any session may set a setting. So the application sends with it an HMAC (RFC 2104, SHA-256) over the number of the
transaction and what it says, with a key from its own environment. The database keeps that key where only the owner of
the tables reads it, and believes no context without a right digest. A transaction has its number for itself, for ever:
what somebody sees of a digest, in a log or among the running statements, is worth nothing in another one.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from django.conf import settings

# Local to its transaction, so that a connection never acts for the person who used it before.
SETTING = "workbench.context"
TABLE = "record_context_key"
BLOCK = 64  # bytes that SHA-256 takes at once
UNPROVED = "named a person without proof of coming from the application"

MAKE_TABLE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only), inner_pad bytea NOT NULL, outer_pad bytea NOT NULL,
    fingerprint text NOT NULL
)
"""
# What the application said in this transaction; without a right digest no more than that somebody tried.
SAID = f"""
CREATE OR REPLACE FUNCTION record_said() RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
DECLARE
    given text := current_setting('{SETTING}', true);
    said text;
BEGIN
    IF given IS NULL OR given = '' THEN
        RETURN '{{{{}}}}';
    END IF;
    said := substr(given, 65);
    IF EXISTS (SELECT 1 FROM {TABLE} k WHERE left(given, 64) = encode(sha256(k.outer_pad || sha256(k.inner_pad
       || convert_to(pg_current_xact_id()::text || E'\n' || said, 'UTF8'))), 'hex')) THEN
        RETURN said::jsonb;
    END IF;
    RETURN jsonb_build_object('reason', '{UNPROVED}');
END $record$
"""  # noqa: S608 - our own names
# Lets the application ask whether the database knows its key, without reading it.
FINGERPRINT = f"""
CREATE OR REPLACE FUNCTION record_context_fingerprint() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$ SELECT fingerprint FROM {TABLE} $record$
"""  # noqa: S608 - our own name
FUNCTIONS = (SAID, FINGERPRINT)
IS_SAID = "(record_said() -> 'door' IS NOT NULL)"
"""SQL: who acts was said by the application, if only that it is nobody."""


def digest(said: str, *, transaction: str) -> str:
    """64 hex digits for what is said in the transaction with this number."""
    return hmac.new(_key(), f"{transaction}\n{said}".encode(), hashlib.sha256).hexdigest()


def give_key(cursor: Any) -> None:
    """Have the database know this application's key, and no other. Only the owner of the table may."""
    padded = _key().ljust(BLOCK, b"\0")
    pads = [bytes(byte ^ pad for byte in padded) for pad in (0x36, 0x5C)]
    cursor.execute(f"DELETE FROM {TABLE}")  # noqa: S608 - our own name
    cursor.execute(
        f"INSERT INTO {TABLE} (inner_pad, outer_pad, fingerprint) VALUES (%s, %s, %s)",  # noqa: S608 - our own name
        [*pads, _fingerprint()],
    )


def knows_key(cursor: Any) -> bool:
    """Whether the database believes this application."""
    cursor.execute("SELECT record_context_fingerprint()")
    return bool(cursor.fetchone()[0] == _fingerprint())


def _key() -> bytes:
    return hmac.new(settings.SECRET_KEY.encode(), b"workbench.record.context", hashlib.sha256).digest()


def _fingerprint() -> str:
    return hashlib.sha256(b"fingerprint" + _key()).hexdigest()[:16]
