"""Curated Datasets: what is selected, why the rest is not, freezing, approval and suspension."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from governance import constraints, desk, jobs
from governance.approvals.selectors import open_request
from governance.constraints import Terms
from governance.errors import NotPermitted, TransitionNotAllowed, WorkbenchError
from governance.uses import ALL_USES, Use, mask_of
from tests.factories import CanonicalLabelFactory
from tests.proofs import examples
from tests.training.factories import (
    approved,
    derivation_from,
    frozen,
    make_dataset,
    make_pair,
    make_pairs,
    make_sheet,
    make_template,
    make_training_sheet,
    write_rows,
)
from training.datasets import selectors, services
from training.datasets.errors import MembersProhibited, NotADraft, NotReviewed, RulesRefused, SplitFixed, SplitRefused
from training.datasets.rules import Rules, Split
from training.models import CuratedDataset, DatasetMember, DatasetVersion

NO_TRAINING = mask_of(["training", "validation"])
PHI = "tag PHI: patient data must not be kept in weights"
shares = st.tuples(st.integers(1, 100), st.integers(0, 100), st.integers(0, 100)).map(
    lambda parts: Split(*(part / sum(parts) for part in parts))
)


def phi_column(sheet_version):
    column = sheet_version.sheet.connection.objects_known.get(ref__endswith="#patient")
    column.prohibited_uses, column.usage_reason, column.data_classification = NO_TRAINING, PHI, 3
    column.save()
    return column


def no_train_terms(row, reason="withdrawn consent"):
    return Terms(
        allowed_uses=row.allowed_uses, prohibited_uses=NO_TRAINING, data_classification=row.data_classification,
        usage_reason=reason,
    )


@given(split=shares, keys=st.lists(st.text(min_size=1), min_size=1), dataset=st.uuids())
@settings(max_examples=examples(60))
def test_a_key_has_one_side_of_the_split_and_never_an_empty_one(split, keys, dataset):
    for key in keys:
        side = split.side_of(dataset, key)
        assert side == split.side_of(dataset, key)
        assert getattr(split, side) > 0


def test_shares_of_many_keys_come_near_the_wanted_shares():
    split = Split(train=0.7, validation=0.2, test=0.1)

    sides = [split.side_of("dataset", str(number)) for number in range(5000)]

    assert abs(sides.count("train") / 5000 - 0.7) < 0.03
    assert abs(sides.count("test") / 5000 - 0.1) < 0.03


@pytest.mark.parametrize(
    "split",
    [{"train": 0.8}, {"train": 2, "validation": -1}, {"train": "all"}, {"train": 1, "dev": 0}, {"validation": 1}],
)
def test_a_split_that_is_none_is_refused_with_its_field(split, training_sheet, engineer):
    with pytest.raises(SplitRefused) as refused:
        make_dataset(engineer, training_sheet, split=split)

    assert refused.value.field == "split"


@pytest.mark.parametrize("rules", [{"min_confidence": 7}, {"origins": ["guess"]}, {"uses": ["resale"]}, {"since": 1}])
def test_a_rule_that_cannot_be_used_is_refused(rules):
    with pytest.raises(RulesRefused):
        Rules.parse(rules)


def test_only_reviewed_training_sheets_can_be_curated(engineer):
    ready = make_training_sheet(engineer, status="ready")

    with pytest.raises(NotReviewed, match="ready for review"):
        make_dataset(engineer, ready)


def test_a_training_sheet_of_others_cannot_be_curated(training_sheet, stranger):
    with pytest.raises(NotPermitted):
        make_dataset(stranger, training_sheet)


def test_every_pair_is_a_member_or_counted_with_its_reason(training_sheet, engineer):
    column = phi_column(training_sheet.sheet_version)
    tagged = derivation_from(training_sheet.sheet, column, note="with patient")
    make_pairs(training_sheet, 10)
    make_pair(training_sheet, "u", status="unlabeled")
    make_pair(training_sheet, "r", status="rejected")
    make_pair(training_sheet, "f", status="flagged")
    make_pair(training_sheet, "low", ai_confidence=0.2)
    make_pair(training_sheet, "human", labeling_mode="manual")
    make_pair(training_sheet, "p1", derivation=tagged)
    make_pair(training_sheet, "p2", derivation=tagged)
    make_pair(training_sheet, "own", prohibited_uses=mask_of(["training"]), usage_reason="client said no")
    training_sheet.pairs.filter(item_ref__startswith="item").update(ai_confidence=0.9)
    training_sheet.pairs.filter(item_ref__in=["p1", "p2", "own"]).update(ai_confidence=0.9)
    everything = {"train": 1, "validation": 0, "test": 0}
    rules = {"min_confidence": 0.5, "origins": ["ai_generated"]}

    version = frozen(make_dataset(engineer, training_sheet, rules=rules, split=everything), engineer)

    assert version.exclusions == {
        "training prohibited: column main.notes#patient (tag PHI)": 2,
        "not approved: to review": 1,
        "not approved: rejected": 1,
        "not approved: flagged": 1,
        "confidence below 0.5": 1,
        "origin left out: empty": 1,
        "training prohibited: on the Q&A pair itself (client said no)": 1,
    }
    assert version.counts | {"bytes": 0} == {
        "candidates": 18, "members": 10, "excluded": 8, "train": 10, "validation": 0, "test": 0, "bytes": 0,
    }
    assert version.members.count() == 10


def test_a_label_that_prohibits_training_keeps_its_pairs_out(training_sheet, engineer):
    label = CanonicalLabelFactory(
        sheet=training_sheet.sheet, prohibited_uses=NO_TRAINING, effective_uses=ALL_USES & ~NO_TRAINING,
        usage_reason="shows a name", derivation=training_sheet.derivation,
    )
    make_pairs(training_sheet, 4)
    make_pair(training_sheet, "labelled", canonical_label=label, labeling_mode="canonical")

    version = frozen(make_dataset(engineer, training_sheet, split={"train": 1}), engineer)

    assert version.exclusions == {"training prohibited: its canonical label (shows a name)": 1}


def test_each_side_needs_its_own_use(training_sheet, engineer):
    no_validation = mask_of(["validation"])
    for number in range(60):
        make_pair(training_sheet, str(number), prohibited_uses=no_validation, usage_reason="no tuning")

    version = frozen(make_dataset(engineer, training_sheet), engineer)

    assert version.counts["validation"] == 0
    assert version.exclusions == {
        "validation prohibited: on the Q&A pair itself (no tuning)": 60 - version.counts["train"]
    }


def test_an_expired_permission_excludes(training_sheet, engineer):
    make_pairs(training_sheet, 2)
    make_pair(training_sheet, "old", permitted_until=timezone.now())

    version = frozen(make_dataset(engineer, training_sheet, split={"train": 1}), engineer)

    (reason,) = version.exclusions
    assert reason.startswith("training prohibited: the Q&A pair was permitted until")


def test_no_group_sits_on_two_sides_in_this_or_a_later_version(training_sheet, engineer):
    def rows(count):
        return [{"id": str(n), "text": "t", "patient": f"patient {n % 12}"} for n in range(count)]

    write_rows("notes", rows(60))
    for number in range(60):
        make_pair(training_sheet, str(number))
    by_patient = {"train": 0.5, "validation": 0.5, "by": "patient"}
    first = frozen(make_dataset(engineer, training_sheet, split=by_patient), engineer)
    write_rows("notes", rows(90))
    for number in range(60, 90):
        make_pair(training_sheet, str(number))

    second = frozen(services.start_new_version(dataset=first.dataset, by=engineer), engineer)

    sides = {}
    for member in DatasetMember.objects.filter(version__in=[first, second]):
        sides.setdefault(member.split_key, set()).add(member.split)
    assert second.counts["members"] == 90
    assert len(sides) == 12
    assert all(len(found) == 1 for found in sides.values())
    assert {side for found in sides.values() for side in found} == {"train", "validation"}


def test_an_item_without_a_group_is_left_out(training_sheet, engineer):
    write_rows("notes", [{"id": "1", "text": "t", "patient": "p"}, {"id": "2", "text": "t", "patient": ""}])
    for ref in ("1", "2", "gone"):
        make_pair(training_sheet, ref)

    version = frozen(make_dataset(engineer, training_sheet, split={"train": 1, "by": "patient"}), engineer)

    assert version.exclusions == {"no value in the split column patient": 2}


def test_the_split_is_fixed_once_a_version_was_frozen(training_sheet, engineer):
    make_pairs(training_sheet, 4)
    version = frozen(make_dataset(engineer, training_sheet), engineer)

    with pytest.raises(SplitFixed):
        services.update_dataset(dataset=version.dataset, by=engineer, split={"train": 0.5, "validation": 0.5})

    assert services.update_dataset(dataset=version.dataset, by=engineer, description="Kept").description == "Kept"


def test_freezing_the_same_selection_gives_the_same_fingerprint(training_sheet, engineer):
    make_pairs(training_sheet, 30)
    first = frozen(make_dataset(engineer, training_sheet), engineer)

    second = frozen(services.start_new_version(dataset=first.dataset, by=engineer), engineer)

    assert first.fingerprint == second.fingerprint
    assert len(first.fingerprint) == 64


def test_a_changed_answer_changes_the_fingerprint_of_the_next_version_only(training_sheet, engineer):
    pairs = make_pairs(training_sheet, 5)
    first = frozen(make_dataset(engineer, training_sheet), engineer)
    pairs[0].answer = make_pair(training_sheet, "other", "chargeback", status="rejected").answer
    pairs[0].save()

    second = frozen(services.start_new_version(dataset=first.dataset, by=engineer), engineer)

    assert second.fingerprint != first.fingerprint
    assert first.members.get(pair=pairs[0]).answer.body == "card"


def test_a_frozen_version_cannot_be_changed_or_frozen_again(training_sheet, engineer):
    make_pairs(training_sheet, 2)
    version = frozen(make_dataset(engineer, training_sheet), engineer)

    with pytest.raises(NotADraft):
        services.update_draft(version=version, by=engineer, rules={})
    with pytest.raises(NotADraft):
        services.freeze(version=version, by=engineer)


def test_a_draft_changed_while_it_waits_for_its_freeze_is_refused_then(training_sheet, engineer):
    make_pairs(training_sheet, 2)
    version = make_dataset(engineer, training_sheet)
    job = services.freeze(version=version, by=engineer)
    DatasetVersion.objects.filter(pk=version.pk).update(rules={"min_quality": 0.5})

    jobs.run(job.pk)

    job.refresh_from_db()
    assert job.state == "failed"
    assert "was changed while" in job.error


def test_a_selection_of_nothing_says_why(training_sheet, engineer):
    make_pair(training_sheet, "r", status="rejected")
    job = services.freeze(version=make_dataset(engineer, training_sheet), by=engineer)

    jobs.run(job.pk)

    job.refresh_from_db()
    assert "1 not approved: rejected" in job.error


def test_queries_of_a_freeze_grow_with_batches_and_not_with_pairs(training_sheet, engineer, monkeypatch):
    monkeypatch.setattr("training.datasets.candidates.BATCH", 50)

    def queries(count):
        make_pairs(training_sheet, count)
        version = make_dataset(engineer, training_sheet, name=f"set {count}")
        job = services.freeze(version=version, by=engineer)
        training_sheet.pairs.filter(item_ref__startswith="item").update(ai_confidence=0.5)
        with CaptureQueriesContext(connection) as found:
            jobs.run(job.pk)
        training_sheet.dataset_versions.all().delete()
        training_sheet.pairs.all().delete()
        return len(found)

    assert queries(100) - queries(50) <= 12


def test_the_preview_shows_the_exact_lines_of_the_export_before_and_after_freezing(training_sheet, engineer):
    make_pairs(training_sheet, 8)
    draft = make_dataset(engineer, training_sheet)
    before = selectors.preview(draft)

    after = selectors.preview(frozen(draft, engineer))

    assert before.lines == after.lines
    assert len(before.lines) == 5
    assert before.counts["members"] == 8
    assert '"role":"assistant"' in before.lines[0]


def test_metrics_say_how_sure_and_how_balanced(training_sheet, engineer, expert):
    make_pairs(training_sheet, 3, ("card",))
    make_pair(training_sheet, "x", "refund", reviewed_by=expert, reviewed_at=timezone.now(), ai_confidence=0.5)
    make_pair(training_sheet, "y", "card", text="Note x: about refund")

    version = frozen(make_dataset(engineer, training_sheet), engineer)

    assert version.metrics == {
        "human_verified": 0.2, "distinct_answers": 2, "duplicate_prompts": 1, "mean_confidence": 0.5,
        "answers": [{"answer": "card", "count": 4}, {"answer": "refund", "count": 1}],
    }


def test_an_approver_alone_approves_internal_rows(training_sheet, engineer, approver, share_dataset):
    make_pairs(training_sheet, 4)
    version = make_dataset(engineer, training_sheet)
    share_dataset(version.dataset)

    assert approved(version, engineer, approver).status == "approved"


def test_a_restricted_row_needs_a_compliance_officer_too(training_sheet, engineer, approver, officer, share_dataset):
    make_pairs(training_sheet, 4)
    make_pair(training_sheet, "secret", data_classification=3)
    version = make_dataset(engineer, training_sheet)
    share_dataset(version.dataset)

    assert approved(version, engineer, approver).status == "draft"
    request = open_request(version, "dataset-approve")
    desk.decide(request=request, by=officer, approve=True, comment="seen")

    assert DatasetVersion.objects.get(pk=version.pk).status == "approved"


def test_a_version_that_lost_a_permission_cannot_be_approved(training_sheet, engineer, approver, share_dataset):
    pairs = make_pairs(training_sheet, 4)
    version = frozen(make_dataset(engineer, training_sheet, split={"train": 1}), engineer)
    share_dataset(version.dataset)
    request = services.request_approval(version=version, by=engineer, reason="ready")
    constraints.tighten(row=pairs[0], terms=no_train_terms(pairs[0]), by=engineer)

    with pytest.raises(MembersProhibited, match="withdrawn consent"):
        desk.decide(request=request, by=approver, approve=True, comment="fine")

    assert DatasetVersion.objects.get(pk=version.pk).status == "draft"


def test_a_draft_that_is_not_frozen_cannot_be_asked_for(training_sheet, engineer):
    make_pairs(training_sheet, 4)

    with pytest.raises(WorkbenchError, match="not frozen"):
        services.request_approval(version=make_dataset(engineer, training_sheet), by=engineer, reason="ready")


@pytest.fixture
def two_approved(training_sheet, engineer, approver, share_dataset):
    """The team's approved set, and an approved one over other rows."""
    make_pairs(training_sheet, 6)
    other = make_training_sheet(engineer, make_sheet(engineer, "Others"), name="Other pairs")
    make_pairs(other, 6)
    versions = []
    for sheet in (training_sheet, other):
        version = make_dataset(engineer, sheet, name=f"set of {sheet.name}")
        share_dataset(version.dataset)
        versions.append(approved(version, engineer, approver))
    return versions


