"""Accounts, the people behind them, and what each role means in plain English."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser, Group
from django.db import models

from governance.ids import uuid7


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

    class Meta(AbstractUser.Meta):
        ordering = ("username",)

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username


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
