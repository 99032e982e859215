"""The tables of the ground floor."""

from governance.models.answers import KeptAnswer
from governance.models.approvals import Approval, ApprovalRequest, GatePolicy
from governance.models.collections import (
    Collection,
    CollectionQuerySet,
    MemberQuerySet,
    RoleQuerySet,
    Tracked,
)
from governance.models.compliance import EvidenceExport, SavedQuestion
from governance.models.constraints import (
    ConstrainedModel,
    ConstraintChange,
    Derivation,
    DerivationParent,
    GovernedQuerySet,
    GovernedRow,
    PermittedQuerySet,
    TagRule,
)
from governance.models.jobs import Job
from governance.models.people import Person, RoleDescription, User
from governance.models.record import Checkpoint, Erasure, RecordEntry, RecordValues, SealedEntry, SigningKey
from governance.models.retention import CheckpointPlace, ErasureRequest, LegalHold, RecordArchive
from governance.models.sign_in import ApiToken, SignInEvent

__all__ = [
    "ApiToken",
    "Approval",
    "ApprovalRequest",
    "Checkpoint",
    "CheckpointPlace",
    "Collection",
    "CollectionQuerySet",
    "ConstrainedModel",
    "ConstraintChange",
    "Derivation",
    "DerivationParent",
    "Erasure",
    "ErasureRequest",
    "EvidenceExport",
    "GatePolicy",
    "GovernedQuerySet",
    "GovernedRow",
    "Job",
    "KeptAnswer",
    "LegalHold",
    "MemberQuerySet",
    "PermittedQuerySet",
    "Person",
    "RecordArchive",
    "RecordEntry",
    "RecordValues",
    "RoleDescription",
    "RoleQuerySet",
    "SavedQuestion",
    "SealedEntry",
    "SignInEvent",
    "SigningKey",
    "TagRule",
    "Tracked",
    "User",
]