def test_tightening_a_source_suspends_the_versions_that_hold_its_rows_only(two_approved, engineer):
    version, other = two_approved
    sheet = version.training_sheets.get().sheet

    constraints.tighten(row=sheet, terms=no_train_terms(sheet), by=engineer)

    version.refresh_from_db()
    other.refresh_from_db()
    assert (version.status, other.status) == ("suspended", "approved")
    assert "withdrawn consent" in version.status_reason
    assert version.history.first().history_change_reason == version.status_reason
    assert sum(selectors.why_prohibited(version).values()) == 6


def test_tightening_one_pair_suspends(two_approved, engineer):
    version, _ = two_approved
    pair = version.members.first().pair

    constraints.tighten(row=pair, terms=no_train_terms(pair), by=engineer)

    version.refresh_from_db()
    assert version.status == "suspended"


def test_tightening_a_use_that_no_side_needs_suspends_nothing(two_approved, engineer):
    version, _ = two_approved
    pair = version.members.first().pair
    terms = Terms(
        allowed_uses=ALL_USES, prohibited_uses=Use.FEW_SHOT.bit, data_classification=1, usage_reason="no demos"
    )

    constraints.tighten(row=pair, terms=terms, by=engineer)

    version.refresh_from_db()
    assert version.status == "approved"


