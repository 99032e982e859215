"""Usage constraints on rows, what rows derive from, and every change of either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from governance.ids import uuid7
from governance.models.collections import RoleQuerySet, Tracked, sees_every_row
from governance.uses import ALL_USES, NO_USES, Classification, Constraint, Use, masks_holding, uses_in

if TYPE_CHECKING:
    from governance.models.people import User


def _both(left: Any, right: Any) -> Any:
    """Set intersection in SQL; Django takes expressions here, its type stubs only numbers."""
    return left.bitand(right)


class UsesField(models.PositiveSmallIntegerField):
    """A set of uses, stored as a small integer (see `governance.uses.BITS`)."""


class ConstrainedModel(models.Model):
    """A row with a usage constraint of its own."""

    allowed_uses = UsesField(default=ALL_USES)
    prohibited_uses = UsesField(default=NO_USES)
    usage_reason = models.TextField(blank=True)
    data_classification = models.PositiveSmallIntegerField(
        choices=Classification, default=Classification.INTERNAL
    )
    permitted_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(allowed_uses__lte=ALL_USES, prohibited_uses__lte=ALL_USES),
                name="%(app_label)s_%(class)s_uses_known",
            ),
        ]

    @property
    def kind_word(self) -> str:
        """What kind of thing this row is, in a reader's word."""
        return str(self._meta.verbose_name)

    @property
    def own_uses(self) -> int:
        """What this row permits by itself: allowed and not prohibited."""
        return self.allowed_uses & ~self.prohibited_uses

    @property
    def own_constraint(self) -> Constraint:
        return Constraint(self.own_uses, self.data_classification, self.permitted_until)


class Derivation(models.Model):
    """What a set of rows was made from, and what that together permits; thousands of rows share one."""

    recorded = True

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    fingerprint = models.CharField(max_length=64, unique=True)
    scope = models.JSONField(default=dict, help_text="Versions and columns used, for people to read.")
    uses = UsesField()
    classification = models.PositiveSmallIntegerField(choices=Classification)
    until = models.DateTimeField(null=True, blank=True)
    computed_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["uses", "until"], name="derivation_uses_until")]

    def __str__(self) -> str:
        return f"derivation permitting {', '.join(uses_in(self.uses)) or 'nothing'}"

    @property
    def constraint(self) -> Constraint:
        return Constraint(self.uses, self.classification, self.until)


class DerivationParent(models.Model):
    """One constrained row that a derivation inherits from."""

    recorded = True

    derivation = models.ForeignKey(Derivation, on_delete=models.CASCADE, related_name="parents")
    kind = models.CharField(max_length=100, help_text="Label of the parent's model, such as workbench.sheet.")
    object_id = models.UUIDField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["kind", "object_id", "derivation"], name="derivation_parent_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class PermittedQuerySet(models.QuerySet):
    """Rows that permit `use` now. Only `permitting` makes one, and exits accept nothing else."""

    use: Use

    def _clone(self) -> Self:
        clone = super()._clone()  # type: ignore[misc]
        clone.use = self.use
        return clone


class GovernedQuerySet(models.QuerySet):
    """Rows with a constraint of their own and a derivation."""

    def permitting(self, use: Use | str) -> PermittedQuerySet:
        """Rows that permit `use` now: by their own mask and by what they derive from. Unknown means no."""
        now = timezone.now()
        masks = masks_holding(use)
        sources = Derivation.objects.filter(
            Q(until__isnull=True) | Q(until__gt=now), pk=OuterRef("derivation"), uses__in=masks
        )
        rows = self.filter(
            Q(effective_until__isnull=True) | Q(effective_until__gt=now),
            Exists(sources),
            effective_uses__in=masks,
        )
        permitted: PermittedQuerySet = PermittedQuerySet(
            model=self.model, query=rows.query.chain(), using=rows.db
        )
        permitted.use = Use(use)
        return permitted


class GovernedRow(ConstrainedModel):
    """A row that inherits: from its derivation, and from one parent row where it has one.

    `row_parent` names the foreign key to that parent, whose effective uses bind this row. The effective
    columns hold own ∩ parent row; the derivation is joined when asked, so that it acts at once.
    """

    row_parent: ClassVar[str] = ""
    # One cause, one entry: what follows from the own columns and the parent is not on record again for each row.
    derived_columns: ClassVar[tuple[str, ...]] = (
        "effective_uses", "effective_classification", "effective_until",
    )  # fmt: skip

    derivation = models.ForeignKey(Derivation, on_delete=models.PROTECT, related_name="+")
    effective_uses = UsesField(default=ALL_USES, db_index=True)
    effective_classification = models.PositiveSmallIntegerField(
        choices=Classification, default=Classification.INTERNAL
    )
    effective_until = models.DateTimeField(null=True, blank=True)

    class Meta(ConstrainedModel.Meta):
        abstract = True
        constraints: ClassVar[list[Any]] = [
            *ConstrainedModel.Meta.constraints,
            models.CheckConstraint(
                condition=Q(
                    effective_uses=_both(F("effective_uses"), F("allowed_uses"))
                    - _both(F("effective_uses"), _both(F("allowed_uses"), F("prohibited_uses")))
                ),
                name="%(app_label)s_%(class)s_effective_within_own",
            ),
            models.CheckConstraint(
                condition=Q(effective_classification__gte=F("data_classification")),
                name="%(app_label)s_%(class)s_classification_within",
            ),
            models.CheckConstraint(
                condition=Q(permitted_until__isnull=True) | Q(effective_until__lte=F("permitted_until")),
                name="%(app_label)s_%(class)s_until_within",
            ),
        ]

    @property
    def effective_constraint(self) -> Constraint:
        """What the row permits in the end; asks for its derivation."""
        return Constraint(
            self.effective_uses, self.effective_classification, self.effective_until
        ).meet(self.derivation.constraint)


