"""Several experts on one item: whose turn it is, what each said on their own, and how it was settled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.utils import timezone

from governance.ids import uuid7
from governance.models import Derivation, MemberQuerySet
from labeling.labels.models import CanonicalLabel, Content
from labeling.labelsets.models import Labelset, LabelsetVersion
from workbench.models import Sheet

if TYPE_CHECKING:
    from governance.models import User


class TurnQuerySet(MemberQuerySet):
    """Turns, as far as their Sheets are visible."""

    def live(self) -> Self:
        """Those that hold a place now: assigned, or taken and not run out."""
        return self.filter(Q(until__isnull=True) | Q(until__gt=timezone.now()))


class Turn(models.Model):
    """One expert's place at one item until they answer: assigned by someone, or taken first come until a moment."""

    recorded = True
    visible_through = "sheet"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="+")
    labelset = models.ForeignKey(Labelset, on_delete=models.CASCADE, related_name="+")
    item_ref = models.CharField(max_length=300)
    expert = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    assigned_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TurnQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["sheet", "labelset", "item_ref", "expert"], name="turn_one_per_expert"),
            models.CheckConstraint(
                condition=Q(assigned_by__isnull=True, until__isnull=False)
                | Q(assigned_by__isnull=False, until__isnull=True),
                name="turn_assigned_or_until",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item_ref} · {self.expert}"


def _by_person(user: User) -> Q:
    return Q(given_by=user) | Q(given_by__person__isnull=False, given_by__person=user.person_id)


class OpinionQuerySet(MemberQuerySet):
    """Opinions, blind: nobody sees those of others on an item before all that are asked for are there."""

    def visible_to(self, user: User, action: str = "view") -> Self:
        """One's own, and those on items that have all of theirs; nobody's role opens more."""
        rows = super().visible_to(user, action)
        if not user.is_authenticated:
            return rows
        own = _by_person(user)
        everybody: Any = self.model._default_manager
        return rows.filter(own | Q(pk__in=everybody.complete().values("pk")))

    def of_person(self, user: User) -> Self:
        """Given by this human, with whichever account."""
        return self.filter(_by_person(user))

    def complete(self) -> Self:
        """Those on items that have as many as their labelset asks for, or are settled."""
        here = {"sheet": OuterRef("sheet"), "labelset": OuterRef("labelset"), "item_ref": OuterRef("item_ref")}
        said = self.model._default_manager.filter(**here).order_by().values("item_ref").annotate(count=Count("pk"))
        return self.alias(
            said=Subquery(said.values("count")), is_settled=Exists(Settlement.objects.filter(**here))
        ).filter(Q(said__gte=F("labelset__opinions_asked")) | Q(is_settled=True))


class Opinion(models.Model):
    """One expert's own answer on one item, given without seeing those of others. Append-only.

    `seen_digest` is of the columns they saw, `derivation` what the answer was made from.
    """

    recorded = append_only = True
    visible_through = "sheet"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sheet = models.ForeignKey(Sheet, on_delete=models.PROTECT, related_name="+")
    labelset = models.ForeignKey(Labelset, on_delete=models.PROTECT, related_name="opinions")
    labelset_version = models.ForeignKey(LabelsetVersion, on_delete=models.PROTECT, related_name="+")
    item_ref = models.CharField(max_length=300)
    content = models.ForeignKey(Content, on_delete=models.PROTECT, related_name="+")
    confidence = models.CharField(max_length=8, choices=CanonicalLabel.Confidence, default="high")
    notes = models.TextField(blank=True)
    seen_digest = models.CharField(max_length=64)
    derivation = models.ForeignKey(Derivation, on_delete=models.PROTECT, related_name="+")
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    given_at = models.DateTimeField(auto_now_add=True)
    door = models.CharField(max_length=16, blank=True)

    objects = OpinionQuerySet.as_manager()

    class Meta:
        ordering = ("-given_at", "-id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["sheet", "labelset", "item_ref", "given_by"], name="opinion_one_per_expert"
            ),
        ]
        permissions = (("view_agreement", "Can see how far experts agree, and who says what"),)

    def __str__(self) -> str:
        return f"{self.item_ref} · {self.given_by}"

    @property
    def data(self) -> Any:
        """The answer as JSON."""
        return self.content.body


class Settlement(models.Model):
    """How the opinions on one item became its canonical label, by whom and why. Append-only."""

    recorded = append_only = True
    visible_through = "sheet"

    class Way(models.TextChoices):
        AGREED = "agreed", "all said the same"
        ADJUDICATED = "adjudicated", "settled by a third person"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sheet = models.ForeignKey(Sheet, on_delete=models.PROTECT, related_name="+")
    labelset = models.ForeignKey(Labelset, on_delete=models.PROTECT, related_name="+")
    item_ref = models.CharField(max_length=300)
    way = models.CharField(max_length=12, choices=Way)
    content = models.ForeignKey(Content, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    canonical_label = models.ForeignKey(CanonicalLabel, on_delete=models.PROTECT, related_name="settlements")
    canonical_version = models.PositiveIntegerField()
    settled_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    settled_at = models.DateTimeField(auto_now_add=True)
    door = models.CharField(max_length=16, blank=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("-settled_at", "-id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["sheet", "labelset", "item_ref"], name="settlement_one_per_item"),
            models.CheckConstraint(
                condition=~Q(way="adjudicated") | ~Q(reason=""), name="settlement_adjudicated_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item_ref} · {self.get_way_display()}"

    @property
    def data(self) -> Any:
        """The answer that became canonical, as JSON."""
        return self.content.body

    @property
    def opinions(self) -> models.QuerySet[Opinion]:
        """What each expert had said, in the order in which they said it."""
        rows = Opinion.objects.filter(sheet=self.sheet_id, labelset=self.labelset_id, item_ref=self.item_ref)
        return rows.select_related("content", "given_by", "labelset_version").order_by("given_at", "id")
