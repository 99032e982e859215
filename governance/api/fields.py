"""Serializer fields that several apps share: uses by name, classifications by name, rows someone may see."""

from __future__ import annotations

from typing import Any, NoReturn

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.uses import Classification, Use, classification_of, mask_of, uses_in


@extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=Use.choices)))
class UsesField(serializers.Field):
    """A set of uses as a list of names."""

    def to_representation(self, value: int) -> list[str]:
        return uses_in(value)

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
            raise serializers.ValidationError(f"Expected a list of uses, such as [\"training\"]; got {data!r}.")
        return mask_of(data, field=self.field_name or "uses")


@extend_schema_field({"type": "string", "enum": [level.label for level in Classification]})
class ClassificationField(serializers.Field):
    """A classification by its name."""

    def to_representation(self, value: int) -> str:
        return str(Classification(value).label)

    def to_internal_value(self, data: Any) -> int:
        return classification_of(data, field=self.field_name or "data_classification")


class ChoiceField(serializers.ChoiceField):
    """One of some values; the refusal names them."""

    default_error_messages = {"invalid_choice": '"{input}" is no choice here; expected one of: {choices}.'}

    def fail(self, key: str, **words: Any) -> NoReturn:
        super().fail(key, choices=", ".join(str(one) or '""' for one in self.choices), **words)


class ScopedRelatedField(serializers.PrimaryKeyRelatedField):
    """A reference to a row that the caller may see; any other row does not exist."""

    def get_queryset(self) -> Any:
        queryset = super().get_queryset()
        return queryset.visible_to(self.context["request"].user) if hasattr(queryset, "visible_to") else queryset


class ConstraintSerializer(serializers.Serializer):
    """A usage constraint as people write it; send it to `…/tighten/` or `…/request-relaxation/`."""

    allowed_uses = UsesField()
    prohibited_uses = UsesField()
    data_classification = ClassificationField()
    usage_reason = serializers.CharField(allow_blank=True)
    permitted_until = serializers.DateTimeField(allow_null=True, required=False, default=None)


class ReasonSerializer(serializers.Serializer):
    """Why; it goes on record."""

    reason = serializers.CharField(max_length=4000)


class OptionalReasonSerializer(serializers.Serializer):
    """Why, where the step can go without."""

    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")
