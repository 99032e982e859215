"""Start-up of this app: its gates, jobs and ports are registered here."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LabelingConfig(AppConfig):
    name = "labeling"

    def ready(self) -> None:
        from governance import access, lifecycle
        from governance.approvals.registry import register_gate
        from governance.comments import selectors as comments
        from governance.portal import keys
        from governance.record import emptying
        from governance.rules import declassifications
        from labeling import overview
        from labeling.generation import jobs as generation_jobs  # noqa: F401 - registers itself
        from labeling.generation import transitions as generation_transitions
        from labeling.interchange import jobs as interchange_jobs  # noqa: F401 - registers itself
        from labeling.labels.coverage import coverage_rows
        from labeling.labels.erasing import follow_erasure
        from labeling.labelsets import gates as labelset_gates
        from labeling.labelsets import transitions as labelset_transitions
        from labeling.labelsets.seeding import seed_label_types
        from labeling.labelsets.selectors import labelset_words
        from labeling.nearest.engine import SLUG, NearestNeighbourEngine, seed_endpoint
        from labeling.prompts import gates as prompt_gates
        from labeling.prompts import transitions as prompt_transitions
        from labeling.prompts.selectors import template_words
        from labeling.quality import erasing as quality_erasing
        from labeling.quality import jobs as quality_jobs  # noqa: F401 - registers itself
        from labeling.review import jobs as review_jobs  # noqa: F401 - registers itself
        from labeling.review import standing
        from labeling.review import transitions as review_transitions
        from labeling.review.showing import KEYS as REVIEW_KEYS
        from labeling.usecases import filters as use_case_filters
        from workbench.endpoints.port import register_engine
        from workbench.sheets import coverage

        overview.register()
        keys.register("review", "Reviewing a pair", REVIEW_KEYS)
        access.on_share("labeling.trainingsheet", standing.deal_new)
        comments.register("labeling.qapair")
        comments.register("labeling.canonicallabel")
        emptying.on_emptied(follow_erasure)
        emptying.on_emptied(quality_erasing.follow_erasure)
        use_case_filters.register()
        lifecycle.register("labeling.labelsetversion", labelset_transitions.ALL)
        lifecycle.register("labeling.templateversion", prompt_transitions.ALL)
        lifecycle.register("labeling.trainingsheet", generation_transitions.ALL)
        lifecycle.register("labeling.qapair", review_transitions.ALL)
        declassifications.name_scope("template_version", template_words)
        declassifications.name_scope("labelset_version", labelset_words)
        register_gate(labelset_gates.PUBLISH_GATE)
        register_gate(prompt_gates.PUBLISH_GATE)
        coverage.register(coverage_rows)
        register_engine(SLUG, NearestNeighbourEngine)
        post_migrate.connect(seed_label_types, sender=self, dispatch_uid="labeling.seed_label_types")
        post_migrate.connect(seed_endpoint, sender=self, dispatch_uid="labeling.seed_endpoint")