class TagRule(Tracked):
    """What a catalog tag means for everything made from the tagged table, volume or column."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tag = models.CharField(max_length=64, unique=True)
    allowed_uses = UsesField(default=ALL_USES)
    data_classification = models.PositiveSmallIntegerField(
        choices=Classification, default=Classification.RESTRICTED
    )
    reason = models.TextField()

    objects = RoleQuerySet.as_manager()

    class Meta:
        ordering = ("tag",)

    def __str__(self) -> str:
        return self.tag


class DeclassificationQuerySet(models.QuerySet):
    """Who audits sees all; anybody else what they asked for. Its effect is told on the page of every row it reaches."""

    def visible_to(self, user: User, action: str = "view") -> Self:
        if not user.is_active or not user.is_authenticated:
            return self.none()
        return self if sees_every_row(user, "view") else self.filter(requested_by=user)

    def in_force(self) -> Self:
        """Those approved, not ended and not run out."""
        return self.filter(approved_at__isnull=False, ended_at__isnull=True, permitted_until__gt=timezone.now())


class Declassification(ConstrainedModel, Tracked):
    """Leave for what one tool makes from its sources to permit more than they do, until a date.

    `scope` is `{"template_version": id, "sheet": id}` or `{"labelset_version": id}`; `lifted` names the sources that
    it lifts, each with the constraint that the approver was shown: one that became stricter since is lifted no more.
    It is a parent of the derivations that it reaches, so its end binds them and every "why" names it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    scope = models.JSONField()
    scope_label = models.CharField(max_length=300)
    lifted = models.JSONField(help_text='[{"kind", "id", "label", "word", "uses": mask, "classification"}]')
    grants_uses = UsesField()
    grants_classification = models.PositiveSmallIntegerField(choices=Classification)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    approved_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    end_reason = models.TextField(blank=True)

    objects = DeclassificationQuerySet.as_manager()

    class Meta(ConstrainedModel.Meta):
        ordering = ("-requested_at", "-id")
        constraints: ClassVar[list[Any]] = [
            *ConstrainedModel.Meta.constraints,
            models.CheckConstraint(condition=Q(permitted_until__isnull=False), name="declassification_expires"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(approved_at__isnull=False),
                name="declassification_ended_was_approved",
            ),
        ]

    def __str__(self) -> str:
        return f"for {self.scope_label}"

    @property
    def in_words(self) -> str:
        """What it gives besides what the sources permit: training, validation; internal (in force)."""
        uses = ", ".join(uses_in(self.grants_uses)) or "no other use"
        return f"{uses}; down to {Classification(self.grants_classification).label} ({self.standing})"

    @property
    def standing(self) -> str:
        """asked for, in force, ended or run out; a refusal is on its request."""
        if self.approved_at is None:
            return "asked for"
        if self.ended_at is not None:
            return "ended"
        return "in force" if self.permitted_until and self.permitted_until > timezone.now() else "run out"


class ConstraintChange(models.Model):
    """One change of one constraint: before, after, who, when, why and through which door. Append-only."""

    recorded = append_only = True

    class Direction(models.TextChoices):
        TIGHTENED = "tightened"
        RELAXED = "relaxed"
        BOTH = "both"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=100)
    object_id = models.UUIDField()
    subject_label = models.CharField(max_length=300)
    old_allowed = UsesField()
    new_allowed = UsesField()
    old_prohibited = UsesField()
    new_prohibited = UsesField()
    old_classification = models.PositiveSmallIntegerField(choices=Classification)
    new_classification = models.PositiveSmallIntegerField(choices=Classification)
    old_until = models.DateTimeField(null=True)
    new_until = models.DateTimeField(null=True)
    direction = models.CharField(max_length=12, choices=Direction)
    reason = models.TextField()
    reached = models.JSONField(default=dict, help_text="Counts of rows that inherit the change, by kind.")
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=150, blank=True)
    door = models.CharField(max_length=16, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    changed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-changed_at", "-id")
        permissions: ClassVar[list[Any]] = [
            ("tighten_constraint", "Can tighten usage constraints"),
            ("request_relaxation", "Can ask for a relaxed usage constraint"),
            ("read_every_row", "Can read every row, for audit"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["kind", "object_id", "changed_at"], name="constraintchange_subject"),
            models.Index(fields=["-changed_at", "-id"], name="constraintchange_newest"),
            models.Index(fields=["actor_name", "actor_id"], name="constraintchange_people"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_label}: {self.direction}"

    @property
    def reached_shown(self) -> dict[str, int]:
        """Counts for those who may see every row (`records.changes_visible_to`); for others empty."""
        return self.reached if getattr(self, "counts_shown", False) else {}
