"""What a constraint would change is asked before it is changed, and is what then happens."""

from __future__ import annotations

import pytest

from governance import access, constraints, whatif
from governance.constraints import Terms
from governance.errors import NotPermitted
from governance.models import ApprovalRequest, ConstraintChange
from governance.uses import ALL_USES, Classification, Use, uses_in
from labeling.models import CanonicalLabel, QAPair
from tests.test_exit_matrix import OPEN, SECRET, Chain, ways_to_close
from tests.test_rights import TEAM_ROLES, everything_stored
from training.models import DatasetVersion

pytestmark = pytest.mark.django_db

NO_TRAINING = next(terms for way, terms in ways_to_close(Use.TRAINING) if way == "prohibited")
EVERYTHING = Terms(
    allowed_uses=ALL_USES, prohibited_uses=0, data_classification=Classification.INTERNAL,
    usage_reason="the names were invented",
)  # fmt: skip


@pytest.fixture
def chain(make_user) -> Chain:
    Chain(OPEN, make_user("bob", *TEAM_ROLES))
    return Chain(SECRET, make_user("ada", *TEAM_ROLES))


def permitted(model) -> int:
    return sum(model.objects.permitting(use).count() for use in Use)


@pytest.mark.parametrize("place", ["table", "volume", "column", "Sheet", "Labelset", "Prompt Template", "pair"])
def test_what_is_foretold_happens_and_asking_changes_nothing(place, chain, officer):
    row, before = chain.places[place], everything_stored()
    foretold = whatif.what_if(row=row, terms=NO_TRAINING, by=officer)
    assert everything_stored() == before

    counts = {model: permitted(model) for model in (CanonicalLabel, QAPair)}
    constraints.tighten(row=row, terms=NO_TRAINING, by=chain.owner)

    lost = {str(model._meta.verbose_name_plural): was - permitted(model) for model, was in counts.items()}
    assert {name: count for name, count in lost.items() if count} == {
        effect.what: effect.lost for effect in foretold.effects
    }
    assert {effect.use for effect in foretold.effects} == {"training"}
    assert DatasetVersion.objects.get(pk=chain.version.pk).status == DatasetVersion.Status.SUSPENDED
    told = {one.title: one.names for one in foretold.consequences}
    assert told["approved datasets would be suspended"] == [str(chain.version)]
    assert len(told["model versions would be affected"]) == 1


def test_a_request_to_relax_carries_what_it_would_change(chain, officer):
    sheet = chain.places["Sheet"]
    constraints.tighten(row=sheet, terms=NO_TRAINING, by=chain.owner)

    request = constraints.request_relaxation(row=sheet, terms=EVERYTHING, by=chain.owner)

    effects = ApprovalRequest.objects.get(pk=request.pk).payload["what_if"]["effects"]
    assert {(one["use"], one["gained"], one["lost"]) for one in effects} == {("training", 1, 0)}
    assert ConstraintChange.objects.filter(object_id=sheet.pk, direction="relaxed").count() == 0


def test_page_and_api_tell_the_same_and_keep_what_was_typed(chain, client, api):
    sheet = chain.places["Sheet"]
    client.force_login(chain.owner)
    typed = {
        "permitted": uses_in(ALL_USES & ~NO_TRAINING.prohibited_uses), "data_classification": 3,
        "usage_reason": "found patient names", "try": "1",
    }  # fmt: skip
    page = client.post(f"/admin/why/workbench.sheet/{sheet.pk}/", typed)
    answer = api(chain.owner).post(f"/api/v1/sheets/{sheet.pk}/what-if/", NO_TRAINING.as_json()).json()

    assert page.status_code == 200 and page.context["tried"].as_json() == answer
    assert "found patient names" in page.content.decode() and "Nothing has been changed" in page.content.decode()
    assert answer["effects"] and SECRET in str(answer["consequences"])


def test_rows_of_others_are_neither_counted_nor_named(chain, make_user):
    guest = make_user("eve", *TEAM_ROLES)
    access.share(collection=chain.places["Sheet"], to=guest, level="view", by=chain.owner)

    told = whatif.what_if(row=chain.places["Sheet"], terms=NO_TRAINING, by=guest)

    assert {effect.what for effect in told.effects} == {"canonical labels"}  # they follow the Sheet, pairs do not
    assert SECRET not in str(told.consequences)


def test_who_may_change_no_constraint_learns_nothing(chain, viewer, make_user, api):
    access.share(collection=chain.places["Sheet"], to=viewer, level="view", by=chain.owner)

    with pytest.raises(NotPermitted):
        whatif.what_if(row=chain.places["Sheet"], terms=NO_TRAINING, by=viewer)
    with pytest.raises(NotPermitted):
        whatif.what_if(row=chain.places["Sheet"], terms=NO_TRAINING, by=make_user("eve", *TEAM_ROLES))
    address = f"/api/v1/sheets/{chain.places['Sheet'].pk}/what-if/"
    assert api(viewer).post(address, NO_TRAINING.as_json()).status_code == 403
