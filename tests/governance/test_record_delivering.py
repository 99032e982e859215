"""Checkpoints reach a webhook and object storage, in order, none twice; what fails is shown and tried again."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from governance import jobs
from governance.models import Checkpoint, CheckpointPlace, Person
from governance.record import delivering, sealing, verification, verifier

# PostgreSQL seals only what is committed.
pytestmark = pytest.mark.django_db(transaction=connection.vendor == "postgresql")


class Receiver:
    """A server that keeps what it is sent; it answers with `status`."""

    def __init__(self) -> None:
        self.status, self.got = 200, []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.body()
                receiver.got.append((self.command, self.path, self.headers, body))
                told = b""
                if self.command == "POST" and self.path.endswith("?uploads"):
                    told = b"<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>"
                elif "uploadId" in self.path and self.command == "POST":
                    told = b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
                self.send_response(receiver.status)
                self.send_header("ETag", '"e"')
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def body(self) -> bytes:
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                read = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    read += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return read

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer

            def log_message(self, *arguments: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def seal(*names: str) -> Checkpoint:
    Person.objects.bulk_create([Person(name=name) for name in names])
    checkpoint = sealing.seal()
    assert checkpoint is not None
    return checkpoint


@pytest.fixture
def webhook(settings, receiver) -> Receiver:
    settings.CHECKPOINT_WEBHOOK = f"{receiver.url}/checkpoints"
    return receiver


def test_the_webhook_gets_every_checkpoint_in_order_once_and_can_check_each(webhook):
    checkpoints = [seal("a"), seal("b")]

    assert delivering.deliver() == {"webhook": 2}
    assert delivering.deliver() == {"webhook": 0}

    for checkpoint, (method, path, headers, body) in zip(checkpoints, webhook.got, strict=True):
        assert (method, path) == ("POST", "/checkpoints")
        kept = verifier.parse_outside_copy(body, "what the webhook got")
        assert kept.checkpoint.number == checkpoint.number
        assert headers["Idempotency-Key"] == f"{kept.checkpoint.site}-{checkpoint.number}"
        key, signature = (bytes.fromhex(headers[f"X-Workbench-{name}"]) for name in ("Key", "Signature"))
        assert verifier.ed25519_verify(key, body, signature)
        assert not verifier.ed25519_verify(key, body + b" ", signature)


def test_a_failure_is_kept_shown_and_tried_again_with_the_same_number(webhook, client, officer):
    seal("a")
    webhook.status = 503
    delivering.deliver()
    delivering.deliver()

    place = CheckpointPlace.objects.get()
    assert (place.delivered, place.attempts) == (0, 2) and "answered 503" in place.error
    client.force_login(officer)
    assert "answered 503" in client.get("/admin/compliance/").content.decode()
    assert any("answered 503" in note for note in verification.verify().notes)
    with pytest.raises(CommandError, match="answered 503"):
        call_command("seal_record")

    webhook.status = 204
    delivering.deliver()
    place.refresh_from_db()
    assert (place.delivered, place.error, place.attempts) == (Checkpoint.objects.count(), "", 0)
    numbers = {headers["Idempotency-Key"].rpartition("-")[2] for _, _, headers, _ in webhook.got[:4]}
    assert numbers == {"1"}


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/", "file:///etc/passwd", "ftp://example.org/"])
def test_an_address_that_does_not_answer_or_is_none_is_named(address, settings):
    settings.CHECKPOINT_WEBHOOK = address
    seal("a")

    assert delivering.deliver() == {"webhook": 0}
    assert "webhook" in CheckpointPlace.objects.get().error


def test_a_redirect_is_not_followed(webhook):
    seal("a")
    webhook.status = 302

    delivering.deliver()

    assert "answered 302" in CheckpointPlace.objects.get().error


def test_a_new_address_gets_everything_from_the_first(webhook, settings):
    seal("a")
    seal("b")
    delivering.deliver()
    settings.CHECKPOINT_WEBHOOK += "/elsewhere"

    assert delivering.deliver() == {"webhook": 2}


def test_object_storage_gets_each_checkpoint_under_its_number(receiver, settings, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "key")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    settings.CHECKPOINT_BUCKET, settings.CHECKPOINT_ENDPOINT = "s3://proofs/workbench", receiver.url
    checkpoint = seal("a")

    assert delivering.deliver() == {"bucket": 1}

    sent = [(path, headers, body) for method, path, headers, body in receiver.got if method == "PUT"]
    [(path, headers, body)] = sent
    assert path.startswith(f"/proofs/workbench/{sealing.file_name(checkpoint.number)}")
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256")
    whole = re.sub(rb"\r\n[0-9A-Fa-f]+(?:;[^\r]*)?\r\n", b"", body)  # a long one is signed in pieces
    assert json.dumps(sealing.outside_copy(checkpoint)).encode() in whole


def test_object_storage_that_refuses_is_named(receiver, settings, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "key")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    settings.CHECKPOINT_BUCKET, settings.CHECKPOINT_ENDPOINT = "s3://proofs", receiver.url
    receiver.status = 403
    seal("a")

    assert delivering.deliver() == {"bucket": 0}
    assert "did not take checkpoint 1" in CheckpointPlace.objects.get().error
    settings.CHECKPOINT_BUCKET = "proofs"
    delivering.deliver()
    assert "s3://bucket/folder" in CheckpointPlace.objects.get().error


def test_the_job_delivers_and_names_what_failed(webhook):
    seal("a")
    webhook.status = 500
    job = jobs.enqueue("deliver-checkpoints", subject=None, by=None)
    jobs.run(job.pk)

    job.refresh_from_db()
    assert job.state == "succeeded" and "answered 500" in job.result["failed"]["webhook"]


def test_without_a_place_nothing_is_sent(settings):
    seal("a")
    assert delivering.deliver() == {}
    assert settings.DELIVER_EVERY == 0
