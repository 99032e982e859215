"""Who sees a dataset but not a model is told what was measured, and not which model it was."""

from __future__ import annotations

import pytest
from django.urls import reverse

from governance import access
from governance.portal.rows import row_url
from tests.world import World, make_world
from training.models import CuratedDataset, Evaluation, ModelVersion, RegisteredModel, TrainingRun

SECRET = "walnut model"


@pytest.fixture
def world(steward, viewer) -> World:
    """The dataset is shared with the viewer; the model that was trained on it is not."""
    found = make_world("walnut", steward)
    access.share(collection=found[CuratedDataset], to=viewer, level="view", by=steward)
    found.other = make_world("stranger", steward)
    return found


def pages_of(world: World) -> list[str]:
    run, evaluation = world[TrainingRun], world[Evaluation]
    second = Evaluation.objects.create(
        dataset_version=evaluation.dataset_version, split="test", model_version=world[ModelVersion], status="succeeded",
        created_by=evaluation.created_by, finished_at=evaluation.finished_at, metrics=evaluation.metrics,
    )  # fmt: skip
    found = [
        *(reverse(f"admin:training_{name}_changelist") for name in ("trainingrun", "evaluation")),
        *(f"{reverse(f'admin:training_{name}_changelist')}?q=walnut" for name in ("trainingrun", "evaluation")),
        row_url(world[CuratedDataset]),
        row_url(evaluation.dataset_version),
        f"{reverse('training:compare')}?ids={evaluation.pk}&ids={second.pk}",
        f"{reverse('governance:search')}?q=walnut",
        f"{reverse('training:lineage')}?node=dataset:{evaluation.dataset_version_id}",
    ]
    for row in (run, evaluation):
        name, past = row._meta.model_name, row.history.first()
        found += [row_url(row), reverse(f"admin:training_{name}_history", args=[row.pk])]
        found.append(reverse(f"admin:training_{name}_simple_history", args=[row.pk, past.pk]))
    return found


def test_no_page_of_runs_and_evaluations_names_a_model_that_is_not_shared(world, viewer, steward, client):
    pages = pages_of(world)

    client.force_login(steward)
    named = [page for page in pages if SECRET in client.get(page).content.decode()]
    client.force_login(viewer)
    shown = {page: client.get(page) for page in pages}

    assert {row_url(world[TrainingRun]), row_url(world[Evaluation])} <= set(named)
    assert {page: response.status_code for page, response in shown.items()} == dict.fromkeys(pages, 200)
    assert [page for page, response in shown.items() if SECRET in response.content.decode()] == []
    assert "a model that is not shared with you" in shown[row_url(world[Evaluation])].content.decode()


def test_the_api_gives_neither_name_nor_id_of_a_model_that_is_not_shared(world, viewer, steward, api):
    pages_of(world)
    ids = ",".join(str(pk) for pk in world[CuratedDataset].versions.get().evaluations.values_list("pk", flat=True))
    secrets = (SECRET, str(world[RegisteredModel].pk), str(world[ModelVersion].pk))
    for address in (
        "/api/v1/runs/", f"/api/v1/runs/{world[TrainingRun].pk}/", "/api/v1/evaluations/",
        f"/api/v1/evaluations/{world[Evaluation].pk}/", f"/api/v1/evaluations/compare/?evaluations={ids}",
    ):  # fmt: skip
        mine, theirs = api(steward).get(address), api(viewer).get(address)

        assert (mine.status_code, theirs.status_code) == (200, 200)
        assert any(secret in mine.content.decode() for secret in secrets), address
        assert not any(secret in theirs.content.decode() for secret in secrets), address


def test_a_shared_model_is_named_to_whom_it_is_shared_with(world, viewer, steward, client):
    access.share(collection=world[RegisteredModel], to=viewer, level="view", by=steward)
    client.force_login(viewer)

    assert SECRET in client.get(row_url(world[Evaluation])).content.decode()
    assert SECRET in client.get(row_url(world[TrainingRun])).content.decode()
