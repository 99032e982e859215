"""Marks, content, navigation and colours of the portal."""

import html as html_module
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from governance.portal import content, marks, navigation
from tests.factories import SheetFactory

STYLE = Path(__file__).parents[2] / "governance/static/governance/workbench.css"
TEMPLATES = Path(__file__).parents[2] / "templates"
TONES = ("primary", "permitted", "attention", "prohibited", "machine")


@dataclass
class Constraint:
    cells: list = field(
        default_factory=lambda: [
            ("F", "few_shot", "own", ""),
            ("T", "training", "inherited", "source column tagged PHI"),
            ("V", "validation", "permitted", ""),
            ("E", "evaluation", "permitted", ""),
            ("Q", "testing", "permitted", ""),
        ]
    )
    classification_label: str = "restricted"
    why_url: str = "/why/1/"


def text_of(html):
    return html_module.unescape(re.sub(r"<[^>]*>", "", html))


def test_the_use_strip_keeps_its_order_and_says_in_words_why_not():
    strip = marks.use_strip(Constraint())

    assert re.findall(r">([TVEQF])</span>", strip) == list("TVEQF")
    assert "training prohibited: source column tagged PHI" in text_of(strip)
    assert "few-shot prohibited: prohibited by this row" in text_of(strip)
    assert 'href="/why/1/"' in strip


def test_the_use_strip_refuses_a_state_it_does_not_know():
    with pytest.raises(ValueError, match="'maybe' of training"):
        marks.use_strip(Constraint(cells=[("T", "training", "maybe", "")]))


def test_a_chip_carries_a_sign_and_its_word_escaped():
    chip = marks.chip("<b>done</b>", "permitted")

    assert "✓" in chip
    assert "&lt;b&gt;done" in chip


def test_an_unknown_chip_kind_is_refused():
    with pytest.raises(ValueError, match="'green'"):
        marks.chip("done", "green")


def test_progress_without_a_total_shows_the_count_only():
    assert "<progress" not in marks.progress(1200, 0)
    assert "1,200 done" in marks.progress(1200, 0)


@given(st.text(alphabet="ab <&.\n"), st.text(alphabet="ab <&.\n"))
def test_a_difference_holds_both_texts_whole(before, after):
    diff = content.word_diff(before, after)

    assert text_of(re.sub(r"<ins>.*?</ins>", "", diff, flags=re.S)) == before
    assert text_of(re.sub(r"<del>.*?</del>", "", diff, flags=re.S)) == after


def test_json_is_shown_whole_and_escaped():
    html = content.json_pretty({"a": [1, None, "<script>"], "b": {}})

    assert "&lt;script&gt;" in html
    assert "null" in html
    assert "{}" in html


def test_a_thread_shows_own_images_and_loads_nothing_from_outside():
    parts = [
        {"type": "text", "text": "Which total?"},
        {"type": "image", "url": "/media/1/", "name": "page 1"},
        {"type": "image_url", "image_url": {"url": "https://elsewhere.example/x.png"}},
        {"type": "file", "url": "javascript:alert(1)", "name": "evil"},
    ]

    html = content.messages_thread(
        [{"role": "user", "content": parts}, {"role": "assistant", "content": None}]
    )

    assert html.count("<img") == 1
    assert 'src="/media/1/"' in html
    assert 'href="https://elsewhere.example/x.png"' in html
    assert "javascript:" not in html


def test_every_entry_target_is_named_once():
    targets = [entry.target for section in navigation.SECTIONS for entry in section.entries]

    assert len(targets) == len(set(targets))


def test_a_count_for_an_unknown_entry_is_refused():
    with pytest.raises(ValueError, match="admin:nothing"):
        navigation.register_count("admin:nothing", lambda user: 0)


def test_an_anonymous_visitor_has_no_sidebar(rf):
    assert navigation.navigation_for(rf.get("/"), {}) == []


@pytest.fixture
def counting(monkeypatch, viewer):
    """How often the Training Sheets were counted for the sidebar, and the number shown last."""
    asked = []

    def count(user):
        asked.append(user)
        return len(asked)

    monkeypatch.setitem(navigation._counts, "admin:labeling_trainingsheet_changelist", count)
    return asked


def test_the_sidebar_counts_again_for_each_person_and_once_anything_changed(counting, viewer, officer, db):
    assert navigation.counts_for(viewer) == navigation.counts_for(viewer)
    assert counting == [viewer]

    navigation.counts_for(officer)
    assert counting == [viewer, officer]

    SheetFactory(owner=officer)
    navigation.counts_for(viewer)
    assert counting == [viewer, officer, viewer]


def test_the_sidebar_counts_again_after_half_a_minute(counting, viewer, db, monkeypatch):
    navigation.counts_for(viewer)
    later = timezone.now() + timedelta(seconds=navigation.COUNTED_SECONDS)
    monkeypatch.setattr(navigation.timezone, "now", lambda: later)

    navigation.counts_for(viewer)

    assert counting == [viewer, viewer]


def tokens(theme):
    pairs = re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE.read_text())
    return {name: light if theme == "light" else dark for name, light, dark in pairs}


def luminance(colour):
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """Source: WCAG 2.2, definition of contrast ratio."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXT_PAIRS = [
    *((ink, ground) for ink in ("ink", "muted") for ground in ("bg", "card", "plain-soft")),
    *((tone, ground) for tone in TONES for ground in ("bg", "card", f"{tone}-soft")),
    *(("ink", f"{tone}-soft") for tone in TONES),
    ("on-primary", "primary"),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT_PAIRS, ids=lambda value: value)
def test_text_is_readable_on_every_ground_it_stands_on(theme, ink, ground):
    colours = tokens(theme)

    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["bg", "card"])
def test_the_border_of_a_control_can_be_seen(theme, ground):
    colours = tokens(theme)

    assert contrast(colours["control"], colours[ground]) >= 3


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_template_carries_inline_style_or_script(template):
    source = template.read_text()

    assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=|javascript:", source)
    assert not re.search(r"<script(?![^>]*\bsrc=)", source)
