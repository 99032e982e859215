"""The tables of labelling, gathered from their rooms."""

from labeling.agreement.models import Opinion, Settlement, Turn
from labeling.annotating.models import LabelDraft
from labeling.generation.models import (
    GenerationConfig,
    Mode,
    QAPair,
    TrainingSheet,
    TrainingSheetGroupPermission,
    TrainingSheetUserPermission,
)
from labeling.labels.models import CanonicalLabel, Content
from labeling.labelsets.models import (
    Labelset,
    LabelsetBinding,
    LabelsetGroupPermission,
    LabelsetUserPermission,
    LabelsetVersion,
    LabelType,
)
from labeling.prompts.models import (
    PromptTemplate,
    PromptTemplateGroupPermission,
    PromptTemplateUserPermission,
    TemplateVersion,
)
from labeling.quality.models import Finding, PairCheck
from labeling.review.models import AssignmentRule, PairAssignment, PairClaim, PairDecision, PairDraft
from labeling.usecases.models import UseCase, UseCaseGroupPermission, UseCaseUserPermission

__all__ = [
    "AssignmentRule",
    "CanonicalLabel",
    "Content",
    "Finding",
    "GenerationConfig",
    "LabelDraft",
    "LabelType",
    "Labelset",
    "LabelsetBinding",
    "LabelsetGroupPermission",
    "LabelsetUserPermission",
    "LabelsetVersion",
    "Mode",
    "Opinion",
    "PairAssignment",
    "PairCheck",
    "PairClaim",
    "PairDecision",
    "PairDraft",
    "PromptTemplate",
    "PromptTemplateGroupPermission",
    "PromptTemplateUserPermission",
    "QAPair",
    "Settlement",
    "TemplateVersion",
    "TrainingSheet",
    "TrainingSheetGroupPermission",
    "TrainingSheetUserPermission",
    "Turn",
    "UseCase",
    "UseCaseGroupPermission",
    "UseCaseUserPermission",
]
