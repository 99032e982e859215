"""One folder, one owner: also when two ask at the same moment, and where it happened before it was refused."""

from __future__ import annotations

import threading

import pytest
from django.core.checks import run_checks
from django.db import connection as database
from django.db import connections

from governance.errors import InvalidInput
from workbench.catalogs import services
from workbench.catalogs.models import Connection


@pytest.fixture
def shared_folder(settings) -> str:
    (settings.CATALOG_ROOT / "billing").mkdir(parents=True)
    return str(settings.CATALOG_ROOT / "billing")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(database.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_of_two_who_connect_one_folder_at_the_same_moment_one_is_refused(make_user, shared_folder):
    users = [make_user(name, "data-steward") for name in ("ada", "ben")]
    start, outcomes = threading.Barrier(2), []

    def connect(user) -> None:
        start.wait()
        try:
            services.create_connection(by=user, name=f"of {user.username}", location=shared_folder)
            outcomes.append("made")
        except InvalidInput as error:
            outcomes.append(error.field)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=connect, args=[user]) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["location", "made"]
    assert Connection.objects.count() == 1


def test_overlapping_connections_of_two_owners_are_found_by_a_check(steward, stranger, settings, shared_folder):
    (settings.CATALOG_ROOT / "claims").mkdir()
    outer = Connection.objects.create(owner=steward, name="Everything", location=str(settings.CATALOG_ROOT))
    Connection.objects.create(owner=steward, name="Mine too", location=shared_folder)
    inner = Connection.objects.create(owner=stranger, name="Billing", location=shared_folder)

    found = [one for one in run_checks(databases=["default"]) if one.id == "workbench.W001"]

    assert {one.obj for one in found} == {inner}
    assert "Everything" in found[0].msg and str(outer.owner) in found[0].msg
    assert not [one for one in run_checks() if one.id == "workbench.W001"], "asks the database only where it may"
