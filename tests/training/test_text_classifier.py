"""The embedded trainer, through the registry."""

import csv
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.trainers import Example, get_trainer, trainers
from training.trainers.errors import (
    ExampleRefused,
    HyperparameterRefused,
    ModelUnreadable,
    NothingToLearn,
    UnknownTrainer,
)
from training.trainers.text_classifier import TrainedTextClassifier, shared_frame

SAMPLE_DATA = os.environ.get("WORKBENCH_SAMPLE_DATA", "")
ANIMALS = [
    Example(f"Item: {animal}\nBig or small?", answer)
    for animal, answer in [("ant", "small"), ("mouse", "small"), ("elephant", "big"), ("whale", "big")]
]


def train(examples, *, validation=(), progress=lambda done, total: None, **settings):
    return get_trainer("text_classifier").train(examples, validation, settings, progress, Path("unused"))


def test_the_embedded_trainer_is_registered():
    assert "text_classifier" in [trainer.slug for trainer in trainers()]


def test_an_unknown_trainer_is_refused_with_the_installed_ones():
    with pytest.raises(UnknownTrainer, match=r"'nope'.*text_classifier"):
        get_trainer("nope")


def test_it_answers_what_it_was_taught():
    model = train(ANIMALS)

    assert [each.answer for each in model.predict([example.prompt for example in ANIMALS])] == [
        example.answer for example in ANIMALS
    ]


def test_a_json_answer_comes_back_as_the_same_text():
    examples = [Example("sepal 5.1", '{"species":"setosa"}'), Example("sepal 7.0", '{"species":"virginica"}')]

    [prediction] = train(examples).predict(["sepal 5.1"])

    assert prediction.answer == '{"species":"setosa"}'
    assert 0.5 < prediction.confidence <= 1


def test_two_trainings_give_the_same_model(tmp_path):
    for name in ("one", "two"):
        train(ANIMALS).save(tmp_path / name)

    for file in ("model.json", "model.npz", "facts.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_saved_model_answers_the_same_after_loading(tmp_path):
    model = train([*ANIMALS, Example("Item: table\nBig or small?", "thing")], validation=ANIMALS)
    model.save(tmp_path)
    prompts = [example.prompt for example in ANIMALS] + ["", "unheard of"]

    loaded = TrainedTextClassifier.load(tmp_path)

    assert loaded.predict(prompts) == model.predict(prompts)
    assert loaded.facts == model.facts


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelUnreadable, match="does not hold a text classifier"):
        get_trainer("text_classifier").load(tmp_path)


@pytest.mark.parametrize("file", ["model.npz", "model.json", "facts.json"])
def test_a_damaged_model_is_refused(tmp_path, file):
    train(ANIMALS).save(tmp_path)
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:-30])

    with pytest.raises(ModelUnreadable):
        get_trainer("text_classifier").load(tmp_path)


def test_facts_count_examples_and_score_the_held_out_ones():
    facts = train(ANIMALS, validation=ANIMALS, epochs=3).facts  # too few to converge

    assert facts["n_examples"] == 4
    assert facts["examples_per_class"] == {"big": 2, "small": 2}
    assert (facts["epochs"], facts["converged"]) == (3, False)
    assert [entry["epoch"] for entry in facts["history"]] == [3]
    assert facts["validation_accuracy"] == facts["history"][-1]["validation_accuracy"]


@pytest.mark.parametrize(("epochs", "total"), [(3, 2), (10, 2), (25, 4), (500, 51)])
def test_progress_rises_to_the_total_even_when_training_converges_early(epochs, total):
    seen = []

    train(ANIMALS, epochs=epochs, progress=lambda done, all_stages: seen.append((done, all_stages)))

    assert seen == sorted(set(seen))
    assert (seen[0], seen[-1]) == ((0, total), (total, total))


def test_confidences_are_shares_of_one_over_all_answers():
    trained = train([*ANIMALS, Example("Item: table\nBig or small?", "thing")])
    prompts = [example.prompt for example in ANIMALS]

    chances = trained.model._chances(prompts)

    assert chances.sum(axis=1) == pytest.approx([1.0] * len(prompts))
    assert [each.confidence for each in trained.predict(prompts)] == pytest.approx(chances.max(axis=1))


