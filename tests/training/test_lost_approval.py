"""An approved dataset whose approval is taken back is suspended, and can be approved anew."""

from __future__ import annotations

import pytest

from governance import desk
from governance.errors import AlreadyDecided, TransitionNotAllowed
from governance.models import ApprovalRequest
from tests.training.factories import approved, make_dataset, make_pairs
from training.datasets import services
from training.datasets.manifest import approvals_of
from training.models import DatasetVersion

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(training_sheet, engineer, approver, share_dataset):
    make_pairs(training_sheet, 4)
    made = make_dataset(engineer, training_sheet)
    share_dataset(made.dataset)
    return approved(made, engineer, approver)


def take_back(version, approver):
    request = ApprovalRequest.objects.filter(object_id=version.pk).earliest("requested_at")
    return desk.take_back(approval=request.approvals.get(), by=approver, reason="the labels were mixed up")


def test_it_is_suspended_with_who_took_it_back_and_why(version, approver):
    request = take_back(version, approver)

    version = DatasetVersion.objects.get(pk=version.pk)
    assert version.status == "suspended"
    assert version.status_reason == "Approver took the approval back: the labels were mixed up"
    assert request.state == ApprovalRequest.State.REVOKED
    assert approvals_of(version) == []


def test_it_can_be_asked_for_again_and_then_stands(version, engineer, approver):
    request = take_back(version, approver)

    again = desk.ask_again(request=request, by=engineer)
    desk.decide(request=again, by=approver, approve=True, comment="sorted")

    assert DatasetVersion.objects.get(pk=version.pk).status == "approved"


def test_an_approval_that_was_followed_by_another_one_cannot_be_taken_back(version, engineer, approver):
    DatasetVersion.objects.filter(pk=version.pk).update(status="suspended")
    approved(DatasetVersion.objects.get(pk=version.pk), engineer, approver)

    with pytest.raises(AlreadyDecided, match="approved anew"):
        take_back(version, approver)

    assert DatasetVersion.objects.get(pk=version.pk).status == "approved"


def test_nothing_is_taken_back_from_an_archived_version(version, engineer, approver):
    services.archive(version=version, by=engineer, reason="done with")

    with pytest.raises(TransitionNotAllowed):
        take_back(version, approver)

    assert ApprovalRequest.objects.get().approvals.get().verdict == "approve"
    assert not hasattr(ApprovalRequest.objects.get().approvals.get(), "withdrawal")
