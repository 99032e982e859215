"""Detectors of personal data, secrets and toxic words: what is planted is found, what only looks like it is not."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as some

from labeling.quality.personal.checksums import luhn, verhoeff
from labeling.quality.personal.finding import LABELS, find_personal_data
from labeling.quality.personal.port import Hit, without_overlap
from labeling.quality.secret import find_secrets
from labeling.quality.texts import masked
from labeling.quality.toxic import find_toxic_words
from tests.proofs import keep_proof

from .planted import FRAMES, LOOK_ALIKES, PERSONAL, SECRETS, look_alikes, sentences


def measured(frames: tuple[str, ...], further: int) -> dict[str, object]:
    """Precision and recall over specimens in sentences, and what was missed or wrong."""
    found, missed, wrong = 0, Counter[str](), Counter[str]()
    for kind, specimens in PERSONAL.items():
        for text in (frame.format(specimen) for frame in frames for specimen in specimens):
            kinds = [hit.kind for hit in find_personal_data(text)]
            found += kind in kinds
            missed[kind] += kind not in kinds
            wrong.update(other for other in kinds if other != kind)
    nothing = [*LOOK_ALIKES, *sentences(further, seed=1), *look_alikes(further, seed=2)]
    for text in nothing:
        wrong.update(f"{hit.kind} in {text!r}" for hit in find_personal_data(text))
    planted = found + missed.total()
    return {
        "kinds": len(PERSONAL), "planted": planted, "look-alikes and texts with nothing": len(nothing),
        "precision": round(found / (found + wrong.total()), 4), "recall": round(found / planted, 4),
        "missed": dict(+missed), "wrong": dict(wrong),
    }  # fmt: skip


def test_planted_personal_data_is_found_and_look_alikes_are_not(capsys):
    said = measured(FRAMES[:3], 40)

    with capsys.disabled():
        print(f"\n{said}", end=" ")  # noqa: T201
    assert said["kinds"] >= 30
    assert (said["precision"], said["recall"]) == (1.0, 1.0)


@pytest.mark.proof
def test_personal_data_at_full_size():
    said = measured(FRAMES, 20_000)

    keep_proof("personal-data", "Planted personal data is found, and what only looks like it is not", said)
    assert said["recall"] == 1.0 and said["precision"] >= 0.99


def test_every_kind_that_can_be_found_is_planted():
    assert set(LABELS) == set(PERSONAL)


@given(some.integers(min_value=10**14, max_value=10**15 - 1), some.integers(0, 14), some.integers(1, 9))
def test_a_single_wrong_digit_is_seen_by_both_check_digits(number, place, by):
    digits = str(number)
    for check in (luhn, verhoeff):
        right = next(digits + sign for sign in "0123456789" if check(digits + sign))
        wrong = right[:place] + str((int(right[place]) + by) % 10) + right[place + 1 :]

        assert not check(wrong)


@given(some.text(max_size=200))
def test_any_text_at_all_is_looked_at_without_a_fault_and_hits_lie_in_it(text):
    hits = find_personal_data(text)

    assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)
    assert all(one.end <= other.start for one, other in itertools.pairwise(hits))


def test_numbers_run_together_with_others_are_not_cut_out_of_them():
    assert not find_personal_data("94111111111111111119 A4111111111111111B 1.4111111111111111.2")


def test_of_two_on_the_same_characters_the_first_stays():
    assert without_overlap([Hit(2, 8, "a"), Hit(4, 6, "b"), Hit(0, 2, "c")]) == [Hit(0, 2, "c"), Hit(2, 8, "a")]


def test_a_date_behind_a_name_is_no_birth_when_it_would_make_a_child():
    assert not find_personal_data(f"Mrs Doe, 12.03.{date.today().year - 1}")


@pytest.mark.parametrize("kind", SECRETS)
def test_secrets_are_found_by_their_shape(kind):
    text = f"use {SECRETS[kind]} for it"

    found = {hit.kind: text[hit.start : hit.end] for hit in find_secrets(text)}

    assert kind in found and found[kind].split()[0] in SECRETS[kind]


def test_prose_hashes_and_ids_hold_no_secret():
    texts = [*LOOK_ALIKES, *sentences(40, seed=3), "password", "my token", "the key is under the mat"]

    assert not [text for text in texts if find_secrets(text)]


def test_words_of_the_list_are_found_whole_and_in_any_case():
    assert [hit.kind for hit in find_toxic_words("You IDIOT, hijo de puta")] == ["toxic_word"] * 2
    assert not find_toxic_words("idiotproof Scunthorpe, a class of grapes")


def test_what_is_masked_keeps_two_characters_of_long_values_and_none_of_short_ones():
    assert (masked("4111111111111111"), masked("short")) == ("••••11", "••••")

