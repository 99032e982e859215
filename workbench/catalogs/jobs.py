"""The long work of catalogs: tags are read again on a schedule."""

from __future__ import annotations

from typing import Any

from governance import jobs
from governance.errors import WorkbenchError
from governance.jobs import Running
from workbench.catalogs.errors import TagsUnknown
from workbench.catalogs.models import Connection
from workbench.catalogs.services import sync_catalog

READ_TAGS = "workbench.read-tags"


@jobs.register(READ_TAGS, label="Read the tags of all catalogs", every="TAGS_EVERY")
def read_all_tags(running: Running) -> dict[str, Any]:
    """Reads every connection, so that a tag that appeared later binds what was made before."""
    connections = list(Connection.objects.order_by("created_at"))
    tightened, unreadable = 0, []
    for place, connection in enumerate(connections, start=1):
        try:
            tightened += len(sync_catalog(connection=connection, by=None).tightened)
        except (WorkbenchError, OSError) as error:
            unreadable.append(f"{connection}: {error}")
        running.progress(place, len(connections))
    if unreadable:
        raise TagsUnknown(f"Not every catalog could be read. {'; '.join(unreadable)}")
    return {"connections": len(connections), "tightened": tightened}
