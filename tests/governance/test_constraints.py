"""Constraints: tightening at once, relaxing by a second person, and inheritance that nothing escapes."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from governance import access, constraints, derivations, desk
from governance.constraints import Terms
from governance.errors import (
    ContentChanged,
    InvalidInput,
    LooserThanNow,
    NotPermitted,
    ReasonRequired,
    SameApprover,
)
from governance.models import ApprovalRequest, ConstraintChange
from governance.uses import ALL_USES, BITS, Classification
from labeling.models import CanonicalLabel
from tests.factories import CanonicalLabelFactory, CatalogObjectFactory, SheetFactory

pytestmark = pytest.mark.django_db

NO_TRAINING = Terms(
    allowed_uses=ALL_USES,
    prohibited_uses=BITS["training"],
    data_classification=Classification.RESTRICTED,
    usage_reason="patient names",
)
EVERYTHING = Terms(
    allowed_uses=ALL_USES,
    prohibited_uses=0,
    data_classification=Classification.INTERNAL,
    usage_reason="the names were invented",
)


@pytest.fixture
def sheet(steward):
    return SheetFactory(owner=steward)


@pytest.fixture
def label(sheet):
    """A label made from the sheet and one column of its table."""
    column = CatalogObjectFactory(connection=sheet.connection, kind="column", ref="billing.invoices#patient")
    derivation = derivations.derivation_of([sheet, column], scope={"columns": ["patient"]})
    return CanonicalLabelFactory(sheet=sheet, derivation=derivation)


def permitted(use):
    return set(CanonicalLabel.objects.permitting(use))


def test_tightening_a_sheet_closes_training_for_what_was_made_from_it(sheet, label, steward):
    other = CanonicalLabelFactory(sheet=SheetFactory(owner=steward))
    assert permitted("training") == {label, other}

    change = constraints.tighten(row=sheet, terms=NO_TRAINING, by=steward)

    assert permitted("training") == {other}
    assert permitted("evaluation") == {label, other}
    assert change.reached == {"canonical labels": 1}
    assert (change.actor_name, change.direction) == ("Steward", "tightened")


def test_the_effective_classification_rises_with_an_ancestor(sheet, label, steward):
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=steward)

    label.refresh_from_db()
    assert label.effective_constraint.classification == Classification.RESTRICTED


def test_tightening_needs_a_reason(sheet, steward):
    with pytest.raises(ReasonRequired):
        constraints.tighten(row=sheet, terms=Terms.parse(NO_TRAINING.as_json() | {"usage_reason": " "}), by=steward)

    assert not ConstraintChange.objects.exists()


def test_loosening_is_refused_without_a_second_person(sheet, steward):
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=steward)

    with pytest.raises(LooserThanNow, match="Ask for a relaxation"):
        constraints.tighten(row=sheet, terms=EVERYTHING, by=steward)


def test_a_lower_classification_alone_is_looser(sheet, steward):
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=steward)
    declassified = Terms.parse(NO_TRAINING.as_json() | {"data_classification": "internal"})

    with pytest.raises(LooserThanNow):
        constraints.tighten(row=sheet, terms=declassified, by=steward)


def test_someone_without_rights_on_the_row_cannot_tighten_it(sheet, stranger):
    with pytest.raises(NotPermitted):
        constraints.tighten(row=sheet, terms=NO_TRAINING, by=stranger)


def test_a_relaxation_takes_effect_when_a_compliance_officer_signs(sheet, label, steward, officer):
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=steward)
    request = constraints.request_relaxation(row=sheet, terms=EVERYTHING, by=steward)
    assert permitted("training") == set()

    desk.decide(request=request, by=officer, approve=True, comment="checked the generator")

    assert permitted("training") == {label}
    change = ConstraintChange.objects.first()
    assert (change.direction, change.actor_name) == ("relaxed", "Officer")


def test_a_compliance_officer_cannot_approve_the_own_request(sheet, steward, make_user):
    both = make_user("both", "data-steward", "compliance-officer")
    sheet.owner = both
    sheet.save()
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=both)
    request = constraints.request_relaxation(row=sheet, terms=EVERYTHING, by=both)

    with pytest.raises(SameApprover):
        desk.decide(request=request, by=both, approve=True, comment="fine")


def test_a_second_account_of_the_same_person_does_not_count_as_a_second_person(sheet, steward, make_user):
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=steward)
    request = constraints.request_relaxation(row=sheet, terms=EVERYTHING, by=steward)
    alias = make_user("alias", "compliance-officer", person=steward.person)

    with pytest.raises(SameApprover):
        desk.decide(request=request, by=alias, approve=True, comment="fine")


def test_a_superuser_without_the_role_may_not_sign(sheet, steward, make_user):
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=steward)
    request = constraints.request_relaxation(row=sheet, terms=EVERYTHING, by=steward)
    root = make_user("root")
    root.is_superuser = True
    root.save()

    with pytest.raises(NotPermitted, match="superuser or not"):
        desk.decide(request=request, by=root, approve=True, comment="fine")


def test_a_request_is_void_when_the_constraint_changed_meanwhile(sheet, steward, officer):
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=steward)
    request = constraints.request_relaxation(row=sheet, terms=EVERYTHING, by=steward)
    stricter = Terms.parse(NO_TRAINING.as_json() | {"allowed_uses": [], "usage_reason": "stop everything"})
    constraints.tighten(row=sheet, terms=stricter, by=steward)

    with pytest.raises(ContentChanged):
        desk.decide(request=request, by=officer, approve=True, comment="fine")

    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.VOID


def test_asking_for_terms_that_permit_nothing_new_is_refused(sheet, steward):
    with pytest.raises(InvalidInput, match="need no approval"):
        constraints.request_relaxation(row=sheet, terms=NO_TRAINING, by=steward)


def test_an_expired_permission_permits_nothing(sheet, label, steward):
    ended = Terms.parse(
        EVERYTHING.as_json() | {"permitted_until": "2020-01-01T00:00:00Z", "usage_reason": "contract ended"}
    )

    constraints.apply_terms(row=sheet, terms=ended, by=steward)

    assert permitted("evaluation") == set()


def test_nobody_ends_a_permission_in_the_past(sheet, label, steward):
    ended = Terms.parse(EVERYTHING.as_json() | {"permitted_until": "2020-01-01T00:00:00Z", "usage_reason": "ended"})

    with pytest.raises(InvalidInput, match=r"2020-01-01.* is past"):
        constraints.tighten(row=sheet, terms=ended, by=steward)

    sheet.refresh_from_db()
    assert sheet.permitted_until is None


def test_the_table_itself_refuses_an_effective_use_outside_the_own_mask(label):
    with pytest.raises(IntegrityError, match="effective_within_own"), transaction.atomic():
        CanonicalLabel.objects.filter(pk=label.pk).update(prohibited_uses=BITS["training"])


def test_nothing_is_saved_when_the_record_of_a_change_cannot_be_written(sheet, steward, monkeypatch):
    def broken(**_):
        raise RuntimeError("disk full")

    monkeypatch.setattr(ConstraintChange.objects, "create", broken)

    with pytest.raises(RuntimeError):
        constraints.tighten(row=sheet, terms=NO_TRAINING, by=steward)

    sheet.refresh_from_db()
    assert sheet.own_uses == ALL_USES


def test_two_rows_made_from_the_same_parents_share_one_derivation(sheet):
    first = derivations.derivation_of([sheet], scope={"columns": ["a"]})

    assert derivations.derivation_of([sheet], scope={"columns": ["a"]}) == first
    assert derivations.derivation_of([sheet], scope={"columns": ["a", "b"]}) != first


def test_history_names_the_person_and_the_reason(sheet, steward):
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=steward)

    version = sheet.history.first()
    assert (version.actor_name, version.history_change_reason) == ("Steward", "patient names")


def test_seeing_a_sheet_is_not_enough_to_close_it(sheet, steward, make_user, team):
    onlooker = make_user("onlooker", "data-steward", groups=(team,))
    access.share(collection=sheet, to=team, level="view", by=steward)

    with pytest.raises(NotPermitted, match="may not change"):
        constraints.tighten(row=sheet, terms=NO_TRAINING, by=onlooker)


def test_an_auditor_may_close_any_sheet(sheet, officer):
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=officer)

    sheet.refresh_from_db()
    assert sheet.prohibited_uses == BITS["training"]
