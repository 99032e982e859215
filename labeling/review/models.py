"""What reviewers decided, kept for good; and what they are at work on, kept for a while."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.ids import uuid7
from governance.models import MemberQuerySet
from labeling.generation.models import QAPair
from labeling.labels.models import Content
from labeling.labelsets.models import LabelType
from workbench.models import Sheet


class PairDecision(models.Model):
    """One thing that somebody decided, changed or noted about one pair, with prompt and answer before and after.

    Append-only: it is the pair's history.
    """

    recorded = append_only = True

    class Action(models.TextChoices):
        APPROVE = "approve", "approved"
        EDIT = "edit", "edited and approved"
        REJECT = "reject", "rejected"
        FLAG = "flag", "flagged"
        REOPEN = "reopen", "reopened"
        GOLDEN = "golden", "marked as golden"
        UNGOLDEN = "ungolden", "no longer golden"
        PROMPT = "prompt", "edited the prompt"
        NOTE = "note", "left a note"

    visible_through = "pair"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    pair = models.ForeignKey(QAPair, on_delete=models.CASCADE, related_name="decisions")
    action = models.CharField(max_length=8, choices=Action)
    old_status = models.CharField(max_length=12)
    new_status = models.CharField(max_length=12)
    old_prompt = models.ForeignKey(Content, on_delete=models.PROTECT, related_name="+")
    new_prompt = models.ForeignKey(Content, on_delete=models.PROTECT, related_name="+")
    old_answer = models.ForeignKey(Content, on_delete=models.PROTECT, null=True, related_name="+")
    new_answer = models.ForeignKey(Content, on_delete=models.PROTECT, null=True, related_name="+")
    notes = models.TextField(blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(auto_now_add=True)
    door = models.CharField(max_length=16, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("-decided_at", "-id")
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["pair", "-decided_at"], name="pairdecision_pair"),
            models.Index(fields=["decided_at"], name="pairdecision_when"),
        ]
        permissions = (("view_peoples_work", "Can see how much each person decides, and how it held"),)

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.pair_id}"


class PairClaim(models.Model):
    """One person at work on one pair, until a moment unless renewed. It keeps others away; it decides nothing."""

    visible_through = "pair"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    pair = models.OneToOneField(QAPair, on_delete=models.CASCADE, related_name="claim")
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    until = models.DateTimeField()

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("until",)
        indexes: ClassVar[list[Any]] = [models.Index(fields=["account", "until"], name="pairclaim_of_account")]

    def __str__(self) -> str:
        return f"{self.account} at {self.pair_id}"

    @property
    def taken(self) -> str:
        """Which taking or renewal this is."""
        return self.until.isoformat()


class PairAssignment(models.Model):
    """One pair given to one person: it comes first for them and last for others. It keeps nobody away."""

    recorded = True
    visible_through = "pair"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    pair = models.OneToOneField(QAPair, on_delete=models.CASCADE, related_name="assignment")
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    assigned_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    assigned_at = models.DateTimeField(auto_now_add=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ("assigned_at", "id")

    def __str__(self) -> str:
        return f"{self.pair_id} to {self.account}"


class AssignmentRuleQuerySet(MemberQuerySet):
    """Standing rules, as far as their Sheets are visible."""

    def in_force(self) -> Self:
        """Those that nobody has ended."""
        return self.filter(ended_at__isnull=True)


class AssignmentRule(models.Model):
    """One standing rule: pairs made from a Sheet for a label type from then on are dealt to these people in turn.

    It stays when it has ended, with who ended it and why. `dealt` says whose turn is next.
    """

    recorded = True
    visible_through = "sheet"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sheet = models.ForeignKey(Sheet, on_delete=models.CASCADE, related_name="+")
    label_type = models.ForeignKey(LabelType, on_delete=models.PROTECT, related_name="+")
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")
    reason = models.TextField()
    dealt = models.PositiveIntegerField("pairs dealt", default=0)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    end_reason = models.TextField("why it ended", blank=True)

    objects = AssignmentRuleQuerySet.as_manager()

    class Meta:
        ordering = ("-set_at", "id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["sheet", "label_type"], condition=Q(ended_at__isnull=True), name="assignmentrule_one_in_force"
            ),
            models.CheckConstraint(
                condition=Q(ended_by__isnull=True, ended_at__isnull=True, end_reason="")
                | (Q(ended_by__isnull=False, ended_at__isnull=False) & ~Q(end_reason="")),
                name="assignmentrule_end_complete",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="assignmentrule_has_reason"),
        ]

    def __str__(self) -> str:
        """The Sheet is named where it is loaded."""
        return f"{self.sheet} · {self.label_type_id}" if AssignmentRule.sheet.is_cached(self) else self.label_type_id


class DraftQuerySet(models.QuerySet):
    """Drafts; each belongs to whoever types it."""

    def visible_to(self, user: Any, action: str = "view") -> Self:
        return self.filter(account=user) if user.is_active else self.none()


class PairDraft(models.Model):
    """What one person has typed about one pair and not decided yet: the form's fields as the browser sends them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    pair = models.ForeignKey(QAPair, on_delete=models.CASCADE, related_name="drafts")
    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    entered = models.JSONField(help_text='{"field": ["value", …]}')
    saved_at = models.DateTimeField(auto_now=True)

    objects = DraftQuerySet.as_manager()

    class Meta:
        ordering = ("-saved_at",)
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["pair", "account"], name="pairdraft_one_a_person"),
        ]

    def __str__(self) -> str:
        return f"draft of {self.account}"
