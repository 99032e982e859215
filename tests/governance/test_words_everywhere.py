"""What programs write is shown to people in words: in histories, lists and search; and what was taken leads on."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from governance import jobs
from governance.models import EvidenceExport, HandOut
from labeling.generation.models import QAPair, TrainingSheet
from labeling.labels.models import CanonicalLabel
from tests.world import make_world
from training.exports.models import Export
from training.models import DatasetVersion

pytestmark = pytest.mark.django_db
RAW = re.compile(r"""\{\s*(&#x27;|&quot;|"|')\w""")


@pytest.fixture
def world(steward, stranger):
    make_world("foreign", stranger)
    return make_world("ada", steward)


def page(user, address: str) -> str:
    browser = Client()
    browser.force_login(user)
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode().split("<main")[-1]


def address_of(row, place: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{place}", args=[row.pk])


@pytest.mark.parametrize(
    ("model", "column"), [(TrainingSheet, "result"), (Export, "manifest"), (DatasetVersion, "rules")],
    ids=lambda value: getattr(value, "__name__", value),
)  # fmt: skip
def test_a_history_shows_documents_in_words_and_what_changed_in_them(model, column, world, steward):
    row = world[model]
    setattr(row, column, {"left": 1, "same_thing": {"deep": 31}})
    row.save()
    setattr(row, column, {"left": 1204, "same_thing": {"deep": 31}})
    row.save()

    shown = page(steward, address_of(row, "history"))

    assert not RAW.search(shown)
    assert "1,204" in shown and "Same thing" in shown and "<ins>1,204</ins>" in shown
    version = row.history.first()
    assert not RAW.search(page(steward, f"{address_of(row, 'history')}{version.history_id}/"))


def test_the_list_of_labels_shows_answers_and_no_json(world, steward):
    shown = page(steward, reverse("admin:labeling_canonicallabel_changelist"))

    assert world[CanonicalLabel].item_ref in shown
    assert not RAW.search(shown)


def test_search_names_jobs_by_their_words(world, steward):
    export = world[Export]
    jobs.enqueue("training.export", subject=export, by=steward)

    shown = page(steward, "/admin/search/?q=export")

    assert "Export a dataset" in shown and "training.export" not in shown


def test_the_history_of_a_pair_is_on_its_page(world, steward, stranger):
    pair = world[QAPair]
    browser = Client()
    browser.force_login(steward)
    assert browser.get(address_of(pair, "history")).url == address_of(pair)

    browser.force_login(stranger)
    assert browser.get(address_of(pair, "history")).status_code == 404


def test_what_was_handed_out_leads_to_where_it_came_from_and_to_the_record(world, officer):
    export = world[Export]
    taken = HandOut.objects.create(
        kind="dataset", subject_kind="training.export", subject_id=export.pk, what="rows", rows=1, digest="0" * 64,
        door="admin", taken_by_id=officer.pk, taken_by_name="Officer",
    )  # fmt: skip

    shown = page(officer, address_of(taken))

    assert address_of(export) in shown and f"kind=governance.handout&amp;q={taken.pk}" in shown
    assert "training.export" not in shown


def test_evidence_leads_to_what_answers_it_now_and_to_the_record(world, officer):
    evidence = world[EvidenceExport]

    shown = page(officer, address_of(evidence))

    assert "What answers it now" in shown or "What is on record now" in shown
    assert f"kind=governance.evidenceexport&amp;q={evidence.pk}" in shown
    assert not RAW.search(shown)
