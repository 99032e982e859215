"""The chain source → Sheet → Training Sheet → dataset → run → model version → evaluation, walked both ways.

An evaluation hangs on its model and on the dataset that it was made on; an endpoint's on the dataset alone.
Rows that someone may not see are left out, and so is what hangs only on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from governance.errors import InvalidInput
from governance.portal.graph import Edge, Node
from governance.portal.rows import row_url
from labeling.models import TrainingSheet
from training.evaluations.showing import percent
from training.models import DatasetVersion, Evaluation, ModelVersion, TrainingRun
from workbench.models import SheetVersion

if TYPE_CHECKING:
    from governance.models import User

MOST_PER_LAYER = 40


@dataclass(frozen=True)
class Layer:
    """One kind of thing in the chain; `parents(rows)` yields (parent key, row key) pairs of primary keys."""

    slug: str
    title: str
    model: type[Any]
    above: Callable[[Iterable[UUID]], Iterable[tuple[UUID, UUID]]]
    below: Callable[[Iterable[UUID]], Iterable[tuple[UUID, UUID]]]
    sublabel: Callable[[Any], str] = lambda row: ""
    kind: str = "plain"
    label: Callable[[Any], str] = str


def _pairs(rows: Any, parent: str, child: str) -> Iterable[tuple[UUID, UUID]]:
    return rows.order_by().values_list(parent, child).distinct()


def _nothing(keys: Iterable[UUID]) -> Iterable[tuple[UUID, UUID]]:
    return ()


def _score(evaluation: Evaluation) -> str:
    accuracy = evaluation.metrics.get("accuracy")
    status = evaluation.get_status_display().lower()
    return f"accuracy {percent(accuracy)}" if accuracy is not None else f"Evaluation · {status}"


def _measured_on(evaluation: Evaluation) -> str:
    """The set alone: whose answers they are says the link from the model, for those who may see that model."""
    return f"{evaluation.dataset_version} {evaluation.split}".strip()


_members = DatasetVersion.training_sheets.through.objects

# From source to model. Each layer knows its links to the layer on its left.
LAYERS: tuple[Layer, ...] = (
    Layer("sheet", "Sheet", SheetVersion, _nothing,
          lambda keys: _pairs(TrainingSheet.objects.filter(sheet_version__in=keys), "sheet_version", "pk"),
          lambda row: row.primary_ref),
    Layer("training-sheet", "Training Sheet", TrainingSheet,
          lambda keys: _pairs(TrainingSheet.objects.filter(pk__in=keys), "sheet_version", "pk"),
          lambda keys: _pairs(_members.filter(trainingsheet__in=keys), "trainingsheet", "datasetversion"),
          lambda row: str(row.template_version), "primary"),
    Layer("dataset", "Dataset", DatasetVersion,
          lambda keys: _pairs(_members.filter(datasetversion__in=keys), "trainingsheet", "datasetversion"),
          lambda keys: _pairs(TrainingRun.objects.filter(dataset_version__in=keys), "dataset_version", "pk"),
          lambda row: row.get_status_display(), "permitted"),
    Layer("run", "Run", TrainingRun,
          lambda keys: _pairs(TrainingRun.objects.filter(pk__in=keys), "dataset_version", "pk"),
          lambda keys: _pairs(ModelVersion.objects.filter(run__in=keys), "run", "pk"),
          lambda row: row.get_status_display()),
    Layer("model", "Model version", ModelVersion,
          lambda keys: _pairs(ModelVersion.objects.filter(pk__in=keys), "run", "pk"),
          lambda keys: _pairs(Evaluation.objects.filter(model_version__in=keys), "model_version", "pk"),
          lambda row: ", ".join(row.aliases), "machine"),
    Layer("evaluation", "", Evaluation,
          lambda keys: _pairs(Evaluation.objects.filter(pk__in=keys), "model_version", "pk"),
          _nothing, lambda row: _score(row), "attention", label=lambda row: _measured_on(row)),
)  # fmt: skip
PLACES = {layer.slug: place for place, layer in enumerate(LAYERS)}
SELECT = {
    "sheet": ("sheet__connection",),
    "training-sheet": ("template_version__template",),
    "dataset": ("dataset",),
    "run": (),
    "model": ("model",),
    "evaluation": ("dataset_version__dataset",),
}
DATASET, EVALUATION = PLACES["dataset"], PLACES["evaluation"]


@dataclass
class Chain:
    """The rows of each layer, and which hangs on which."""

    rows: list[dict[UUID, Any]] = field(default_factory=lambda: [{} for _ in LAYERS])
    links: list[set[tuple[UUID, UUID]]] = field(default_factory=lambda: [set() for _ in LAYERS])
    measured: set[tuple[UUID, UUID]] = field(default_factory=set)
    cut: bool = False


def start_of(slug: str, key: UUID, user: User) -> Any:
    """The row that `slug:key` names.

    :raises InvalidInput: there is no such kind, or no such row for this person.
    """
    if slug not in PLACES:
        raise InvalidInput(f"{slug!r} is no kind of node; expected one of: {', '.join(PLACES)}.", field="node")
    row = LAYERS[PLACES[slug]].model.objects.visible_to(user).filter(pk=key).first()
    if row is None:
        raise InvalidInput("There is no such node, or you may not see it.", field="node")
    return row


def chain_around(slug: str, key: UUID, user: User) -> Chain:
    """Everything that the node came from and everything that came of it: two queries a layer, and four."""
    start_of(slug, key, user)
    chain, place = Chain(), PLACES[slug]
    chain.rows[place] = _visible(place, [key], user, chain)
    for left in range(place - 1, -1, -1):
        _extend(chain, left, LAYERS[left + 1].above(chain.rows[left + 1]), user, new="parent")
        if (place, left) == (EVALUATION, DATASET):
            asked = Evaluation.objects.filter(pk__in=chain.rows[EVALUATION])
            _add(chain, DATASET, asked.values_list("dataset_version", flat=True), user)
    for right in range(place + 1, len(LAYERS)):
        _extend(chain, right, LAYERS[right - 1].below(chain.rows[right - 1]), user, new="child")
    if place <= DATASET:
        made = Evaluation.objects.filter(dataset_version__in=chain.rows[DATASET])
        _add(chain, EVALUATION, made.values_list("pk", flat=True), user)
    shown = Evaluation.objects.filter(pk__in=chain.rows[EVALUATION], dataset_version__in=chain.rows[DATASET])
    chain.measured = set(_pairs(shown, "dataset_version", "pk"))
    return chain


def _add(chain: Chain, place: int, keys: Iterable[UUID], user: User) -> None:
    known = chain.rows[place]
    known |= _visible(place, set(keys) - known.keys(), user, chain, room=MOST_PER_LAYER - len(known))


def _extend(chain: Chain, place: int, pairs: Iterable[tuple[UUID, UUID]], user: User, *, new: str) -> None:
    """Add the visible rows of one layer; links are kept at the layer of their child."""
    found = [pair for pair in pairs if None not in pair]
    keys = [parent if new == "parent" else child for parent, child in found]
    chain.rows[place] = _visible(place, keys, user, chain)
    child_place = place + 1 if new == "parent" else place
    known = chain.rows[place]
    chain.links[child_place] |= {
        (parent, child) for parent, child in found if (parent if new == "parent" else child) in known
    }


def _visible(
    place: int, keys: Iterable[UUID], user: User, chain: Chain, room: int = MOST_PER_LAYER
) -> dict[UUID, Any]:
    layer = LAYERS[place]
    rows = layer.model.objects.visible_to(user).filter(pk__in=set(keys)).select_related(*SELECT[layer.slug])
    shown = list(rows[: room + 1])
    chain.cut = chain.cut or len(shown) > room
    return {row.pk: row for row in shown[:room]}


def drawing(chain: Chain) -> tuple[list[Node], list[Edge]]:
    """The chain as nodes and edges; the tables that Sheets point at come first."""
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for version in chain.rows[0].values():
        for ref in (version.primary_ref, *(source["ref"] for source in version.sources)):
            key = f"source:{version.sheet.connection_id}:{ref}"
            nodes[key] = Node(key, ref, version.sheet.connection.name, "plain", "", 0)
            edges.append(Edge(key, f"sheet:{version.pk}"))
    for place, layer in enumerate(LAYERS):
        for row in chain.rows[place].values():
            key = f"{layer.slug}:{row.pk}"
            nodes[key] = Node(key, layer.label(row), _sub(layer, row), layer.kind, row_url(row), place + 1)
        edges += [
            Edge(f"{LAYERS[place - 1].slug}:{parent}", f"{layer.slug}:{child}")
            for parent, child in sorted(chain.links[place], key=str)
            if parent in chain.rows[place - 1] and child in chain.rows[place]
        ]
    led = chain.measured - _held_out(chain)
    edges += [Edge(f"dataset:{parent}", f"evaluation:{child}") for parent, child in sorted(led, key=str)]
    return list(nodes.values()), edges


def _held_out(chain: Chain) -> set[tuple[UUID, UUID]]:
    """(dataset, evaluation) that run and model join already: another line would only cross theirs."""
    by_run = {run: dataset for dataset, run in chain.links[PLACES["run"]]}
    by_model = {model: by_run[run] for run, model in chain.links[PLACES["model"]] if run in by_run}
    return {(by_model[model], key) for model, key in chain.links[EVALUATION] if model in by_model}


def _sub(layer: Layer, row: Any) -> str:
    return " · ".join(filter(None, (layer.title, layer.sublabel(row))))
