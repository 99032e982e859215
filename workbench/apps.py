"""Start-up of this app: its gates, jobs and ports are registered here."""

from django.apps import AppConfig


class WorkbenchConfig(AppConfig):
    name = "workbench"

    def ready(self) -> None:
        from governance import desk, lifecycle
        from workbench import overview
        from workbench.catalogs import checks  # noqa: F401 - registers itself
        from workbench.catalogs import jobs as catalog_jobs  # noqa: F401 - jobs register themselves
        from workbench.endpoints import gates as endpoint_gates
        from workbench.endpoints import models, openai_engine, port
        from workbench.sheets import gates, transitions

        lifecycle.register("workbench.sheetversion", transitions.ALL)
        desk.register_gate(gates.PUBLISH_GATE)
        desk.register_gate(endpoint_gates.CLEARANCE_GATE)
        port.register_engine(models.ModelEndpoint.Engine.OPENAI, openai_engine.OpenAIEngine)
        overview.register()
