"""Checkpoints to more places: a webhook and object storage, each in order, none twice, and every failure shown.

The folder of checkpoints is written by the seal itself. These two are beyond a network, so they have a job that comes
round and tries again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from governance import jobs
from governance.errors import AddressRefused, OutboundFailed
from governance.models import Checkpoint, CheckpointPlace
from governance.record import keys, sealing
from governance.record.verifier import parse_checkpoint

SECONDS = 10  # to wait for an answer
A_RUN = 500  # checkpoints that one run takes to one place


@dataclass(frozen=True)
class Place:
    """Somewhere that checkpoints go to. `send` raises OutboundFailed, and may be called again with the same one."""

    name: str
    target: str
    send: Callable[[Checkpoint, bytes], None]


def places() -> list[Place]:
    """Those that are configured."""
    found = []
    if settings.CHECKPOINT_WEBHOOK:
        found.append(Place("webhook", settings.CHECKPOINT_WEBHOOK, _to_webhook))
    if settings.CHECKPOINT_BUCKET:
        found.append(Place("bucket", settings.CHECKPOINT_BUCKET, _to_bucket))
    return found


@jobs.register("deliver-checkpoints", label="Deliver checkpoints", every="DELIVER_EVERY")
def deliver_as_job(running: jobs.Running) -> dict[str, Any]:
    """Take new checkpoints to the webhook and to object storage; what fails is tried again in the next round."""
    return {"delivered": deliver(), "failed": {one.name: one.error for one in failing()}}


def deliver() -> dict[str, int]:
    """Take every checkpoint that a place does not have yet there, in order; how many, by place."""
    return {place.name: _deliver_to(place) for place in places()}


def known_places() -> list[CheckpointPlace]:
    """How far each configured place is; one that nothing was taken to yet is at 0."""
    rows = {row.name: row for row in CheckpointPlace.objects.all()}
    return [rows.get(place.name) or CheckpointPlace(name=place.name, target=place.target) for place in places()]


def failing() -> list[CheckpointPlace]:
    """Places whose last try failed."""
    return [row for row in known_places() if row.error]


def _deliver_to(place: Place) -> int:
    row, _ = CheckpointPlace.objects.get_or_create(name=place.name, defaults={"target": place.target})
    if row.target != place.target:  # another place, which has nothing yet
        row.target, row.delivered, row.error = place.target, 0, ""
    sent = 0
    for checkpoint in Checkpoint.objects.filter(number__gt=row.delivered).order_by("number")[:A_RUN]:
        body = json.dumps(sealing.outside_copy(checkpoint)).encode()
        try:
            place.send(checkpoint, body)
        except OutboundFailed as error:
            row.error, row.failed_at, row.attempts = error.message[:1_000], timezone.now(), row.attempts + 1
            row.save()
            return sent
        row.delivered, row.delivered_at = checkpoint.number, timezone.now()
        row.error, row.attempts = "", 0
        row.save()
        sent += 1
    return sent


def _to_webhook(checkpoint: Checkpoint, body: bytes) -> None:
    key, private = keys.signer()
    site = parse_checkpoint(checkpoint.body).site
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": f"{site}-{checkpoint.number}",
        "X-Workbench-Key": key.public_key,
        "X-Workbench-Signature": private.sign(body).hex(),
    }
    status = post(settings.CHECKPOINT_WEBHOOK, body, headers)
    if not 200 <= status < 300:
        raise OutboundFailed(f"The webhook answered {status} to checkpoint {checkpoint.number}; expected 200 to 299.")


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The one call to the webhook; returns the status of its answer.

    :raises OutboundFailed: nobody answered, or the address is not one to call.
    """
    from governance.outbound.addresses import of_a_setting
    from governance.outbound.clients import CheckedSession  # heavy

    if urlsplit(url).scheme not in ("http", "https"):
        raise OutboundFailed("The webhook's address must begin with https:// or http://.")
    try:
        with CheckedSession([of_a_setting(url)], timeout=SECONDS) as session:
            return session.post(url, data=body, headers=headers).status_code
    except AddressRefused as error:
        raise OutboundFailed(f"The webhook is not called: {error.message}") from error
    except OSError as error:  # that of requests among them
        raise OutboundFailed(f"The webhook at {urlsplit(url).hostname} did not answer: {error}.") from error


def _to_bucket(checkpoint: Checkpoint, body: bytes) -> None:
    """Keys and region come from the environment as for every S3 client (AWS_ACCESS_KEY_ID, …)."""
    from pyarrow import fs

    bucket = urlsplit(settings.CHECKPOINT_BUCKET)
    if bucket.scheme != "s3" or not bucket.netloc:
        raise OutboundFailed("The place in object storage must be written as s3://bucket/folder.")
    endpoint = urlsplit(settings.CHECKPOINT_ENDPOINT)
    where: dict[str, Any] = {"connect_timeout": SECONDS, "request_timeout": SECONDS}
    if endpoint.netloc:
        where |= {"endpoint_override": endpoint.netloc, "scheme": endpoint.scheme}
    path = "/".join(part for part in (bucket.netloc, bucket.path.strip("/"), _name(checkpoint)) if part)
    try:
        with fs.S3FileSystem(**where).open_output_stream(path) as out:
            out.write(body)
    except OSError as error:
        raise OutboundFailed(f"Object storage did not take checkpoint {checkpoint.number}: {error}.") from error


def _name(checkpoint: Checkpoint) -> str:
    return sealing.file_name(checkpoint.number)
