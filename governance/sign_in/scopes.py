"""What a token may be used for, as data."""

from __future__ import annotations

READ, WRITE, EXPORT, RETRIEVE, APPROVE = "read", "write", "export", "retrieve", "approve"

SCOPES: dict[str, str] = {
    READ: "See rows, as the account may.",
    WRITE: "Make and change rows, ask for approvals, start jobs.",
    EXPORT: "Download content: files, exports, labels.",
    RETRIEVE: "Look up examples at run time.",
    APPROVE: "Sign approvals. Given by an administrator only.",
}
"""Scope → what it lets a token do. A token never may more than the account that it acts for."""

OF_A_LOGIN = (READ, WRITE, EXPORT, RETRIEVE)
"""What a token has that was asked for with a user name and password."""
