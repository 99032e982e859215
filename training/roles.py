"""What each role may do with datasets, runs and models."""

_READ = (
    "training.view_curateddataset",
    "training.view_datasetversion",
    "training.view_datasetmember",
    "training.view_export",
    "training.view_trainingrun",
    "training.view_registeredmodel",
    "training.view_modelversion",
    "training.view_affecteddecision",
    "training.view_evaluation",
    "training.view_modeltraininglineage",
    "training.view_lineagepair",
)

GRANTS: dict[str, tuple[str, ...]] = {
    "data-steward": _READ,
    "domain-expert": _READ,
    "approver": _READ,
    "compliance-officer": (*_READ, "training.add_affecteddecision"),
    "ml-engineer": (
        *_READ,
        "training.add_curateddataset",
        "training.change_curateddataset",
        "training.delete_curateddataset",
        "training.add_export",
        "training.add_trainingrun",
        "training.change_trainingrun",
        "training.add_registeredmodel",
        "training.change_registeredmodel",
        "training.add_evaluation",
    ),
    "agent-developer": (*_READ, "training.add_evaluation"),
    "viewer": _READ,
}