def test_what_progress_raises_stops_the_training():
    def cancel_in_the_middle(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(ANIMALS, progress=cancel_in_the_middle)


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([], "no training examples"),
        (ANIMALS[:2], "All 2 training examples have the answer 'small'"),
        ([Example("same", "a"), Example("same", "b")], "tells them apart"),
    ],
)
def test_examples_that_teach_nothing_are_refused(examples, message):
    with pytest.raises(NothingToLearn, match=message):
        train(examples)


def test_prompts_without_a_single_word_are_told_apart_by_their_signs():
    model = train([Example("?", "a"), Example("!", "b"), Example("?", "a")])

    assert model.predict(["!"])[0].answer == "b"


@pytest.mark.parametrize("blank", ["", " \n\t"])
def test_an_empty_prompt_is_refused_with_its_number(blank):
    with pytest.raises(ExampleRefused, match="prompt of training example 5 is empty"):
        train([*ANIMALS, Example(blank, "big")])


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"epoch": 3}, "epoch", "Unknown hyperparameter 'epoch'; this trainer has .*epochs"),
        ({"epochs": 0}, "epochs", "epochs is 0; expected a whole number from 1 to 2000"),
        ({"epochs": True}, "epochs", "epochs is True; expected a whole number"),
        ({"epochs": 2.5}, "epochs", "epochs is 2.5"),
        ({"inverse_regularisation": float("nan")}, "inverse_regularisation", "is nan; expected a number"),
        ({"balance_answers": "yes"}, "balance_answers", "expected true or false"),
        ({"shortest_characters": 6}, "shortest_characters", "above longest_characters 5"),
    ],
)
def test_a_wrong_hyperparameter_is_refused_by_name_and_range(values, field, message):
    with pytest.raises(HyperparameterRefused, match=message) as refused:
        get_trainer("text_classifier").validate(values)

    assert refused.value.field == field


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(), st.floats(), st.booleans())))
def test_any_other_name_is_refused(values):
    trainer = get_trainer("text_classifier")
    if not values.keys() - {setting.name for setting in trainer.hyperparameters}:
        return

    with pytest.raises(HyperparameterRefused):
        trainer.validate(values)


def test_defaults_are_within_their_own_ranges():
    trainer = get_trainer("text_classifier")

    assert trainer.validate({}) == {setting.name: setting.default for setting in trainer.hyperparameters}


@given(st.lists(st.text(alphabet="ab \n", max_size=12), min_size=1, max_size=6), st.text(max_size=8))
def test_the_shared_frame_is_on_every_prompt_and_never_overlaps(items, wrapping):
    prompts = [f"{wrapping} {item} {wrapping}" for item in items]

    prefix, suffix = shared_frame(prompts)

    assert all(
        prompt.startswith(prefix) and prompt.endswith(suffix) and len(prompt) >= len(prefix) + len(suffix)
        for prompt in prompts
    )


def test_a_long_template_changes_no_answer():
    bare = [Example(example.prompt.split("\n")[0][6:], example.answer) for example in ANIMALS]
    framed = [Example("Look at the item. " * 50 + f"{each.prompt} answer now ", each.answer) for each in bare]

    plain = train(bare).predict([example.prompt for example in bare])
    wrapped = train(framed).predict([example.prompt for example in framed])

    assert [each.answer for each in wrapped] == [each.answer for each in plain]


@pytest.mark.skipif(not SAMPLE_DATA, reason="WORKBENCH_SAMPLE_DATA names no folder with banking77/train.csv")
def test_banking77_reaches_four_of_five_with_two_thousand_examples():
    with open(Path(SAMPLE_DATA) / "banking77" / "train.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    random.Random(0).shuffle(rows)
    examples = [Example(f"Question: {row['text']}\nWhich intent is it?", row["category"]) for row in rows]
    learned, held_out = examples[:2000], examples[2000:5000]

    predictions = train(learned).predict([example.prompt for example in held_out])

    assert len({example.answer for example in learned}) == 77
    hits = sum(each.answer == example.answer for each, example in zip(predictions, held_out, strict=True))
    assert hits / len(held_out) >= 0.80
