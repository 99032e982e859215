"""Who and why on every readable version, taken from the current context."""

from __future__ import annotations

from typing import Any

from simple_history.signals import pre_create_historical_record

from governance import context


def connect() -> None:
    pre_create_historical_record.connect(_sign, dispatch_uid="governance.sign_history")


def _sign(sender: type, history_instance: Any, **kwargs: Any) -> None:
    now = context.current()
    history_instance.history_user_id = now.user_id
    history_instance.actor_name = now.name
    history_instance.door = now.door
    history_instance.request_id = now.request_id
    if not history_instance.history_change_reason:
        history_instance.history_change_reason = now.reason
