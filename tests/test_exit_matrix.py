"""Every exit × every place from which a row can be closed: what is prohibited stays in, what is permitted comes out.

And no module reads governed content for output besides the exits, and besides the desks where people read and label.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from governance import constraints, derivations
from governance.compliance.filters import constrained_models
from governance.constraints import Terms
from governance.exits import EXITS
from governance.models import Declassification
from governance.uses import ALL_USES, BITS, Classification, Use
from labeling.interchange import services as interchange
from labeling.models import CanonicalLabel, Content, Labelset, LabelType, PromptTemplate, QAPair
from labeling.nearest.index import labelled_examples
from tests.proofs import keep_proof
from tests.test_rights import TEAM_ROLES
from tests.world import OUR_APPS, make_world
from training import exits
from training.models import DatasetMember, DatasetVersion
from workbench.models import CatalogObject, Sheet

ROOT = Path(settings.BASE_DIR)
SECRET, OPEN = "zanzibar", "marrakesh"
COLUMNS = ("table", "volume", "column")
SOURCES = (*COLUMNS, "Sheet", "Labelset")


# -- two worlds, alike but for their word ------------------------------------------------------------------------


class Chain:
    """One pair and one label, each with everything that it was made from, by the place's name."""

    def __init__(self, word: str, owner: Any) -> None:
        self.world = make_world(word, owner)
        self.owner = owner
        self.places: dict[str, Any] = {
            "Sheet": self.world[Sheet],
            "Labelset": self.world[Labelset],
            "Prompt Template": self.world[PromptTemplate],
            "canonical label": self.world[CanonicalLabel],
            "pair": self.world[QAPair],
        }
        connection = self.world[Sheet].connection
        for kind in COLUMNS:
            ref = f"{word}.{kind}" + ("#secret" if kind == "column" else "")
            self.places[kind] = CatalogObject.objects.create(
                connection=connection, kind=kind, ref=ref, synced_at=timezone.now()
            )
        self._derive()
        self.version = self.world[DatasetVersion]
        self._add_members(word)

    def _derive(self) -> None:
        sources = [self.places[name] for name in SOURCES]
        of_label = derivations.derivation_of(sources, scope={"of": f"label of {self.owner}"})
        of_pair = derivations.derivation_of([*sources, self.places["Prompt Template"]], scope={"of": str(self.owner)})
        CanonicalLabel.objects.filter(pk=self.world[CanonicalLabel].pk).update(derivation=of_label)
        QAPair.objects.filter(pk=self.world[QAPair].pk).update(derivation=of_pair)
        for name in ("canonical label", "pair"):
            self.places[name].refresh_from_db()

    def _add_members(self, word: str) -> None:
        """One member for the pair, which the world has, and one for the label."""
        self.version.prompt_derivation = derivations.derivation_of(
            [self.places["Prompt Template"]], scope={"of": f"prompt of {self.owner}"}
        )
        self.version.save()
        member = self.world[DatasetMember]
        member.refresh_from_db()
        DatasetMember.objects.create(
            version=self.version, position=member.position + 1, split=member.split, split_key=f"{word}-label",
            item_ref=f"{word}-label", label=self.world[CanonicalLabel], prompt=member.prompt, answer=member.answer,
        )  # fmt: skip


@pytest.fixture
def chains(make_user) -> tuple[Chain, Chain]:
    return Chain(SECRET, make_user("ada", *TEAM_ROLES)), Chain(OPEN, make_user("bob", *TEAM_ROLES))


# -- what comes out, by exit ----------------------------------------------------------------------------------


def of_members(read: Callable[[Any], Any], use: Use, kind: str) -> Callable[[Chain], str]:
    def come_out(chain: Chain) -> str:
        members = chain.version.members.filter(**{f"{kind}__isnull": False})
        return str(list(read(members.permitting(use))))

    return come_out


def of_questions(kind: str) -> Callable[[Chain], str]:
    def come_out(chain: Chain) -> str:
        members = chain.version.members.filter(**{f"{kind}__isnull": False}).permitting(Use.EVALUATION)
        return str([one.prompt.body for batch in exits.evaluation_members(members) for one in batch])

    return come_out


def neighbours(chain: Chain) -> str:
    labels = CanonicalLabel.objects.filter(sheet=chain.world[Sheet])
    return str(labelled_examples(labels.permitting(Use.FEW_SHOT)))


def lines(use: Use) -> Callable[[Chain], str]:
    def come_out(chain: Chain) -> str:
        found = interchange.export_labels(
            sheet=chain.world[Sheet], label_type=LabelType.objects.get(pk="classification"), use=use, by=chain.owner
        )
        return b"".join(found.pieces).decode()

    return come_out


