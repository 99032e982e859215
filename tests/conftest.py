"""The cast and the small world that most tests start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.test import TransactionTestCase
from rest_framework.test import APIClient

from governance.models import Person, User
from governance.roles import group_for
from tests import databases
from tests.proofs import choose_examples
from tests.together import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler

choose_examples()
# Modules that look at pages and files, and count the queries of lists: alike on any database.
ONE_DATABASE = frozenset({
    "test_admin_base", "test_answers", "test_every_list", "test_interchange", "test_labelling_desks",
    "test_labelling_tool", "test_layer", "test_marking", "test_openid", "test_own_keys", "test_peoples_work",
    "test_portal_look", "test_request_in_words", "test_review_side_by_side", "test_secrets",
    "test_several_experts_pages", "test_sharing_pages", "test_training_pages", "test_words_everywhere",
    "test_workbench_pages",
})  # fmt: skip
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup", "live_server", "site", "database_url"}


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        databases.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        databases.end_run()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-only", action="store_true", help="leave out tests that would do the same on any database"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A second run, on another database, need not repeat what asks no database."""
    if not config.getoption("--database-only"):
        return
    left_out = [item for item in items if not _asks_a_database(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _asks_a_database(item)]


def _asks_a_database(item: pytest.Item) -> bool:
    """By mark, by fixture, or by hand: a module that looks at Django's connection starts its own on that server."""
    if item.get_closest_marker("one_database") is not None or item.path.stem in ONE_DATABASE:
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    by_hand = hasattr(getattr(item, "module", None), "connection")
    return by_hand or item.get_closest_marker("django_db") is not None or bool(fixtures & DATABASE_FIXTURES)


@pytest.fixture(autouse=True)
def _own_folders(settings, tmp_path: Path) -> None:
    """Catalog, exports, tracking and counts of failed logins of each test lie in its own folder."""
    settings.CACHES = {
        "default": {"BACKEND": "governance.sign_in.cache.SharedFileCache", "LOCATION": tmp_path / "cache"}
    }
    settings.CATALOG_ROOT = tmp_path / "catalog"
    settings.EXPORT_ROOT = tmp_path / "exports"
    settings.IMPORT_ROOT = tmp_path / "imports"
    settings.MLFLOW_TRACKING_URI = f"sqlite:///{tmp_path / 'mlflow.db'}"
    settings.MLFLOW_ARTIFACTS = tmp_path / "mlflow-artifacts"
    settings.RECORD_KEY_FILE = tmp_path / "record-key"
    settings.RECORD_CHECKPOINTS = tmp_path / "checkpoints"
    settings.RECORD_ARCHIVE = tmp_path / "archive"
    settings.REQUESTS_A_MINUTE = 0
    settings.WHITENOISE_AUTOREFRESH = True  # looks for a file when it is asked for, not for all at each first request
    settings.OUTBOUND_ALLOWED = []
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def database_url(tmp_path: Path) -> Iterator[str]:
    """Of a migrated database for processes of one's own; "" for a file in the test's folder."""
    with databases.own(tmp_path) as url:
        yield url


@pytest.fixture
def local_servers(settings) -> None:
    """Servers of this machine may be called, as the tests' model servers must be."""
    settings.OUTBOUND_ALLOWED = ["127.0.0.1"]


@pytest.fixture
def make_user(db) -> Callable[..., User]:
    """`make_user("ada", "data-steward", ...)`: an account with a person of its own and these roles."""

    def make(username: str, *roles: str, person: Person | None = None, groups: tuple[Group, ...] = ()) -> User:
        user = User.objects.create_user(
            username,
            password="a long password for tests",
            first_name=username.capitalize(),
            is_staff=True,
            person=person or Person.objects.create(name=username.capitalize()),
        )
        user.groups.add(*[group_for(role) for role in roles], *groups)
        return user

    return make


@pytest.fixture
def team(db) -> Group:
    """The group with which the cast shares its rows."""
    return Group.objects.create(name="Team Iris")


@pytest.fixture
def steward(make_user, team) -> User:
    return make_user("steward", "data-steward", groups=(team,))


@pytest.fixture
def expert(make_user, team) -> User:
    return make_user("expert", "domain-expert", groups=(team,))


@pytest.fixture
def second_expert(make_user, team) -> User:
    return make_user("second-expert", "domain-expert", groups=(team,))


@pytest.fixture
def approver(make_user, team) -> User:
    return make_user("approver", "approver", groups=(team,))


@pytest.fixture
def officer(make_user) -> User:
    return make_user("officer", "compliance-officer")


@pytest.fixture
def engineer(make_user, team) -> User:
    return make_user("engineer", "ml-engineer", groups=(team,))


@pytest.fixture
def agent(make_user, team) -> User:
    return make_user("agent", "agent-developer", groups=(team,))


@pytest.fixture
def viewer(make_user, team) -> User:
    return make_user("viewer", "viewer", groups=(team,))


@pytest.fixture
def stranger(make_user) -> User:
    """Holds every role but no grant on anything of the team's."""
    return make_user(
        "stranger", "data-steward", "domain-expert", "approver", "ml-engineer", "agent-developer", "viewer"
    )


@pytest.fixture
def api() -> Callable[[User], APIClient]:
    """`api(user)`: a signed-in REST client."""

    def client_for(user: User) -> APIClient:
        client = APIClient()
        client.force_login(user)
        return client

    return client_for


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    databases.copy_instead_of_migrating()


@pytest.fixture(autouse=True, scope="session")
def _put_back_below_the_guards() -> Iterator[None]:
    """The one way through for tests that commit: what they did is undone afterwards as a database's owner can."""
    flush = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda case: databases.put_back()  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = flush  # type: ignore[method-assign]
