"""The ground floor's start-up: roles, gates and tag rules are synced after every migration."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate


class GovernanceConfig(AppConfig):
    name = "governance"

    def ready(self) -> None:
        from governance import desk, gates, history, roles, tags  # noqa: F401 - gates register themselves
        from governance.approvals import reminders  # noqa: F401 - jobs register themselves
        from governance.approvals.registry import sync_policies
        from governance.comments import jobs as comment_jobs  # noqa: F401 - registers itself
        from governance.outbound.checks import check_allowed_addresses
        from governance.people import memberships  # noqa: F401
        from governance.portal import waiting
        from governance.record import archiving, checking, connections, delivering, triggers  # noqa: F401 - jobs
        from governance.record import jobs as record_jobs  # noqa: F401
        from governance.sign_in import listening

        history.connect()
        waiting.register()
        listening.connect()
        connection_created.connect(connections.connected, dispatch_uid="governance.record")
        pre_migrate.connect(triggers.before_migrations, sender=self, dispatch_uid="governance.record")
        post_migrate.connect(triggers.after_migrations, dispatch_uid="governance.record")
        register(triggers.check_triggers, Tags.database)
        register(check_allowed_addresses, Tags.security)
        post_migrate.connect(roles.sync_roles, dispatch_uid="governance.sync_roles")
        post_migrate.connect(sync_policies, sender=self, dispatch_uid="governance.sync_policies")
        post_migrate.connect(tags.seed_rules, sender=self, dispatch_uid="governance.seed_tag_rules")