def test_archiving_ends_the_use_and_needs_an_approved_version(two_approved, training_sheet, engineer):
    version, _ = two_approved

    assert services.archive(version=version, by=engineer, reason="replaced").status == "archived"
    with pytest.raises(TransitionNotAllowed):
        services.archive(version=version, by=engineer, reason="again")


def test_what_was_approved_is_never_deleted(two_approved, engineer):
    with pytest.raises(NotADraft, match="Archive it instead"):
        services.delete_draft(version=two_approved[0], by=engineer)


def test_deleting_the_only_draft_deletes_the_dataset(training_sheet, engineer):
    make_pairs(training_sheet, 2)
    version = frozen(make_dataset(engineer, training_sheet), engineer)

    services.delete_draft(version=version, by=engineer)

    assert not CuratedDataset.objects.filter(pk=version.dataset_id).exists()


def test_one_click_curates_everything_that_passes(training_sheet, engineer):
    make_pairs(training_sheet, 5)
    make_pair(training_sheet, "no", status="rejected")

    jobs.run(services.curate_everything(training_sheet=training_sheet, by=engineer).pk)

    version = DatasetVersion.objects.get()
    assert version.counts["members"] == 5
    assert version.dataset.split == {"train": 0.8, "validation": 0.2, "test": 0.0, "by": ""}
    assert services.curate_everything(training_sheet=training_sheet, by=engineer).subject_label != str(version)


