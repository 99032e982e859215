"""The desks of labelling, gathered from their rooms."""

import labeling.generation.admin
import labeling.labels.admin
import labeling.labelsets.admin
import labeling.prompts.admin
import labeling.quality.admin
import labeling.review.admin
import labeling.review.standing_desk
import labeling.usecases.admin  # noqa: F401 - each registers its desks
