"""Nobody approves what they wrote themselves, whoever began it: each gate over a thing that several may change."""

from __future__ import annotations

import pytest

from governance import desk
from governance.errors import SameApprover
from governance.models import User
from tests.labeling.factories import make_connection, share_with, write_table
from tests.training.factories import frozen, make_dataset, make_pairs, make_training_sheet
from training.datasets import services as datasets
from workbench.endpoints import services as endpoints
from workbench.sheets import services as sheets

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(make_user, team) -> User:
    """May edit and may approve."""
    return make_user("second", "data-steward", "ml-engineer", "approver", "compliance-officer", groups=(team,))


def sign(request, by):
    return desk.decide(request=request, by=by, approve=True, comment="seen")


@pytest.fixture
def drafted(steward, second):
    draft = sheets.create_sheet(
        by=steward, name="Tickets", connection=make_connection(steward), item_key="id", primary_ref=write_table()
    )
    share_with(draft.sheet.connection, second, steward)
    share_with(draft.sheet, second, steward, "change")
    return draft


def test_who_edited_the_draft_of_a_sheet_does_not_publish_it(drafted, steward, second, approver):
    sheets.update_draft(version=drafted, by=second, filter_sql="amount > 50")
    request = sheets.request_publish(version=drafted, by=steward, reason="ready")

    with pytest.raises(SameApprover):
        sign(request, second)
    share_with(drafted.sheet, approver, steward)
    assert sign(request, approver).state == "approved"


def test_who_only_approved_an_earlier_version_approves_the_next(drafted, steward, second):
    sign(sheets.request_publish(version=drafted, by=steward, reason="ready"), second)
    newer = sheets.start_new_version(sheet=drafted.sheet, by=steward)

    assert sign(sheets.request_publish(version=newer, by=steward, reason="again"), second).state == "approved"


def test_who_chose_what_a_dataset_holds_does_not_approve_it(engineer, approver, second, team):
    training_sheet = make_training_sheet(engineer)
    make_pairs(training_sheet, 20)
    share_with(training_sheet, team, engineer)
    share_with(training_sheet.sheet, team, engineer)
    draft = make_dataset(engineer, training_sheet)
    share_with(draft.dataset, second, engineer, "change")
    share_with(draft.dataset, team, engineer)
    datasets.update_draft(version=draft, by=second, rules={})
    version = frozen(draft, engineer)
    request = datasets.request_approval(version=version, by=engineer, reason="ready")

    with pytest.raises(SameApprover):
        sign(request, second)
    assert sign(request, approver).state == "approved"


def test_who_renamed_a_dataset_since_its_draft_was_begun_does_not_approve_it(engineer, second):
    training_sheet = make_training_sheet(engineer)
    make_pairs(training_sheet, 20)
    draft = make_dataset(engineer, training_sheet)
    share_with(draft.dataset, second, engineer, "change")
    datasets.update_dataset(dataset=draft.dataset, by=second, description="all of them")
    request = datasets.request_approval(version=frozen(draft, engineer), by=engineer, reason="ready")

    with pytest.raises(SameApprover):
        sign(request, second)


def test_who_changed_where_an_endpoint_leads_does_not_clear_it(engineer, make_user, officer):
    made = endpoints.create_endpoint(
        by=engineer, name="Far", engine="openai", base_url="https://one.example/v1", model_name="m"
    )
    keeper = make_user("keeper", "compliance-officer")
    keeper.is_superuser = True
    keeper.save()
    endpoints.update_endpoint(endpoint=made, by=keeper, model_name="another")
    request = endpoints.request_clearance(endpoint=made, max_classification=3, by=engineer, reason="contract signed")

    with pytest.raises(SameApprover):
        sign(request, keeper)
    assert sign(request, officer).state == "approved"
