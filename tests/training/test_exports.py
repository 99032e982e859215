"""Exports: what a file holds, that the same set gives the same bytes, and who may have it."""

from __future__ import annotations

import hashlib
import json

import pytest
from django.utils import timezone

from governance import constraints, jobs
from governance.constraints import Terms
from governance.errors import NotPermitted, UseProhibited
from governance.exits import EXITS
from governance.models import ConstraintChange, RecordEntry
from governance.record import holds
from governance.uses import ALL_USES, Use, mask_of
from tests.training.factories import approved, make_dataset, make_pair, make_pairs
from training import exits
from training.datasets.errors import NotUsable
from training.exports import services, writing
from training.exports.errors import ExportGone, ExportNotReady, ExportOutdated, ExportRefused, NothingToExport
from training.exports.writing import folder_of
from training.models import Export


def exported(version, by, **fields) -> Export:
    export = services.request_export(version=version, by=by, **fields)
    jobs.run(export.job_id)
    export.refresh_from_db()
    assert export.job.state == "succeeded", export.job.error
    return export


def content(export, by) -> bytes:
    with services.open_export(export=export, by=by) as file:
        return file.read()


def prohibit(row, use, by):
    terms = Terms(allowed_uses=ALL_USES, prohibited_uses=mask_of([use]), data_classification=1, usage_reason="no more")
    constraints.tighten(row=row, terms=terms, by=by)


def test_the_training_file_holds_the_train_side_only(approved_set, engineer):
    export = exported(approved_set, engineer)

    lines = [json.loads(line) for line in content(export, engineer).splitlines()]
    assert len(lines) == export.rows == approved_set.counts["train"]
    assert {line["split"] for line in lines} == {"train"}
    assert lines[0]["messages"][-1]["role"] == "assistant"


@pytest.mark.parametrize("format", Export.Format.values)
def test_the_same_set_gives_the_same_bytes(approved_set, engineer, format):
    first, second = (exported(approved_set, engineer, format=format) for _ in range(2))

    assert content(first, engineer) == content(second, engineer)
    assert hashlib.sha256(content(first, engineer)).hexdigest() == first.sha256 == second.sha256
    assert first.manifest.pop("record")["entry"] < second.manifest.pop("record")["entry"]
    assert first.manifest == second.manifest


def test_an_export_of_everything_has_the_fingerprint_of_the_set(training_sheet, engineer, approver, share_dataset):
    make_pairs(training_sheet, 7)
    version = make_dataset(engineer, training_sheet, split={"train": 1})
    share_dataset(version.dataset)
    version = approved(version, engineer, approver)

    assert exported(version, engineer).sha256 == version.fingerprint


def test_the_manifest_lies_beside_the_file(approved_set, engineer, approver):
    export = exported(approved_set, engineer, use="validation", format="csv")

    manifest = json.loads((folder_of(export) / "manifest.json").read_text())
    assert manifest == export.manifest
    assert manifest["fingerprint"] == approved_set.fingerprint
    assert manifest["counts"] == approved_set.counts
    assert manifest["approvals"][0]["by"] == approver.display_name
    assert manifest["export"]["rows"] == approved_set.counts["validation"]
    assert not list(folder_of(export).glob("*.part"))


def test_a_qa_export_holds_every_row_that_permits_testing(training_sheet, engineer, approver, share_dataset):
    make_pairs(training_sheet, 9)
    make_pair(training_sheet, "not for eyes", prohibited_uses=Use.TESTING.bit)
    version = make_dataset(engineer, training_sheet)
    share_dataset(version.dataset)
    version = approved(version, engineer, approver)

    export = exported(version, engineer, use="testing")

    assert export.rows == 9
    assert export.manifest["export"]["rows_not_permitted_now"] == 1


def test_a_set_without_a_test_side_has_nothing_for_evaluation(approved_set, engineer):
    with pytest.raises(NothingToExport):
        services.request_export(version=approved_set, by=engineer, use="evaluation")


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"use": "few_shot"}, "use"), ({"use": "resale"}, "use"), ({"format": "xlsx"}, "format"),
     ({"format": "csv", "embed_files": True}, "embed_files")],
)  # fmt: skip
def test_what_no_export_has_is_refused_with_its_field(approved_set, engineer, fields, field):
    with pytest.raises(ExportRefused) as refused:
        services.request_export(version=approved_set, by=engineer, **fields)

    assert refused.value.field == field


