"""Lineage: the four questions, and that they name nothing one may not see."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone
from guardian.shortcuts import remove_perm

from governance import access
from tests.training.factories import make_dataset, make_pair, make_sheet, make_training_sheet
from training.lineage import graph, selectors
from training.lineage.writing import Learned, write_lineage
from training.models import Evaluation, LineagePair, ModelVersion, RegisteredModel, TrainingRun
from workbench.models import ModelEndpoint


@pytest.fixture
def make_version(approved_set, engineer, team):
    """`make_version("model a")`: a version that learned from the approved set, its model shared with the team."""

    def make(name, number=1):
        model, _ = RegisteredModel.objects.get_or_create(name=name, defaults={"owner": engineer})
        access.share(collection=model, to=team, level="view", by=engineer)
        run = TrainingRun.objects.create(
            name=f"run of {name}", dataset_version=approved_set, model=model, trainer="text_classifier",
            base_model="tfidf-linear", hyperparameters={"epochs": number}, status="succeeded", created_by=engineer,
            finished_at=timezone.now(),
        )  # fmt: skip
        version = ModelVersion.objects.create(model=model, number=number, run=run, uri=f"models:/{name}/{number}")
        rows = approved_set.members.values_list("pair", "pair__training_sheet", "split")
        write_lineage(version, [Learned(str(pair), str(sheet), side) for pair, sheet, side in rows])
        return version

    return make


def score(version, accuracy, by):
    return Evaluation.objects.create(
        dataset_version=version.run.dataset_version, split="validation", model_version=version, status="succeeded",
        metrics={"accuracy": accuracy, "macro_f1": accuracy}, created_by=by,
    )


def test_which_models_were_trained_on_this_training_sheet(make_version, training_sheet, engineer, viewer):
    first, second = make_version("a"), make_version("b")

    for user in (engineer, viewer):
        rows = selectors.models_trained_on(training_sheet, user)
        assert {row.model_version for row in rows} == {first, second}


def test_which_training_sheets_and_pairs_made_this_model(make_version, training_sheet, approved_set, viewer):
    version = make_version("a")

    (row,) = selectors.training_sheets_of(version, viewer)
    pairs = selectors.pairs_of(version, viewer)

    assert row.training_sheet == training_sheet
    assert row.train_pair_count + row.val_pair_count == 40
    assert {one.pair_id for one in pairs} == set(approved_set.members.values_list("pair", flat=True))


def test_models_of_one_training_sheet_are_compared_with_their_evaluations(make_version, training_sheet, engineer):
    versions = {make_version("a"): 0.5, make_version("b"): 0.9}
    for version, accuracy in versions.items():
        score(version, accuracy, engineer)

    found = selectors.compare_models_on(training_sheet, engineer)

    assert {row["lineage"].model_version: row["evaluations"][0].metrics["accuracy"] for row in found} == versions


def test_the_pairs_of_a_sheet_that_is_not_shared_stay_hidden(make_version, approved_set, stranger, engineer, team):
    hidden = make_training_sheet(stranger, make_sheet(stranger, "Private"), name="Private pairs")
    secret = make_pair(hidden, "secret")
    version = make_version("a")
    write_lineage(version, [Learned(str(secret.pk), str(hidden.pk), "train")])

    assert LineagePair.objects.filter(pair=secret).exists()
    assert hidden not in [row.training_sheet for row in selectors.training_sheets_of(version, engineer)]
    assert secret.pk not in {row.pair_id for row in selectors.pairs_of(version, engineer)}


def test_a_stranger_gets_no_answer_at_all(make_version, training_sheet, stranger, api):
    version = make_version("a")

    assert not selectors.models_trained_on(training_sheet, stranger).exists()
    assert not selectors.pairs_of(version, stranger).exists()
    for path in (f"training-sheets/{training_sheet.pk}/models", f"models/{version.pk}/pairs"):
        assert api(stranger).get(f"/api/v1/lineage/{path}/").status_code == 404


def test_the_chain_reaches_from_the_sheet_to_the_model_both_ways(make_version, training_sheet, engineer):
    version = make_version("a")

    down = graph.drawing(graph.chain_around("training-sheet", training_sheet.pk, engineer))
    up = graph.drawing(graph.chain_around("model", version.pk, engineer))

    for nodes, edges in (down, up):
        labels = {node.label for node in nodes}
        assert {str(training_sheet), str(version), str(version.run.dataset_version)} <= labels
        assert len(edges) == len(nodes) - 1


def drawn(slug, row, user):
    nodes, edges = graph.drawing(graph.chain_around(slug, row.pk, user))
    return {node.key for node in nodes}, {(edge.source, edge.target) for edge in edges}


def test_evaluations_end_the_chain_at_their_model_and_at_the_set_they_were_made_on(
    make_version, approved_set, training_sheet, engineer
):
    first, second = make_version("a"), make_version("b")
    held_out, other = score(first, 0.9, engineer), score(second, 0.5, engineer)
    endpoint = ModelEndpoint.objects.create(name="Elsewhere", engine="nearest_neighbour", created_by=engineer)
    asked = Evaluation.objects.create(
        dataset_version=approved_set, endpoint=endpoint, status="queued", created_by=engineer
    )
    of = {row: f"evaluation:{row.pk}" for row in (held_out, other, asked)}
    dataset, model = f"dataset:{approved_set.pk}", f"model:{first.pk}"

    nodes, edges = drawn("training-sheet", training_sheet, engineer)
    assert set(of.values()) <= nodes
    assert {(model, of[held_out]), (dataset, of[asked])} <= edges
    assert not {(model, of[other]), (dataset, of[held_out])} & edges  # run and model lead there from the dataset

    nodes, edges = drawn("model", first, engineer)  # what others came to on the same set is not of this model
    assert nodes & set(of.values()) == {of[held_out]} and (model, of[held_out]) in edges

    nodes, edges = drawn("evaluation", asked, engineer)
    assert {dataset, f"training-sheet:{training_sheet.pk}", of[asked]} <= nodes and model not in nodes
    assert (dataset, of[asked]) in edges
    nodes, edges = drawn("evaluation", held_out, engineer)
    assert {model, dataset, f"training-sheet:{training_sheet.pk}"} <= nodes and of[other] not in nodes

    by_key = {node.key: node for node in graph.drawing(graph.chain_around("model", first.pk, engineer))[0]}
    shown = by_key[of[held_out]]
    assert (shown.label, shown.sublabel) == (f"{approved_set} validation", "accuracy 90.0 %")
    assert shown.layer == by_key[model].layer + 1


def test_an_evaluation_on_a_set_that_is_not_shared_is_in_no_chain(
    make_version, approved_set, stranger, engineer, approver, team, client, api
):
    version = make_version("a")
    secret_sheet = make_training_sheet(stranger, make_sheet(stranger, "Hidden"), name="Hidden")
    hidden_set = make_dataset(stranger, secret_sheet, name="Canary set", purpose="evaluation")
    seen = score(version, 0.9, engineer)
    unseen = Evaluation.objects.create(
        dataset_version=hidden_set, model_version=version, status="queued", created_by=stranger
    )
    lone = make_version("lone")
    of_hidden = score(lone, 0.7, engineer)
    for grant in ("view", "change"):
        remove_perm(f"training.{grant}_registeredmodel", team, lone.model)

    nodes, _ = drawn("model", version, engineer)
    assert f"evaluation:{seen.pk}" in nodes and f"evaluation:{unseen.pk}" not in nodes
    client.force_login(engineer)
    page = client.get(reverse("training:lineage"), {"node": f"model:{version.pk}"}).content.decode()
    answer = api(engineer).get("/api/v1/lineage/", {"node": f"model:{version.pk}"}).content.decode()
    for text in (page, answer):
        assert "Canary" not in text and str(unseen.pk) not in text and str(seen.pk) in text
    assert client.get(reverse("training:lineage"), {"node": f"evaluation:{unseen.pk}"}).status_code == 404

    nodes, _ = graph.drawing(graph.chain_around("dataset", approved_set.pk, approver))  # whose model is hidden
    assert f"evaluation:{of_hidden.pk}" in {node.key for node in nodes}
    assert not any("lone" in node.label + node.sublabel for node in nodes if node.key == f"evaluation:{of_hidden.pk}")
    assert f"model:{lone.pk}" not in {node.key for node in nodes}


def test_the_start_of_lineage_without_rows_leads_to_the_first_step(client, approved_set, make_user, viewer):
    for who, action in ((make_user("newcomer", "ml-engineer"), True), (make_user("looker", "viewer"), False)):
        client.force_login(who)
        page = client.get(reverse("training:lineage")).content.decode()
        assert "Nothing to follow yet" in page
        assert ('class="btn primary" href="' + reverse("labeling:generate") in page) == action
        assert str(approved_set) not in page
    client.force_login(viewer)
    page = client.get(reverse("training:lineage")).content.decode()
    assert "Nothing to follow yet" not in page and str(approved_set) in page


def test_the_overview_counts_one_as_one(client, approved_set, viewer):
    client.force_login(viewer)

    page = client.get("/admin/").content.decode()

    assert "<strong>1</strong> dataset<" in page and "<strong>0</strong> model versions<" in page
