"""One row of every model, all carrying one word; the same owner holds them all.

For rules that must hold for every table: lists, rights, refusals. A new model belongs here too, and
`test_house_rules.py` says so when it is missing.
"""

from __future__ import annotations

import hashlib
from copy import copy
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone

from governance.ids import uuid7
from governance.models import (
    AccountLink,
    AllowedAddress,
    ApiToken,
    Approval,
    ApprovalRequest,
    ApprovalWithdrawal,
    CheckpointPlace,
    Comment,
    ConstraintChange,
    Declassification,
    Delegation,
    Derivation,
    DerivationParent,
    ErasureRequest,
    EvidenceExport,
    GatePolicy,
    HandOut,
    Job,
    KeptAnswer,
    LegalHold,
    MembershipEnd,
    Notification,
    NotificationChoice,
    Person,
    PolicyProposal,
    RecordArchive,
    Reminder,
    SavedQuestion,
    SeenAs,
    SignInEvent,
    TagRule,
    User,
)
from governance.record.tables import RECORD_MODELS
from governance.uses import ALL_USES, Classification
from labeling.labels.contents import digest
from labeling.models import (
    AssignmentRule,
    CanonicalLabel,
    Content,
    Finding,
    GenerationConfig,
    LabelDraft,
    Labelset,
    LabelsetBinding,
    LabelsetVersion,
    LabelType,
    Opinion,
    PairAssignment,
    PairCheck,
    PairClaim,
    PairDecision,
    PairDraft,
    PromptTemplate,
    QAPair,
    Settlement,
    TemplateVersion,
    TrainingSheet,
    Turn,
    UseCase,
)
from training.evaluations.scores import Scored, scores_of
from training.models import (
    AffectedDecision,
    CuratedDataset,
    DatasetMember,
    DatasetVersion,
    Evaluation,
    EvaluationAnswer,
    Export,
    LineagePair,
    ModelTrainingLineage,
    ModelVersion,
    RegisteredModel,
    TrainingRun,
)
from workbench.models import CatalogObject, Connection, ModelEndpoint, Sheet, SheetVersion

OUR_APPS = ("governance", "workbench", "labeling", "training")
Row = models.Model


class World(dict[type[Row], Any]):
    """The row of each model: `world[Sheet]`."""

    def add(self, row: Row) -> Any:
        row.save()
        self[type(row)] = row
        return row


def own_models() -> list[type[Row]]:
    """Every table that this project defines, without history tables, grants and the record, which triggers write."""
    return [
        model
        for app in OUR_APPS
        for model in apps.get_app_config(app).get_models()
        if not hasattr(model, "history_object") and not hasattr(model, "content_object") and model not in RECORD_MODELS
    ]


def make_world(word: str, owner: User) -> World:
    """Rows named after `word`, which stands in every text that lists and pages show."""
    world, now = make_pairs(word, owner), timezone.now()
    _add_models(world, word, owner, now)
    _add_ground(world, word, owner, now)
    return world


def make_pairs(word: str, owner: User) -> World:
    """The same as far as its pairs: nothing that says of a file what is not so."""
    world, now = World(), timezone.now()
    world[User], world[Person] = owner, owner.person
    _add_data(world, word, owner, now)
    _add_assets(world, word, owner, now)
    _add_pairs(world, word, owner, now)
    return world


def _add_data(world: World, word: str, owner: User, now: Any) -> None:
    connection = world.add(Connection(name=f"{word} catalog", description=f"of {word}", owner=owner))
    world.add(CatalogObject(
        connection=connection, kind="table", ref=f"{word}.rows", description=f"of {word}", synced_at=now
    ))  # fmt: skip
    sheet = world.add(Sheet(
        name=f"{word} sheet", description=f"of {word}", owner=owner, connection=connection, item_key="id"
    ))  # fmt: skip
    world.add(SheetVersion(
        sheet=sheet, number=1, status="published", published_at=now, primary_ref=f"{word}.rows", item_count=1,
        columns=[{"name": f"{word}_text", "type": "text", "origin": f"{word}.rows#{word}_text"}], created_by=owner,
    ))  # fmt: skip
    world[ModelEndpoint] = ModelEndpoint.objects.first() or world.add(
        ModelEndpoint(name="embedded", engine="nearest_neighbour")
    )


