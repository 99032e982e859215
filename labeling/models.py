"""The tables of labelling, gathered from their rooms."""

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
from labeling.review.models import PairDecision
from labeling.usecases.models import UseCase, UseCaseGroupPermission, UseCaseUserPermission

__all__ = [
    "CanonicalLabel",
    "Content",
    "GenerationConfig",
    "LabelType",
    "Labelset",
    "LabelsetBinding",
    "LabelsetGroupPermission",
    "LabelsetUserPermission",
    "LabelsetVersion",
    "Mode",
    "PairDecision",
    "PromptTemplate",
    "PromptTemplateGroupPermission",
    "PromptTemplateUserPermission",
    "QAPair",
    "TemplateVersion",
    "TrainingSheet",
    "TrainingSheetGroupPermission",
    "TrainingSheetUserPermission",
    "UseCase",
    "UseCaseGroupPermission",
    "UseCaseUserPermission",
]
