"""Accounts, the people behind them, and what each role means in plain English."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, Group
from django.db import models

from governance.ids import uuid7
from governance.models.collections import RoleQuerySet


class Person(models.Model):
    """One human being; several accounts of the same human share this row, so that two people are two people."""

    recorded = True

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=150)

    class Meta:
        verbose_name_plural = "people"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """One account. An account without a person is a service account, which may not approve anything."""

    recorded = True
    derived_columns = ("last_login",)
    hidden_columns = ("password",)

    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="accounts")
    single_keys = models.BooleanField(default=True, help_text="Whether single keys act on pages of this account.")
    keys = models.JSONField(default=dict, blank=True, help_text='{"review.approve": "x"}: keys other than the default.')

    class Meta(AbstractUser.Meta):
        ordering = ("username",)

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username


class AccountLink(models.Model):
    """One account that was found to be of another person than before, or parted from one. Append-only."""

    recorded = append_only = True

    class Way(models.TextChoices):
        EMAIL = "email", "the same verified e-mail"
        ADMINISTRATOR = "admin", "an administrator said so"
        PARTED = "parted", "parted by an administrator"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(User, on_delete=models.PROTECT, related_name="links")
    other = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", help_text="The account it was linked with."
    )
    old_person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    new_person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    way = models.CharField(max_length=8, choices=Way)
    reason = models.TextField()
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(auto_now_add=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "linked accounts"
        ordering = ("-decided_at", "-id")

    def __str__(self) -> str:
        return f"{self.account}: {self.get_way_display()}"


class MembershipEnd(models.Model):
    """The moment at which one account's membership in one group ends."""

    recorded = True

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="membership_ends")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="membership_ends")
    until = models.DateTimeField()
    reason = models.TextField()
    set_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        verbose_name = "ending membership"
        ordering = ("until", "id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user", "group"], name="membershipend_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.group}"


class SeenAs(models.Model):
    """One look of an administrator at what another account may see and do. Append-only."""

    recorded = append_only = True

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    looked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=64, blank=True, help_text="Which kind of row; empty: the whole of it.")
    looked_at = models.DateTimeField(auto_now_add=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        verbose_name = "look as someone"
        verbose_name_plural = "looks as someone"
        ordering = ("-looked_at", "-id")

    def __str__(self) -> str:
        return f"{self.looked_by} as {self.account}"


class RoleDescription(models.Model):
    """What the holders of one group may do, in a sentence a newcomer understands."""

    recorded = True

    group = models.OneToOneField(Group, on_delete=models.CASCADE, primary_key=True, related_name="role")
    slug = models.SlugField(unique=True)
    description = models.TextField()

    class Meta:
        verbose_name = "role"
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.group.name
