"""Start-up of this app: its gates, jobs and ports are registered here."""

from django.apps import AppConfig


class WorkbenchConfig(AppConfig):
    name = "workbench"

    def ready(self) -> None:
        from governance import lifecycle
        from governance.approvals.registry import register_gate
        from governance.rules import declassifications, tag_rules
        from workbench import overview
        from workbench.catalogs import checks  # noqa: F401 - registers itself
        from workbench.catalogs import jobs as catalog_jobs  # noqa: F401 - jobs register themselves
        from workbench.catalogs.services import carriers_of
        from workbench.endpoints import gates as endpoint_gates
        from workbench.endpoints import models, openai_engine, port
        from workbench.sheets import gates, transitions
        from workbench.sheets.selectors import sheet_words

        lifecycle.register("workbench.sheetversion", transitions.ALL)
        register_gate(gates.PUBLISH_GATE)
        register_gate(endpoint_gates.CLEARANCE_GATE)
        tag_rules.register_carriers(carriers_of)
        declassifications.name_scope("sheet", sheet_words)
        port.register_engine(models.ModelEndpoint.Engine.OPENAI, openai_engine.OpenAIEngine)
        overview.register()