def _add_assets(world: World, word: str, owner: User, now: Any) -> None:
    label_type = world[LabelType] = LabelType.objects.get(pk="classification")
    labelset = world.add(Labelset(name=f"{word} labels", description=f"of {word}", owner=owner, label_type=label_type))
    world.add(LabelsetVersion(
        labelset=labelset, number=1, status="published", published_at=now, created_by=owner,
        classes=[{"name": word, "description": word, "color": "#2f54c8"}],
        response_schema={"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]},
    ))  # fmt: skip
    world.add(LabelsetBinding(sheet=world[Sheet], labelset=labelset, label_type=label_type, created_by=owner))
    template = world.add(
        PromptTemplate(name=f"{word} prompt", description=f"of {word}", owner=owner, label_type=label_type)
    )
    world.add(TemplateVersion(
        template=template, version="1.0.0", status="published", published_at=now, labelset=labelset,
        user_prompt=f"About {word}?", created_by=owner,
        output_schema={"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]},
    ))  # fmt: skip
    case = world.add(UseCase(name=f"{word} case", description=f"of {word}", owner=owner))
    case.sheets.add(world[Sheet])


def _add_pairs(world: World, word: str, owner: User, now: Any) -> None:
    derivation = world.add(Derivation(fingerprint=_digest(word), uses=ALL_USES, classification=Classification.INTERNAL))
    world.add(DerivationParent(derivation=derivation, kind="workbench.sheet", object_id=world[Sheet].pk))
    answer = world.add(_content({"label": word}))
    prompt = _content({"messages": [{"role": "user", "content": f"About {word}?"}]})
    prompt.save()
    label = world.add(CanonicalLabel(
        sheet=world[Sheet], item_ref=f"{word}-1", label_type=world[LabelType], labelset=world[Labelset],
        labelset_version=world[LabelsetVersion], content=answer, derivation=derivation, notes=f"of {word}",
        labeled_by=owner, labeled_at=now, last_modified_by=owner, last_modified_at=now,
    ))  # fmt: skip
    item = {"sheet": world[Sheet], "labelset": world[Labelset], "item_ref": f"{word}-1"}
    world.add(Turn(**item, expert=owner, assigned_by=owner))
    world.add(Opinion(
        **item, labelset_version=world[LabelsetVersion], content=answer, derivation=derivation, given_by=owner,
        seen_digest=_digest(word), notes=f"of {word}",
    ))  # fmt: skip
    world.add(Settlement(
        **item, way="adjudicated", content=answer, reason=f"of {word}", canonical_label=label, canonical_version=1,
        settled_by=owner,
    ))  # fmt: skip
    recipe = {
        "sheet_version": world[SheetVersion], "template_version": world[TemplateVersion],
        "labelset_version": world[LabelsetVersion], "use_case": world[UseCase],
        "endpoint": world[ModelEndpoint], "sheet": world[Sheet],
    }  # fmt: skip
    world.add(GenerationConfig(name=f"{word} configuration", created_by=owner, **recipe))
    training_sheet = world.add(TrainingSheet(
        name=f"{word} pairs", description=f"of {word}", owner=owner, label_type=world[LabelType], status="reviewed",
        derivation=derivation, reviewed_at=now, **recipe,
    ))  # fmt: skip
    pair = world.add(QAPair(
        training_sheet=training_sheet, item_ref=f"{word}-1", position=1, prompt=prompt, answer=answer, status="labeled",
        labeling_mode="canonical", canonical_label=label, canonical_version=1, derivation=derivation,
        work_state="done", reviewed_by=owner, reviewed_at=now, review_notes=f"of {word}",
    ))  # fmt: skip
    world.add(PairDecision(
        pair=pair, action="approve", old_status="unlabeled", new_status="labeled", old_prompt=prompt, new_prompt=prompt,
        new_answer=answer, notes=f"of {word}", decided_by=owner,
    ))  # fmt: skip
    world.add(PairAssignment(pair=pair, account=owner, assigned_by=owner))
    rule = world.add(AssignmentRule(
        sheet=world[Sheet], label_type=world[LabelType], reason=f"of {word}", set_by=owner,
    ))  # fmt: skip
    rule.people.add(owner)
    world.add(PairClaim(pair=pair, account=owner, until=now + timedelta(minutes=15)))
    world.add(Finding(
        training_sheet=training_sheet, pair=pair, detector="personal_data", kind="email", content=_digest(word),
        places=[{"part": f"answer.{word}", "start": 0, "length": 9}], proposed_prohibited=3, proposed_classification=3,
        state="dismissed", decided_by=owner, decided_at=now, reason=f"of {word}",
    ))  # fmt: skip
    world.add(PairCheck(
        training_sheet=training_sheet, pair=pair, seen=_digest(word), question=_digest(word), whole=_digest(word),
        parts={"fits": 1.0}, because=f"of {word}",
    ))  # fmt: skip
    world.add(LabelDraft(
        sheet=world[Sheet], label_type=world[LabelType], item_ref=f"{word}-1", account=owner,
        entered={"label-notes": [f"of {word}"]},
    ))  # fmt: skip
    world.add(PairDraft(pair=pair, account=owner, entered={"pair-notes": [f"of {word}"]}))


def _add_models(world: World, word: str, owner: User, now: Any) -> None:
    dataset = world.add(CuratedDataset(
        name=f"{word} dataset", description=f"of {word}", owner=owner,
        split={"train": 0.8, "validation": 0.2, "test": 0.0, "by": ""},
    ))  # fmt: skip
    version = world.add(DatasetVersion(
        dataset=dataset, number=1, status="in_use", fingerprint=_digest(word), frozen_at=now, created_by=owner,
        counts={"members": 1, "train": 1, "validation": 0, "test": 0}, status_reason=f"of {word}",
    ))  # fmt: skip
    version.training_sheets.add(world[TrainingSheet])
    member = world.add(DatasetMember(
        version=version, position=1, split="train", split_key=f"{word}-1", item_ref=f"{word}-1", pair=world[QAPair],
        prompt=world[QAPair].prompt, answer=world[QAPair].answer,
    ))  # fmt: skip
    world.add(Export(version=version, file_name=f"{word}.jsonl", rows=1, created_by=owner))
    model = world.add(RegisteredModel(name=f"{word} model", description=f"of {word}", owner=owner))
    run = world.add(TrainingRun(
        name=f"{word} run", dataset_version=version, model=model, trainer="text-classifier", status="succeeded",
        created_by=owner, started_at=now, finished_at=now,
    ))  # fmt: skip
    trained = world.add(ModelVersion(model=model, number=1, run=run, uri=f"models:/{word}/1"))
    world.add(AffectedDecision(
        model_version=trained, verdict="may_stay", reason=f"of {word}", pairs=1, digest=_digest(word), decided_by=owner,
    ))  # fmt: skip
    evaluation = world.add(Evaluation(
        dataset_version=version, split="validation", model_version=trained, status="succeeded", created_by=owner,
        finished_at=now, metrics=scores_of([Scored(word, word), Scored("else", word)]),
    ))  # fmt: skip
    world.add(EvaluationAnswer(evaluation=evaluation, member=member, answer=word, is_correct=True))
    lineage = world.add(ModelTrainingLineage(
        model_version=trained, training_sheet=world[TrainingSheet], dataset_version=version,
        training_sheet_version=version.fingerprint, train_pair_count=1, val_pair_count=0, trained_at=now,
        created_by=owner,
    ))  # fmt: skip
    world.add(LineagePair(lineage=lineage, pair=world[QAPair], split="train"))


def _add_ground(world: World, word: str, owner: User, now: Any) -> None:
    sheet = world[Sheet]
    world.add(Job(
        kind="labeling.generate", subject_kind="labeling.trainingsheet", subject_id=world[TrainingSheet].pk,
        subject_label=f"{word} pairs", state="succeeded", done=1, total=1, requested_by=owner, started_at=now,
        finished_at=now,
    ))  # fmt: skip
    request = world.add(ApprovalRequest(
        gate="sheet-publish", content_type=ContentType.objects.get_for_model(SheetVersion),
        object_id=world[SheetVersion].pk, subject_label=f"{word} sheet v1", fingerprint="0" * 64,
        needed={"approver": 1}, reason=f"of {word}", requested_by=owner, expires_at=now + timedelta(days=1),
    ))  # fmt: skip
    world.add(Approval(
        request=request, approver=owner, person=owner.person, role="approver", verdict="approve", comment=f"of {word}",
        fingerprint="0" * 64,
    ))  # fmt: skip
    world.add(ConstraintChange(
        kind="workbench.sheet", object_id=sheet.pk, subject_label=str(sheet), old_allowed=ALL_USES,
        new_allowed=ALL_USES, old_prohibited=0, new_prohibited=1, old_classification=1, new_classification=1,
        direction="tightened", reason=f"of {word}", actor_name=owner.username, door="admin",
    ))  # fmt: skip
    world.add(Declassification(
        scope={"template_version": str(world[TemplateVersion].pk), "sheet": str(sheet.pk)}, lifted=[],
        scope_label=f"template {word} on Sheet {word}", grants_uses=ALL_USES, grants_classification=1,
        permitted_until=now + timedelta(days=1), usage_reason=f"of {word}", requested_by=owner, approved_at=now,
        data_classification=0,
    ))  # fmt: skip
    world.add(SavedQuestion(name=f"{word} question", filters={"use": "training"}, owner=owner))
    world.add(EvidenceExport(
        question=f"{word} question", reason=f"of {word}", objects_count=1, entries_count=1, digest=_digest(word),
        made_by_id=owner.pk, made_by_name=owner.username,
    ))  # fmt: skip
    world.add(LegalHold(kind="workbench.sheet", object_id=str(sheet.pk), reason=f"of {word}", placed_by=owner))
    world.add(CheckpointPlace(name="webhook", target="https://example.org/"))
    world.add(RecordArchive(
        number=1, first=0, last=1_000_000, file=f"{word}.parquet", bytes=1, digest=_digest(word), archived_at=now,
    ))  # fmt: skip
    world.add(ErasureRequest(
        kind="workbench.sheet", object_ids=[str(sheet.pk)], entries_count=1, reason=f"of {word}", asked_by=owner,
    ))  # fmt: skip
    world.add(SignInEvent(user=owner, name=f"{word} person", way="password", outcome="signed_in", address="192.0.2.1"))
    world.add(ApiToken(
        user=owner, name=f"{word} program", start="wb_000000", digest=_digest(f"{word} token"), scopes=["read"],
        created_by=owner, expires_at=now + timedelta(days=1),
    ))  # fmt: skip
    world.add(AllowedAddress(address=f"{word}.example.com", reason=f"of {word}", allowed_by=owner))
    world.add(HandOut(
        kind="dataset", subject_kind="training.export", subject_id=world[Export].pk, what=f"{word} dataset v1", rows=1,
        digest=_digest(word), taken_by_id=owner.pk, taken_by_name=owner.username,
    ))  # fmt: skip
    world.add(KeptAnswer(user=owner, key=f"{word} key", request_digest="0" * 64, status=201))
    comment = world.add(Comment(
        kind="labeling.qapair", object_id=world[QAPair].pk, text=f"of {word}", written_by=owner,
    ))  # fmt: skip
    world.add(Notification(
        account=owner, why="mention", kind="labeling.qapair", object_id=world[QAPair].pk, comment=comment,
        made_by=owner,
    ))  # fmt: skip
    world.add(NotificationChoice(account=owner))
    _add_people(world, word, owner, now)
    world[TagRule] = TagRule.objects.get(tag="PHI")


def _add_people(world: World, word: str, owner: User, now: Any) -> None:
    # Names of accounts and groups are no secret: whoever may share is offered them. So they do not hold the word.
    deputy = f"{owner.username}-deputy"
    other = User.objects.filter(username=deputy).first() or User.objects.create_user(
        deputy, person=Person.objects.create(name=deputy)
    )
    group = Group.objects.create(name=f"Guests of {owner.username} {Group.objects.count()}")
    owner.groups.add(group)
    world[GatePolicy] = GatePolicy.objects.get(gate="sheet-publish")
    world.add(PolicyProposal(
        policy=world[GatePolicy], approvals={"approver": 2}, author_may_approve=False, lifetime_days=30,
        reauthenticate_minutes=15, comment_required=True, proposed_by=owner,
    ))  # fmt: skip
    world.add(ApprovalWithdrawal(approval=world[Approval], withdrawn_by=owner, reason=f"of {word}"))
    world.add(Delegation(
        delegator=owner, delegate=other, role="approver", reason=f"of {word}", until=now + timedelta(days=1)
    ))  # fmt: skip
    world.add(Reminder(
        request=world[ApprovalRequest], person=owner.person, account=owner, day=now.date(), why="open"
    ))  # fmt: skip
    world.add(AccountLink(
        account=owner, other=other, old_person=other.person, new_person=owner.person, way="admin", reason=f"of {word}",
    ))  # fmt: skip
    world.add(MembershipEnd(
        user=owner, group=group, until=now + timedelta(days=30), reason=f"of {word}", set_by=owner,
    ))  # fmt: skip
    world.add(SeenAs(looked_by=owner, account=owner, kind="workbench.sheet"))


def _content(body: Any) -> Content:
    return Content(digest=digest(body), body=body)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def multiply(row: Row, count: int, start: int = 0) -> None:
    """`count` more rows like this one, numbered from `start`, in one statement for each table."""
    type(row)._base_manager.bulk_create(_clones(row, count, start), batch_size=500)


def _clones(row: Row, count: int, start: int) -> list[Row]:
    """Copies that differ in their key and wherever they must be unique."""
    names = _columns_to_vary(type(row))
    parents = {name: _clones(getattr(row, name), count, start) for name in names if _is_relation(row, name)}
    for rows in parents.values():
        type(rows[0])._base_manager.bulk_create(rows, batch_size=500)
    made = []
    for place in range(count):
        values = {name: _varied(row, name, start + place) for name in names if name not in parents}
        made.append(_clone(row, values | {name: rows[place] for name, rows in parents.items()}))
    return made


def _clone(row: Row, values: dict[str, Any]) -> Row:
    made = copy(row)
    made._state = copy(row._state)
    made._state.adding = True
    made._state.fields_cache = dict(row._state.fields_cache)
    made.pk = uuid7() if isinstance(row._meta.pk, models.UUIDField) else None
    for name, value in values.items():
        setattr(made, name, value)
    return made


def _varied(row: Row, name: str, index: int) -> Any:
    field, value = row._meta.get_field(name), getattr(row, name)
    if isinstance(field, models.UUIDField):
        return uuid4()
    if isinstance(field, models.IntegerField):
        return value + index + 1
    if name == "version":
        return f"1.{index + 1}.0"
    return f"{value[: (field.max_length or 100) - 12]}-{index}"


def _columns_to_vary(model: type[Row]) -> list[str]:
    """One column of each set that must be unique: an id or text where there is one, else a parent."""
    wanted = {field.name for field in model._meta.concrete_fields if field.unique and not field.primary_key}
    if not isinstance(model._meta.pk, models.AutoField | models.UUIDField):
        wanted.add(model._meta.pk.name)
    for rule in model._meta.constraints:
        if isinstance(rule, models.UniqueConstraint) and not wanted & set(rule.fields):
            wanted.add(min(rule.fields, key=lambda name: _reluctance(model, name)))
    return sorted(wanted)


def _reluctance(model: type[Row], name: str) -> int:
    field = model._meta.get_field(name)
    return 2 if field.remote_field else 1 if isinstance(field, models.UUIDField) and name == "object_id" else 0


def _is_relation(row: Row, name: str) -> bool:
    return row._meta.get_field(name).remote_field is not None
