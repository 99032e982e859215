"""JSON of jobs, constraint changes, the record and tokens."""

from __future__ import annotations

from typing import Any

from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.api.fields import ChoiceField, ClassificationField, UsesField
from governance.models import (
    ApiToken,
    Checkpoint,
    ConstraintChange,
    Job,
    RecordArchive,
    RecordEntry,
)
from governance.record import showing
from governance.sign_in import services
from governance.sign_in.scopes import SCOPES


class JobSerializer(serializers.ModelSerializer):
    """A job as its page shows it; `rate` in items per second and `eta_seconds` while it runs."""

    requested_by = serializers.StringRelatedField(allow_null=True)
    percent = serializers.IntegerField(read_only=True)
    rate = serializers.FloatField(read_only=True, allow_null=True)
    eta_seconds = serializers.IntegerField(read_only=True, allow_null=True)
    is_finished = serializers.BooleanField(read_only=True)

    class Meta:
        model = Job
        fields = (
            "id", "kind", "subject_kind", "subject_id", "subject_label", "state", "done", "total", "percent",
            "rate", "eta_seconds", "is_finished", "attempt", "cancel_requested_at", "result", "error",
            "requested_by", "created_at", "started_at", "finished_at",
        )  # fmt: skip


class ConstraintChangeSerializer(serializers.ModelSerializer):
    """One change of one constraint."""

    old_allowed = UsesField()
    new_allowed = UsesField()
    old_prohibited = UsesField()
    new_prohibited = UsesField()
    old_classification = ClassificationField()
    new_classification = ClassificationField()
    reached = serializers.DictField(
        source="reached_shown", child=serializers.IntegerField(), read_only=True,
        help_text="Counts by kind, for those who may see every row; else empty.",
    )

    class Meta:
        model = ConstraintChange
        fields = (
            "id", "kind", "object_id", "subject_label", "old_allowed", "new_allowed", "old_prohibited",
            "new_prohibited", "old_classification", "new_classification", "old_until", "new_until", "direction",
            "reason", "reached", "actor_name", "door", "request_id", "changed_at",
        )  # fmt: skip


class EntryArchiveSerializer(serializers.ModelSerializer):
    """Where the dropped values of an entry lie: the file, and the positions that it holds."""

    class Meta:
        model = RecordArchive
        fields = ("number", "file", "first", "last")


class RecordEntrySerializer(serializers.ModelSerializer):
    """One change of one row. `old` and `new` hold the changed columns, or all of them when a row came or went;
    they are null once erased, and `erased` says when, by whom and why; or once dropped, and `archive` says where they
    are. `old_names` and `new_names`: what numbers in them stand for, such as uses and classifications."""

    actor = serializers.SerializerMethodField()
    reason = serializers.SerializerMethodField()
    old = serializers.SerializerMethodField()
    new = serializers.SerializerMethodField()
    old_names = serializers.SerializerMethodField()
    new_names = serializers.SerializerMethodField()
    erased = serializers.CharField(source="why_erased", help_text="Empty while it has its values.")
    archive = serializers.SerializerMethodField()

    class Meta:
        model = RecordEntry
        fields = (
            "id", "kind", "object_id", "version", "operation", "recorded_at", "actor_id", "actor", "door",
            "request_id", "reason", "old", "new", "old_names", "new_names", "erased", "archive",
            "values_digest", "previous", "entry_hash",
        )  # fmt: skip

    def get_actor(self, entry: RecordEntry) -> str:
        return str(entry.said.get("actor", ""))

    def get_reason(self, entry: RecordEntry) -> str:
        return str(entry.said.get("reason", ""))

    def get_old(self, entry: RecordEntry) -> dict[str, Any] | None:
        return entry.said.get("old")

    def get_new(self, entry: RecordEntry) -> dict[str, Any] | None:
        return entry.said.get("new")

    def get_old_names(self, entry: RecordEntry) -> dict[str, str]:
        return showing.names_in(entry.kind, entry.said.get("old"))

    def get_new_names(self, entry: RecordEntry) -> dict[str, str]:
        return showing.names_in(entry.kind, entry.said.get("new"))

    @extend_schema_field(EntryArchiveSerializer(allow_null=True))
    def get_archive(self, entry: RecordEntry) -> dict[str, Any] | None:
        number = getattr(entry, "archive_number", None)
        if number is None or entry.said or entry.why_erased:
            return None
        return EntryArchiveSerializer(self._archives[number]).data

    @cached_property
    def _archives(self) -> dict[int, RecordArchive]:
        """They are few, and all entries of a page look here."""
        return {archive.number: archive for archive in RecordArchive.objects.all()}


class CheckpointSerializer(serializers.ModelSerializer):
    """One signed state of the record."""

    class Meta:
        model = Checkpoint
        fields = ("number", "size", "root", "previous", "sealed_at", "key_id", "body", "signature")


class ApiTokenSerializer(serializers.ModelSerializer):
    """A token as it can be told apart: its first characters, never the rest."""

    state = serializers.SerializerMethodField()
    username = serializers.CharField(source="user.username")
    created_by = serializers.SerializerMethodField()

    class Meta:
        model = ApiToken
        fields = ("id", "name", "start", "username", "scopes", "state", "created_by", "created_at", "expires_at",
                  "last_used_at", "revoked_at")  # fmt: skip

    def get_created_by(self, token: ApiToken) -> str | None:
        """Nobody: a command on the server."""
        return token.created_by.username if token.created_by else None

    def get_state(self, token: ApiToken) -> str:
        return services.state_of(token)[0]


class NewTokenSerializer(serializers.Serializer):
    """What a token is for, what it may do, and for how many days."""

    name = serializers.CharField(max_length=120)
    scopes = serializers.ListField(child=ChoiceField(choices=list(SCOPES)), allow_empty=False)
    days = serializers.IntegerField(min_value=1, max_value=services.AT_MOST_DAYS, default=services.DAYS)


class MadeTokenSerializer(ApiTokenSerializer):
    """A new token with its text, which is shown this once."""

    token = serializers.CharField()

    class Meta(ApiTokenSerializer.Meta):
        fields = (*ApiTokenSerializer.Meta.fields, "token")
