"""What each role may do with pairs, labels and what they are made with."""

_READ = (
    "labeling.view_labeltype",
    "labeling.view_labelset",
    "labeling.view_labelsetversion",
    "labeling.view_labelsetbinding",
    "labeling.view_prompttemplate",
    "labeling.view_templateversion",
    "labeling.view_canonicallabel",
    "labeling.view_generationconfig",
    "labeling.view_trainingsheet",
    "labeling.view_qapair",
    "labeling.view_pairdecision",
    "labeling.view_usecase",
    "labeling.view_opinion",
    "labeling.view_settlement",
    "labeling.view_turn",
    "labeling.view_pairassignment",
    "labeling.view_assignmentrule",
    "labeling.view_finding",
    "labeling.view_paircheck",
)
_WRITE_ASSETS = (
    "labeling.add_labelset",
    "labeling.change_labelset",
    "labeling.delete_labelset",
    "labeling.add_prompttemplate",
    "labeling.change_prompttemplate",
    "labeling.delete_prompttemplate",
)
_GENERATE = (
    "labeling.add_trainingsheet",
    "labeling.change_trainingsheet",
    "labeling.add_generationconfig",
    "labeling.change_generationconfig",
    "labeling.delete_generationconfig",
)
_CHECK = ("labeling.add_finding",)
_FINDINGS = (*_CHECK, "labeling.change_finding")
_USE_CASES = ("labeling.add_usecase", "labeling.change_usecase", "labeling.delete_usecase")

_ASSIGN = ("labeling.add_pairassignment", "labeling.add_assignmentrule", "labeling.change_assignmentrule")
_LEAD = (*_ASSIGN, "labeling.view_peoples_work")

GRANTS: dict[str, tuple[str, ...]] = {
    "data-steward": (
        *_READ,
        *_USE_CASES,
        *_FINDINGS,
        "labeling.add_labeltype",
        "labeling.change_labelset",
        "labeling.view_agreement",
        "labeling.add_turn",
        *_LEAD,
    ),
    "domain-expert": (
        *_READ,
        *_FINDINGS,
        "labeling.review_qapair",
        "labeling.add_opinion",
        "labeling.add_canonicallabel",
        "labeling.change_canonicallabel",
        "labeling.add_labelset",
        "labeling.change_labelset",
        "labeling.change_trainingsheet",
    ),
    "approver": _READ,
    "compliance-officer": _READ,
    "ml-engineer": (*_READ, *_WRITE_ASSETS, *_GENERATE, *_USE_CASES, *_CHECK, *_ASSIGN),
    "agent-developer": (*_READ, *_WRITE_ASSETS, *_GENERATE, *_CHECK),
    "viewer": _READ,
}
