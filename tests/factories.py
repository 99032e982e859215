"""Rows that tests start from, made directly so that each test shows only what it is about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import factory
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from factory.django import DjangoModelFactory

from governance.constraints import Terms
from governance.models import ApprovalRequest, Derivation, Job
from governance.uses import ALL_USES, Classification
from labeling.models import CanonicalLabel, Content, Labelset, LabelsetVersion, LabelType
from workbench.models import CatalogObject, Connection, Sheet, SheetVersion


class ConnectionFactory(DjangoModelFactory):
    class Meta:
        model = Connection

    name = factory.Sequence(lambda n: f"catalog {n}")


class CatalogObjectFactory(DjangoModelFactory):
    class Meta:
        model = CatalogObject

    connection = factory.SubFactory(ConnectionFactory)
    kind = "table"
    ref = factory.Sequence(lambda n: f"billing.table{n}")
    synced_at = factory.LazyFunction(timezone.now)


class SheetFactory(DjangoModelFactory):
    class Meta:
        model = Sheet

    name = factory.Sequence(lambda n: f"Sheet {n}")
    connection = factory.SubFactory(ConnectionFactory, owner=factory.SelfAttribute("..owner"))
    item_key = "id"


class SheetVersionFactory(DjangoModelFactory):
    class Meta:
        model = SheetVersion

    class Params:
        published = factory.Trait(status="published", published_at=factory.LazyFunction(timezone.now))

    sheet = factory.SubFactory(SheetFactory)
    number = 1
    primary_ref = "flowers.iris"
    created_by = factory.SelfAttribute("sheet.owner")


class LabelsetFactory(DjangoModelFactory):
    class Meta:
        model = Labelset

    name = factory.Sequence(lambda n: f"Labelset {n}")
    label_type = factory.LazyFunction(lambda: LabelType.objects.get_or_create(slug="classification")[0])


class LabelsetVersionFactory(DjangoModelFactory):
    class Meta:
        model = LabelsetVersion

    class Params:
        published = factory.Trait(status="published", published_at=factory.LazyFunction(timezone.now))

    labelset = factory.SubFactory(LabelsetFactory)
    number = 1
    response_schema = factory.LazyFunction(lambda: {"type": "object"})
    created_by = factory.SelfAttribute("labelset.owner")


class DerivationFactory(DjangoModelFactory):
    class Meta:
        model = Derivation

    fingerprint = factory.Sequence(lambda n: f"{n:064x}")
    uses = ALL_USES
    classification = Classification.INTERNAL


class ContentFactory(DjangoModelFactory):
    class Meta:
        model = Content

    digest = factory.Sequence(lambda n: f"{n:064x}")
    body = factory.LazyFunction(dict)


class CanonicalLabelFactory(DjangoModelFactory):
    class Meta:
        model = CanonicalLabel

    sheet = factory.SubFactory(SheetFactory)
    item_ref = factory.Sequence(lambda n: f"item-{n}")
    label_type = factory.LazyFunction(lambda: LabelType.objects.get_or_create(slug="classification")[0])
    content = factory.SubFactory(ContentFactory)
    derivation = factory.SubFactory(DerivationFactory)
    labeled_by = factory.SelfAttribute("sheet.owner")
    labeled_at = factory.LazyFunction(timezone.now)
    last_modified_by = factory.SelfAttribute("sheet.owner")
    last_modified_at = factory.LazyFunction(timezone.now)


class JobFactory(DjangoModelFactory):
    class Meta:
        model = Job

    kind = "test.count"


def approval_request(subject: Any, **fields: Any) -> ApprovalRequest:
    """An open request on `subject`, as the desk would have written it."""
    defaults = {
        "gate": "constraint-relax",
        "content_type": ContentType.objects.get_for_model(subject),
        "object_id": subject.pk,
        "subject_label": str(subject),
        "fingerprint": "0" * 64,
        "payload": Terms(allowed_uses=ALL_USES, prohibited_uses=0, data_classification=1, usage_reason="a").as_json(),
        "needed": {"compliance-officer": 1},
        "reason": "a reason",
        "expires_at": timezone.now() + timedelta(days=1),
    }
    return ApprovalRequest.objects.create(**defaults | fields)
