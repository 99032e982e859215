"""Who changed what a permission means is on record, from the first migration on."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from governance.models import RecordEntry
from governance.record import live, triggers
from governance.record.migrating import put_declared_on_record

pytestmark = pytest.mark.django_db


def extra() -> set[tuple[str, str]]:
    return {(fault.kind, fault.object_id) for fault in live.unrecorded()}


@pytest.mark.parametrize("model", [Permission, ContentType], ids=lambda model: model.__name__)
def test_every_row_that_migrating_left_has_an_entry_with_a_door(model):
    entries = RecordEntry.objects.filter(kind=model._meta.label_lower, operation="insert")

    keys = {str(pk) for pk in model.objects.values_list("pk", flat=True)}
    assert set(entries.values_list("object_id", flat=True)) == keys
    assert not entries.filter(door="").exists()
    assert not extra()


def test_a_permission_that_is_given_another_meaning_by_sql_is_on_record():
    row = Permission.objects.get(codename="view_sheet")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE auth_permission SET codename = 'add_sheet_too' WHERE id = %s", [row.pk])

    entry = RecordEntry.objects.with_values().get(kind="auth.permission", object_id=str(row.pk), version=2)
    assert (entry.said["old"], entry.said["new"]) == ({"codename": "view_sheet"}, {"codename": "add_sheet_too"})


def test_migrating_excuses_only_rows_that_a_model_declares():
    kind = ContentType.objects.get(app_label="workbench", model="sheet")
    with triggers.lifted():
        Permission.objects.filter(codename="view_sheet", content_type=kind).delete()
        declared = Permission.objects.create(codename="view_sheet", content_type=kind, name="Can view sheet")
        smuggled = Permission.objects.create(codename="do_anything", content_type=kind, name="Can do anything")
    assert extra() == {("auth.permission", str(declared.pk)), ("auth.permission", str(smuggled.pk))}

    put_declared_on_record("default")

    assert extra() == {("auth.permission", str(smuggled.pk))}
    entry = RecordEntry.objects.with_values().get(kind="auth.permission", object_id=str(declared.pk))
    assert (entry.operation, entry.said["reason"]) == ("insert", "made by Django while migrating")