def test_a_draft_is_not_exported(training_sheet, engineer):
    make_pairs(training_sheet, 3)

    with pytest.raises(NotUsable, match="draft"):
        services.request_export(version=make_dataset(engineer, training_sheet), by=engineer)


def test_strangers_and_viewers_get_no_export(approved_set, engineer, stranger, viewer):
    export = exported(approved_set, engineer)

    for user in (stranger, viewer):
        with pytest.raises(NotPermitted):
            services.request_export(version=approved_set, by=user)
    with pytest.raises(NotPermitted):
        services.open_export(export=export, by=stranger)
    assert content(export, viewer)


def test_an_old_file_of_a_suspended_set_is_not_handed_out(approved_set, engineer):
    export = exported(approved_set, engineer)
    prohibit(approved_set.members.filter(split="train").first().pair, "training", engineer)
    export.refresh_from_db()

    with pytest.raises(NotUsable, match="no more"):
        services.open_export(export=export, by=engineer)


def test_a_set_suspended_before_its_export_runs_writes_no_file(approved_set, engineer):
    export = services.request_export(version=approved_set, by=engineer)
    prohibit(approved_set.members.filter(split="train").first().pair, "training", engineer)

    jobs.run(export.job_id)

    export.refresh_from_db()
    assert export.job.state == "failed"
    assert not folder_of(export).exists()
    assert export.file_name == ""


def test_a_file_that_somebody_put_in_its_place_is_not_handed_out(approved_set, engineer):
    export = exported(approved_set, engineer)
    path = folder_of(export) / export.file_name
    path.write_bytes(path.read_bytes().replace(b"card", b"rats"))
    assert path.stat().st_size == export.bytes

    with pytest.raises(ExportGone):
        services.open_export(export=export, by=engineer)


def test_a_file_not_written_yet_and_one_that_is_gone_are_told_apart(approved_set, engineer):
    waiting = services.request_export(version=approved_set, by=engineer)
    gone = exported(approved_set, engineer)
    (folder_of(gone) / gone.file_name).unlink()

    with pytest.raises(ExportNotReady):
        services.open_export(export=waiting, by=engineer)
    with pytest.raises(ExportGone):
        services.open_export(export=gone, by=engineer)


def test_every_exit_of_this_app_refuses_rows_that_nobody_checked(approved_set):
    for function in (exits.training_rows, exits.validation_rows, exits.evaluation_rows, exits.testing_rows):
        with pytest.raises(UseProhibited):
            function(approved_set.members.all())
    with pytest.raises(UseProhibited):
        exits.training_rows(approved_set.members.permitting("evaluation"))
    assert EXITS["training rows"].use == Use.TRAINING
    assert EXITS["validation rows"].use == Use.VALIDATION


def test_a_row_prohibited_meanwhile_leaves_no_exit_even_before_anyone_suspends(approved_set, engineer):
    pair = approved_set.members.filter(split="train").first().pair
    type(pair).objects.filter(pk=pair.pk).update(
        prohibited_uses=Use.TRAINING.bit, effective_uses=ALL_USES & ~Use.TRAINING.bit
    )

    export = exported(approved_set, engineer)

    assert export.rows == approved_set.counts["train"] - 1
    assert str(pair.pk).encode() not in content(export, engineer)


@pytest.fixture
def meanwhile(monkeypatch):
    """Do something each time that a row of an export has been written, until told that it is done."""

    def arrange(change):
        monkeypatch.setattr(writing, "STEP", 1)
        monkeypatch.setattr(jobs.Running, "progress", lambda self, done, total: change(done))

    return arrange


def entry_of(change: ConstraintChange) -> int:
    return RecordEntry.objects.get(kind="governance.constraintchange", object_id=str(change.pk)).pk


def test_a_change_while_the_file_is_written_has_it_written_anew(approved_set, engineer, meanwhile):
    pairs = [member.pair for member in approved_set.members.order_by("position")]
    meanwhile(lambda done: prohibit(pairs[0], "testing", engineer) if done == len(pairs) - 1 else None)

    export = exported(approved_set, engineer, use="testing")

    assert export.rows == len(pairs) - 1
    assert str(pairs[0].pk).encode() not in content(export, engineer)
    assert export.manifest["record"]["entry"] >= max(map(entry_of, ConstraintChange.objects.all()))


