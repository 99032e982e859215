"""Use Cases: a named purpose that groups and shares assets. It grants nothing by itself."""

from __future__ import annotations

from django.db import models

from governance.models import Collection, GroupGrant, UserGrant
from labeling.labelsets.models import Labelset
from labeling.prompts.models import PromptTemplate
from workbench.models import Sheet


class UseCase(Collection):
    """A purpose, such as "Medical invoices", and the assets that serve it; assets may serve several."""

    sheets = models.ManyToManyField(Sheet, blank=True, related_name="use_cases")
    labelsets = models.ManyToManyField(Labelset, blank=True, related_name="use_cases")
    templates = models.ManyToManyField(PromptTemplate, blank=True, related_name="use_cases")

class UseCaseUserPermission(UserGrant):
    """One grant of one account on one Use Case."""

    content_object = models.ForeignKey(UseCase, on_delete=models.CASCADE)


class UseCaseGroupPermission(GroupGrant):
    """One grant of one group on one Use Case."""

    content_object = models.ForeignKey(UseCase, on_delete=models.CASCADE)
