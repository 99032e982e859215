"""Files that members name leave only from the volumes of the Sheet version that the member was made from."""

from __future__ import annotations

import json

import pytest

from governance import jobs
from governance.models import Job
from tests.training.factories import approved, make_dataset, make_pair
from tests.workbench.fake_openai import running
from training.models import Evaluation, Export
from workbench.models import ModelEndpoint

pytestmark = pytest.mark.usefixtures("local_servers")

SCANS = {"alias": "scan", "kind": "volume", "ref": "main.scans", "keys": [], "pattern": "{id}.png"}


@pytest.fixture
def set_with_files(training_sheet, engineer, approver, share_dataset, settings):
    """`set_with_files("main.scans/a.png")`: an approved set whose only member shows this file."""
    for volume in ("scans", "secrets"):
        folder = settings.CATALOG_ROOT / "main" / "volumes" / volume
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(f"{volume} bytes".encode())
    version = training_sheet.sheet_version
    version.sources = [SCANS]
    version.save()

    def make(path, **fields):
        text = [{"type": "text", "text": "What is it?"}, {"type": "image", "path": path}]
        make_pair(training_sheet, "item-0000", text=text)
        made = make_dataset(engineer, training_sheet, **fields)
        share_dataset(made.dataset)
        return approved(made, engineer, approver)

    return make


def job_after(client, address: str, body: dict) -> Job:
    response = client.post(address, body)
    assert response.status_code == 202, response.content
    jobs.run_waiting()
    return Job.objects.latest("created_at")


def test_an_export_embeds_files_of_the_volumes_that_the_sheet_version_reads(set_with_files, engineer, api):
    version = set_with_files("main.scans/a.png", split={"train": 1})

    job_after(api(engineer), "/api/v1/exports/", {"version": str(version.pk), "embed_files": True})

    file = api(engineer).get(f"/api/v1/exports/{Export.objects.get().pk}/download/")
    line = json.loads(b"".join(file.streaming_content).splitlines()[0])
    assert line["messages"][0]["content"][1]["image_url"]["url"] == "data:image/png;base64,c2NhbnMgYnl0ZXM="


def test_an_export_embeds_no_file_of_another_volume(set_with_files, engineer, api):
    version = set_with_files("main.secrets/a.png", split={"train": 1})

    job = job_after(api(engineer), "/api/v1/exports/", {"version": str(version.pk), "embed_files": True})

    assert job.state == "failed" and "lies in no volume" in job.error
    assert Export.objects.get().file_name == ""


@pytest.mark.parametrize(("path", "is_sent"), [("main.scans/a.png", True), ("main.secrets/a.png", False)])
def test_an_evaluated_endpoint_is_sent_files_of_these_volumes_only(set_with_files, engineer, api, path, is_sent):
    version = set_with_files(path, purpose="evaluation")
    with running(content="card") as server:
        endpoint = ModelEndpoint.objects.create(name="Seeing", base_url=server.url, model_name="small", retries=0)
        job_after(
            api(engineer), "/api/v1/evaluations/", {"dataset_version": str(version.pk), "endpoint": str(endpoint.pk)}
        )

    error = Evaluation.objects.get().answers.get().error
    assert (server.calls, error == "") == (int(is_sent), is_sent)
    assert is_sent or "lies in no volume" in error
