"""What each role may do with data and engines."""

_READ = (
    "workbench.view_sheet",
    "workbench.view_sheetversion",
)
_KEEP_SHEETS = (
    *_READ,
    "workbench.add_sheet",
    "workbench.change_sheet",
    "workbench.delete_sheet",
    "workbench.view_connection",
    "workbench.view_catalogobject",
)
_KEEP_ENDPOINTS = (
    "workbench.view_modelendpoint",
    "workbench.add_modelendpoint",
    "workbench.change_modelendpoint",
)

GRANTS: dict[str, tuple[str, ...]] = {
    "data-steward": (
        *_KEEP_SHEETS,
        "workbench.add_connection",
        "workbench.change_connection",
        "workbench.change_catalogobject",
    ),
    "domain-expert": _READ,
    "approver": _READ,
    "compliance-officer": (
        *_READ,
        "workbench.view_connection",
        "workbench.view_catalogobject",
        "workbench.view_modelendpoint",
    ),
    "ml-engineer": (*_KEEP_SHEETS, *_KEEP_ENDPOINTS),
    "agent-developer": (*_READ, *_KEEP_ENDPOINTS),
    "viewer": _READ,
}
