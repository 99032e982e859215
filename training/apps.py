"""Start-up of this app: its gates, jobs and ports are registered here."""

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "training"

    def ready(self) -> None:
        from governance import constraints, lifecycle
        from governance.approvals.registry import register_gate
        from governance.portal import related
        from governance.record import emptying
        from labeling.generation import derived
        from training import overview
        from training.datasets import gates, probes, states, suspension
        from training.datasets import jobs as dataset_jobs  # noqa: F401 - jobs register themselves
        from training.datasets import transitions as dataset_transitions
        from training.evaluations import jobs as evaluation_jobs  # noqa: F401
        from training.evaluations import transitions as evaluation_transitions
        from training.exports import jobs as export_jobs  # noqa: F401
        from training.lineage.copies import copies_of
        from training.lineage.views import recall_link
        from training.runs import jobs as run_jobs  # noqa: F401
        from training.runs import transitions as run_transitions

        lifecycle.register("training.datasetversion", dataset_transitions.ALL)
        lifecycle.register("training.trainingrun", run_transitions.ALL)
        lifecycle.register("training.evaluation", evaluation_transitions.ALL)
        register_gate(gates.APPROVE_GATE)
        emptying.on_emptied(suspension.suspend_erased)
        emptying.register_recall(copies_of)
        constraints.on_change(suspension.suspend_affected)
        derived.register(states.training_sheet_states)
        overview.register()
        probes.register()
        related.register_link(recall_link)