PAIR_PLACES = (*SOURCES, "Prompt Template", "canonical label", "pair")
LABEL_PLACES = (*SOURCES, "canonical label")
# Exit, what stands behind it, what comes out, and the places that close it.
CASES: list[tuple[str, str, Callable[[Chain], str], tuple[str, ...]]] = [
    *(
        (name, kind, of_members(read, EXITS[name].use, kind), places)
        for name, read in (
            ("training rows", exits.training_rows), ("validation rows", exits.validation_rows),
            ("evaluation rows", exits.evaluation_rows), ("manual QA export", exits.testing_rows),
        )
        for kind, places in (("pair", PAIR_PLACES), ("label", (*LABEL_PLACES, "Prompt Template")))
    ),
    ("evaluation questions", "pair", of_questions("pair"), PAIR_PLACES),
    ("evaluation questions", "label", of_questions("label"), (*LABEL_PLACES, "Prompt Template")),
    ("nearest-neighbour", "label", neighbours, LABEL_PLACES),
    ("label-export-testing", "label", lines(Use.TESTING), LABEL_PLACES),
    ("label-export-few-shot", "label", lines(Use.FEW_SHOT), LABEL_PLACES),
]  # fmt: skip


def ways_to_close(use: Use) -> Iterator[tuple[str, Terms]]:
    every_other = ALL_USES & ~BITS[use]
    level, reason = Classification.RESTRICTED, "found patient names"
    past = timezone.now() - timedelta(minutes=1)
    yield (
        "prohibited",
        Terms(allowed_uses=ALL_USES, prohibited_uses=BITS[use], data_classification=level, usage_reason=reason),
    )
    yield (
        "not allowed",
        Terms(allowed_uses=every_other, prohibited_uses=0, data_classification=level, usage_reason=reason),
    )
    yield (
        "ended",
        Terms(
            allowed_uses=ALL_USES,
            prohibited_uses=0,
            data_classification=level,
            usage_reason=reason,
            permitted_until=past,
        ),
    )


def test_every_exit_of_the_registry_is_in_the_matrix():
    for path in (path for app in OUR_APPS for path in (ROOT / app).rglob("*.py")):
        if "@exit_for(" in path.read_text(encoding="utf-8"):
            import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))

    assert {name for name, *_ in CASES} == set(EXITS)


def test_every_kind_of_row_with_a_constraint_is_a_place_in_the_matrix(chains):
    # Leave that was given closes by its end alone: tests/labeling/test_declassification.py.
    assert {type(row) for row in chains[0].places.values()} == set(constrained_models()) - {Declassification}