def test_a_set_that_loses_its_approval_while_the_file_is_written_gives_none(approved_set, engineer, meanwhile):
    pair = approved_set.members.filter(split="train").first().pair
    meanwhile(lambda done: prohibit(pair, "training", engineer) if done == 1 else None)
    export = services.request_export(version=approved_set, by=engineer)

    jobs.run(export.job_id)

    export.refresh_from_db()
    assert export.job.state == "failed"
    assert "no more" in export.job.error
    assert not export.file_name
    assert not list(folder_of(export).iterdir())


def test_constraints_that_never_settle_end_the_export_without_a_file(
    training_sheet, engineer, approver, share_dataset, meanwhile
):
    pairs = make_pairs(training_sheet, 12)
    version = make_dataset(engineer, training_sheet)
    share_dataset(version.dataset)
    version = approved(version, engineer, approver)
    left = iter(pairs)
    meanwhile(lambda done: prohibit(next(left), "testing", engineer) if done == 1 else None)
    export = services.request_export(version=version, by=engineer, use="testing")

    jobs.run(export.job_id)

    export.refresh_from_db()
    assert export.job.state == "failed"
    assert "Export again" in export.job.error
    assert not list(folder_of(export).iterdir())


def test_an_old_file_is_not_handed_out_once_a_row_of_it_may_not_leave(approved_set, engineer):
    export = exported(approved_set, engineer, use="testing")
    prohibit(approved_set.members.first().pair, "testing", engineer)
    export.refresh_from_db()

    with pytest.raises(ExportOutdated, match="Export again"):
        services.open_export(export=export, by=engineer)

    assert exported(approved_set, engineer, use="testing").rows == export.rows - 1


def clean_up() -> dict[str, int]:
    job = jobs.enqueue("training.remove-closed-exports", subject=None, by=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job.result


def test_a_file_that_may_not_leave_is_removed_and_its_row_says_why(approved_set, engineer, api):
    closed, other = (exported(approved_set, engineer, use=use) for use in (Use.TESTING, Use.TRAINING))
    paths = [services.path_of(one) for one in (closed, other)]
    prohibit(approved_set.members.first().pair, Use.TESTING, engineer)

    assert clean_up() == {"removed": 1, "on_hold": 0}

    closed.refresh_from_db()
    assert [path.exists() for path in paths] == [False, True]
    assert "constraints have changed since" in closed.file_removed_because
    entry = RecordEntry.objects.filter(kind="training.export", object_id=str(closed.pk)).with_values().latest("pk")
    assert (entry.door, entry.said["reason"]) == ("task", closed.file_removed_because)
    said = api(engineer).get(f"/api/v1/exports/{closed.pk}/").json()
    assert said["file_removed_because"] == closed.file_removed_because and said["sha256"] == closed.sha256
    with pytest.raises(ExportGone, match="was removed"):
        services.open_export(export=closed, by=engineer)


def test_what_a_kill_left_over_is_removed_by_the_next_run(approved_set, engineer):
    export = exported(approved_set, engineer)
    path = services.path_of(export)
    bytes_ = path.read_bytes()
    prohibit(approved_set.members.filter(split="train").first().pair, Use.TRAINING, engineer)
    clean_up()
    path.write_bytes(bytes_)

    assert clean_up() == {"removed": 0, "on_hold": 0}
    assert not path.exists()


@pytest.mark.parametrize("kind", ["", "training.export", "training.curateddataset"])
def test_a_file_on_legal_hold_stays_until_it_is_lifted(approved_set, engineer, officer, kind):
    export = exported(approved_set, engineer)
    hold = holds.place_hold(kind=kind, object_id="", reason="matter 12", by=officer)
    prohibit(approved_set.members.filter(split="train").first().pair, Use.TRAINING, engineer)

    assert clean_up() == {"removed": 0, "on_hold": 1}
    assert services.path_of(export).exists()

    hold.lifted_at = timezone.now()
    hold.save(update_fields=["lifted_at"])
    assert clean_up() == {"removed": 1, "on_hold": 0}


def test_the_manifest_names_the_newest_entry_that_the_export_respects(approved_set, engineer):
    before = RecordEntry.objects.order_by("-id").first().pk

    export = exported(approved_set, engineer)

    told = RecordEntry.objects.get(kind="training.export", object_id=str(export.pk), operation="insert")
    assert before < told.pk <= export.manifest["record"]["entry"]
