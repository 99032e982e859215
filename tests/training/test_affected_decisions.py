"""A model that learned from rows which would not permit it today is put to use only if someone accountable says so."""

from __future__ import annotations

import pytest

from governance import constraints
from governance.constraints import Terms
from governance.errors import InvalidInput, NotPermitted, ReasonRequired, SameApprover
from governance.models import RecordEntry
from governance.uses import ALL_USES, mask_of
from labeling.models import QAPair
from tests.test_exit_matrix import OPEN, SECRET, Chain
from tests.test_rights import TEAM_ROLES
from training.models import AffectedDecision, ModelVersion
from training.runs import services
from training.runs.affected import decide_on_affected, require_usable_model
from training.runs.errors import ModelAffected, NotAffected

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(make_user):
    return make_user("ada", *TEAM_ROLES)


@pytest.fixture
def chain(make_user, owner) -> Chain:
    Chain(OPEN, make_user("bob", *TEAM_ROLES))
    return Chain(SECRET, owner)


@pytest.fixture
def version(chain) -> ModelVersion:
    return chain.world[ModelVersion]


@pytest.fixture
def aliases(monkeypatch):
    """What the registry was told."""
    told = []

    class Registry:
        def set_alias(self, *words):
            told.append(words)

    monkeypatch.setattr(services, "tracking", Registry)
    return told


def close(chain, by, *uses):
    terms = Terms(allowed_uses=ALL_USES, prohibited_uses=mask_of(uses), data_classification=1, usage_reason="withdrawn")
    constraints.tighten(row=chain.world[QAPair], terms=terms, by=by)


def test_an_affected_version_gets_an_alias_only_by_decision(chain, version, owner, officer, aliases):
    close(chain, owner, "training", "validation")

    with pytest.raises(ModelAffected, match="1 pairs"):
        services.set_alias(model_version=version, alias="champion", by=owner)
    assert aliases == []
    decide_on_affected(model_version=version, verdict="may_stay", reason="consent covers models in use", by=officer)
    services.set_alias(model_version=version, alias="champion", by=owner)

    assert [words[1] for words in aliases] == ["champion"]
    assert RecordEntry.objects.filter(kind="training.affecteddecision").exists()


def test_a_decision_that_it_must_go_keeps_it_out(chain, version, owner, officer):
    close(chain, owner, "training")
    decide_on_affected(model_version=version, verdict="must_go", reason="no consent", by=officer)

    with pytest.raises(ModelAffected, match="must not be used"):
        require_usable_model(version, "set an alias on")


def test_a_decision_holds_for_the_pairs_it_was_made_on(chain, version, owner, officer, monkeypatch):
    close(chain, owner, "training")
    decided = decide_on_affected(model_version=version, verdict="may_stay", reason="consent", by=officer)
    AffectedDecision.objects.create(
        model_version=version, verdict="may_stay", reason="of other pairs", pairs=decided.pairs, digest="0" * 64,
        decided_by=officer,
    )  # fmt: skip

    with pytest.raises(ModelAffected):
        require_usable_model(version, "set an alias on")


def test_what_nothing_closed_needs_no_decision(version, officer, owner, aliases):
    with pytest.raises(NotAffected):
        decide_on_affected(model_version=version, verdict="may_stay", reason="why not", by=officer)

    services.set_alias(model_version=version, alias="champion", by=owner)
    assert len(aliases) == 1


def test_only_someone_accountable_who_did_not_train_it_decides_with_a_reason(chain, version, owner, officer, engineer):
    close(chain, owner, "training")
    asked = {"model_version": version, "verdict": "may_stay", "reason": "fine"}

    with pytest.raises(NotPermitted):
        decide_on_affected(**asked, by=engineer)
    owner.groups.add(*officer.groups.all())
    with pytest.raises(SameApprover):
        decide_on_affected(**asked, by=type(owner).objects.get(pk=owner.pk))
    with pytest.raises(ReasonRequired):
        decide_on_affected(**asked | {"reason": " "}, by=officer)
    with pytest.raises(InvalidInput, match="may_stay, must_go"):
        decide_on_affected(**asked | {"verdict": "perhaps"}, by=officer)


def test_page_list_and_api_show_what_was_decided(chain, version, owner, officer, client, api):
    close(chain, owner, "training")
    client.force_login(officer)
    page = f"/admin/training/modelversion/{version.pk}/change/"
    assert "Nobody has decided" in client.get(page).content.decode()

    body = {"verdict": "may_stay", "reason": "consent covers it"}
    answer = api(officer).post(f"/api/v1/model-versions/{version.pk}/decide-affected/", body)

    assert answer.status_code == 200, answer.content
    assert answer.json()["decisions"][0]["reason"] == "consent covers it"
    assert "consent covers it" in client.get(page).content.decode()
    assert "may stay in use" in client.get("/admin/train/affected/").content.decode()