@pytest.fixture
def labelled(training_sheet, engineer):
    """Three canonical labels of the Sheet, one of them on an item that is gone."""
    write_rows("notes", [{"id": ref, "text": f"text {ref}", "patient": "p"} for ref in ("a", "b")])
    for ref in ("a", "b", "gone"):
        CanonicalLabelFactory(sheet=training_sheet.sheet, item_ref=ref, derivation=training_sheet.derivation)
    return training_sheet.sheet


def label_set(engineer, sheet, template):
    return make_dataset(
        engineer, purpose="evaluation", label_sheet=sheet, label_type=template.template.label_type,
        label_template=template,
    )


def test_an_evaluation_set_straight_from_labels_asks_with_its_template(labelled, engineer):
    version = frozen(label_set(engineer, labelled, make_template(engineer, name="Ask again")), engineer)

    assert version.counts["test"] == 2
    assert version.exclusions == {"the item is gone from the Sheet": 1}
    first = version.members.first()
    assert first.prompt.body == {"messages": [{"role": "user", "content": "About what?\ntext a"}]}


def test_what_the_prompt_shows_binds_a_member_made_from_a_label(labelled, engineer, approver, share_dataset):
    template = make_template(engineer, name="Ask with name", user_prompt="{{ text }} {{ patient }}")
    version = label_set(engineer, labelled, template)
    share_dataset(version.dataset)
    version = approved(version, engineer, approver)
    column = labelled.connection.objects_known.get(ref="main.notes#patient")
    assert version.members.permitting("evaluation").count() == 2

    constraints.tighten(
        row=column, by=engineer,
        terms=Terms(allowed_uses=ALL_USES, prohibited_uses=Use.EVALUATION.bit, data_classification=2,
                    usage_reason="tag CONFIDENTIAL"),
    )

    version.refresh_from_db()
    assert version.members.permitting("evaluation").count() == 0
    assert version.status == "suspended"


def test_labels_make_no_training_set(labelled, engineer):
    template = make_template(engineer, name="Ask again")

    with pytest.raises(WorkbenchError, match="Only sets for evaluation"):
        make_dataset(engineer, label_sheet=labelled, label_type=template.template.label_type, label_template=template)


def test_an_end_of_a_label_binds_the_pairs_that_came_from_it(training_sheet, engineer, steward):
    label = CanonicalLabelFactory(sheet=training_sheet.sheet, derivation=training_sheet.derivation)
    pair = make_pair(training_sheet, "from-label", canonical_label=label, labeling_mode="canonical")
    other = make_pair(training_sheet, "free")
    ended = Terms.parse(
        Terms.of(label).as_json() | {"permitted_until": "2020-01-01T00:00:00Z", "usage_reason": "consent ended"}
    )

    constraints.apply_terms(row=label, terms=ended, by=label.sheet.owner)

    pair.refresh_from_db()
    assert pair.effective_until == ended.permitted_until
    assert list(training_sheet.pairs.permitting("evaluation")) == [other]