@pytest.mark.parametrize(
    "name, kind, come_out, places", CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_is_closed_anywhere_above_stays_in(name, kind, come_out, places, chains, capsys):
    closed, other = chains
    assert SECRET in come_out(closed) and OPEN in come_out(other), "both come out as long as nothing is closed"

    tried = 0
    for place, row in closed.places.items():
        for way, terms in ways_to_close(EXITS[name].use):
            with transaction.atomic():
                # Nobody ends a permission in the past; time does.
                change = constraints.apply_terms if terms.permitted_until else constraints.tighten
                change(row=row, terms=terms, by=closed.owner)
                stays_in = SECRET not in come_out(closed)
                transaction.set_rollback(True)
            assert stays_in == (place in places), f"{name} ({kind}): {place} {way}"
            row.refresh_from_db()
            tried += 1
        assert OPEN in come_out(other)
    with capsys.disabled():
        print(f"\n{name} ({kind}): {tried} combinations of place and way", end=" ")  # noqa: T201


def test_how_many_combinations_there_are():
    count = len(CASES) * len(PAIR_PLACES) * len(list(ways_to_close(Use.TRAINING)))
    keep_proof("exits", "What is prohibited anywhere above a row leaves by no exit", {
        "exits": len(EXITS), "exits by what stands behind them": len(CASES), "places": len(PAIR_PLACES),
        "ways to close": 3, "combinations": count,
    })  # fmt: skip

    assert count == 13 * 8 * 3


# -- who reads content -----------------------------------------------------------------------------------------

# Module → why it may read what pairs and labels say. Everything else takes it from an exit.
READERS = {
    "governance/record/archiving.py": "the signed text of a checkpoint, no content",
    "labeling/labels/models.py": "the value itself",
    "labeling/generation/models.py": "the pair's own property",
    "labeling/generation/drafting.py": "writes pairs, and reuses labels under their own constraint",
    "labeling/generation/answering.py": "asks an endpoint, through the outbound client",
    "labeling/generation/previewing.py": "shows a drafted pair to the person who drafts it",
    "labeling/nearest/index.py": "an exit",
    "labeling/nearest/engine.py": "reads the question that it was asked",
    "workbench/endpoints/openai_engine.py": "sends the question that it was given",
    "labeling/interchange/services.py": "an exit",
    "labeling/interchange/boxes.py": "counts what a file of the exit loses",
    "labeling/interchange/jsonl.py": "writes for the exit",
    "labeling/interchange/tables.py": "writes for the exit",
    "labeling/interchange/coco.py": "writes for the exit",
    "labeling/interchange/yolo.py": "writes for the exit",
    "labeling/interchange/label_studio.py": "writes for the exit",
    "labeling/labels/selectors.py": "checks labels against a newer schema",
    "labeling/labels/services.py": "checks labels against a newer schema",
    "labeling/agreement/models.py": "the value itself",
    "labeling/agreement/api.py": "opinions, to their author and, once all are there, to those who may see their Sheet",
    "labeling/labels/views.py": "the labelling tool, where experts read",
    "labeling/labels/api.py": "labels, to those who may see their Sheet",
    "labeling/labels/admin.py": "labels, to those who may see their Sheet",
    "labeling/annotating/item_actions.py": "the labelling tool by REST, where experts read",
    "labeling/quality/texts.py": "looks for what may not be in it; keeps places, and says none of it",
    "labeling/quality/checking.py": "the same",
    "labeling/review/opening.py": "says what changed meanwhile, to the reviewer",
    "labeling/review/amending.py": "compares an edited prompt with the one before",
    "labeling/review/deciding.py": "writes what the reviewer decided",
    "labeling/review/showing.py": "the review desk, where experts read",
    "labeling/review/forms.py": "the review desk",
    "labeling/review/entering.py": "the review desk",
    "labeling/review/admin.py": "the review desk",
    "labeling/review/api.py": "the review desk",
    "training/datasets/rows.py": "makes export rows for the exits",
    "training/datasets/selectors.py": "samples for the preview, to those who may see the dataset",
    "training/evaluations/asking.py": "asks an endpoint, with members of an exit",
    "training/evaluations/evaluating.py": "scores members of an exit",
    "training/evaluations/admin.py": "wrong answers, to those who may see the evaluation",
    "training/evaluations/api.py": "wrong answers, to those who may see the evaluation",
    "training/lineage/api.py": "lineage, to those who may see the pairs",
}
# Bodies of other things: requests, syntax trees, checkpoints of the record.
OTHER_BODIES = {"request", "_request", "held", "node", "row", "checkpoint", "self", "last", "kept", "error", "listed"}
PATHS = re.compile(r"(^|__|\.)(content|(old_|new_)?(answer|prompt))(__|\.)(body|data|shown|messages)$")
CONTENTS = re.compile(r"(content|contents|answer|prompt)$")


def reads_content(source: str) -> list[int]:
    """Lines that read what a pair or a label says: attributes, query paths, fields of serializers."""
    return sorted({node.lineno for node in ast.walk(ast.parse(source)) if _reads(node)})  # type: ignore[attr-defined]


def _reads(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        holder = _name_of(node.value)
        return (
            (node.attr == "body" and holder not in OTHER_BODIES)
            or (node.attr == "data" and (holder.endswith("label") or holder in {"existing", "row"}))
            or (node.attr == "messages" and (holder in {"pair", "question"} or CONTENTS.search(holder)))
            or (node.attr == "shown" and CONTENTS.search(holder) and not _is_called_on_values(node))
        )
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        read_only = any(word.arg == "read_only" for word in node.value.keywords)
        return read_only and _name_of(node.targets[0]) == "data" and _name_of(node.value.func) == "JSONField"
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return bool(PATHS.search(node.value)) or node.value == "pair.messages"
    return False


def _is_called_on_values(node: ast.Attribute) -> bool:
    """`content.shown(value)` of `governance.portal` is a function: the module is a plain name, a row has an owner."""
    return isinstance(node.value, ast.Name) and node.value.id == "content"


def _name_of(node: ast.AST) -> str:
    """The last name of `a.b[c]`, or nothing."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_the_search_for_readers_finds_them():
    assert reads_content("x = pair.answer.body\ny = values('pair__answer__body')\nJSONField(source='answer.body')") == [
        1, 2, 3,
    ]  # fmt: skip
    assert reads_content("label.data\npair.messages\nmember.prompt.body['messages']") == [1, 2, 3]
    assert reads_content("member.prompt.messages\npair.answer.shown\nJSONField(source='answer.shown')") == [1, 2, 3]
    assert not reads_content("request.body\nserializer.data\nform.data")


def readers() -> dict[str, list[int]]:
    paths = (path for app in OUR_APPS for path in sorted((ROOT / app).rglob("*.py")) if "migrations" not in path.parts)
    found = {path.relative_to(ROOT).as_posix(): reads_content(path.read_text(encoding="utf-8")) for path in paths}
    return {name: lines for name, lines in found.items() if lines}


def test_content_is_read_for_output_by_exits_and_desks_alone():
    strangers = {name: lines for name, lines in readers().items() if name not in READERS}

    assert not strangers, f"{strangers}: take rows from an exit (governance/exits.py), or say in READERS why not"


def test_every_reader_still_reads():
    assert not set(READERS) - set(readers()), "remove them from READERS"


def test_stored_values_have_no_relation_back_to_rows():
    """`content.pairs` and the like would be a way around every queryset."""
    assert not [relation.name for relation in Content._meta.related_objects if not relation.hidden]
