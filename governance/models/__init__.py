"""The tables of the ground floor."""

from governance.models.answers import KeptAnswer
from governance.models.approvals import (
    Approval,
    ApprovalRequest,
    ApprovalWithdrawal,
    Delegation,
    GatePolicy,
    PolicyProposal,
    Reminder,
)
from governance.models.collections import (
    Collection,
    CollectionQuerySet,
    GroupGrant,
    MemberQuerySet,
    RoleQuerySet,
    Tracked,
    UserGrant,
)
from governance.models.comments import Comment, Notification, NotificationChoice
from governance.models.compliance import EvidenceExport, SavedQuestion
from governance.models.constraints import (
    ConstrainedModel,
    ConstraintChange,
    Declassification,
    Derivation,
    DerivationParent,
    GovernedQuerySet,
    GovernedRow,
    PermittedQuerySet,
    TagRule,
)
from governance.models.jobs import Job
from governance.models.outbound import AllowedAddress, HandOut
from governance.models.people import AccountLink, MembershipEnd, Person, RoleDescription, SeenAs, User
from governance.models.record import (
    Checkpoint,
    Erasure,
    RecordEntry,
    RecordValues,
    RowErasure,
    SealedEntry,
    SigningKey,
)
from governance.models.retention import CheckpointPlace, ErasureRequest, LegalHold, RecordArchive
from governance.models.sign_in import ApiToken, SignInEvent

__all__ = [
    "AccountLink",
    "AllowedAddress",
    "ApiToken",
    "Approval",
    "ApprovalRequest",
    "ApprovalWithdrawal",
    "Checkpoint",
    "CheckpointPlace",
    "Collection",
    "CollectionQuerySet",
    "Comment",
    "ConstrainedModel",
    "ConstraintChange",
    "Declassification",
    "Delegation",
    "Derivation",
    "DerivationParent",
    "Erasure",
    "ErasureRequest",
    "EvidenceExport",
    "GatePolicy",
    "GovernedQuerySet",
    "GovernedRow",
    "GroupGrant",
    "HandOut",
    "Job",
    "KeptAnswer",
    "LegalHold",
    "MemberQuerySet",
    "MembershipEnd",
    "Notification",
    "NotificationChoice",
    "PermittedQuerySet",
    "Person",
    "PolicyProposal",
    "RecordArchive",
    "RecordEntry",
    "RecordValues",
    "Reminder",
    "RoleDescription",
    "RoleQuerySet",
    "RowErasure",
    "SavedQuestion",
    "SealedEntry",
    "SeenAs",
    "SignInEvent",
    "SigningKey",
    "TagRule",
    "Tracked",
    "User",
    "UserGrant",
]
