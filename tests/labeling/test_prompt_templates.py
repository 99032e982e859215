"""Prompt Templates: what is checked before publication, how they are filled in, and how versions follow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.constraints import Terms
from governance.errors import InvalidInput, NotPermitted
from governance.uses import BITS
from labeling.labelsets.errors import DraftExists, VersionFrozen
from labeling.prompts import services
from labeling.prompts.agreement import fits_within
from labeling.prompts.definition import next_number
from labeling.prompts.errors import MissingColumn, PromptRefused, UnknownPlaceholder
from labeling.prompts.filling import columns_of, fill
from labeling.prompts.models import TemplateVersion
from labeling.prompts.selectors import published_version
from labeling.schemas.validation import fits

from .factories import label_type, make_labelset, make_sheet, make_template, share_with

LABEL = {"type": "object", "properties": {"label": {"enum": ["card", "refund"]}}, "required": ["label"]}


@pytest.fixture
def draft(engineer, approver, team) -> TemplateVersion:
    return make_template(engineer, approver, team, published=False)


def ask(draft: TemplateVersion, by) -> None:
    services.request_publish(version=draft, by=by, reason="ready")


def test_the_prompt_is_filled_in_with_system_examples_and_question() -> None:
    version = TemplateVersion(
        system_prompt="Be brief.",
        user_prompt="About: {{ text }}",
        examples=[{"input": {"text": "card gone"}, "output": {"label": "card"}}],
    )

    assert fill(version, {"text": "refund?"}, "a1") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "About: card gone"},
        {"role": "assistant", "content": '{"label":"card"}'},
        {"role": "user", "content": "About: refund?"},
    ]


def test_file_columns_become_image_and_file_parts() -> None:
    version = TemplateVersion(user_prompt="Look.", file_columns=["scan_path", "page_path"])
    row = {"scan_path": "main.scans/a.PNG", "page_path": "main.pages/a.pdf"}

    content = fill(version, row, "a1")[0]["content"]

    assert content[0] == {"type": "text", "text": "Look."}
    assert [part["type"] for part in content[1:]] == ["image", "file"]
    assert content[1]["path"] == "main.scans/a.PNG"


def test_an_item_without_its_file_says_so_with_its_reference() -> None:
    version = TemplateVersion(user_prompt="Look.", file_columns=["scan_path"])

    with pytest.raises(MissingColumn, match="scan_path") as caught:
        fill(version, {"scan_path": None}, "a7")
    assert caught.value.details["item_ref"] == "a7"


def test_the_columns_used_are_those_of_prompts_and_files() -> None:
    version = TemplateVersion(
        system_prompt="{{ lang }}", user_prompt="{{ text }} {{ item.amount }}", file_columns=["scan_path"]
    )

    assert columns_of(version, ["text", "other"]) == {"lang", "text", "amount", "scan_path"}


def test_a_template_that_chooses_its_columns_uses_all() -> None:
    assert columns_of(TemplateVersion(user_prompt="{{ item[text] }}"), ["text"]) is None


@pytest.mark.django_db
def test_a_placeholder_outside_the_input_schema_is_named_with_line_and_nearest(draft, engineer) -> None:
    services.update_draft(version=draft, by=engineer, user_prompt="One\n{{ txet }}")
    draft.refresh_from_db()

    with pytest.raises(UnknownPlaceholder, match="line 2: no column 'txet' \\(nearest: 'text'\\)"):
        ask(draft, engineer)


@pytest.mark.django_db
def test_refused_syntax_is_told_when_saving(draft, engineer) -> None:
    with pytest.raises(PromptRefused, match="line 1") as caught:
        services.update_draft(version=draft, by=engineer, user_prompt="{{ text.__class__() }}")
    assert caught.value.field == "user_prompt"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"output_schema": {}}, "output_schema", "output schema"),
        ({"file_columns": ["scan"]}, "file_columns", "scan"),
        ({"examples": [{"input": {}, "output": {"label": "x"}}]}, "examples", "Example 1.*'text' is missing"),
        ({"examples": [{"input": {"text": "t"}, "output": {}}]}, "examples", r"Example 1: \$.label is missing"),
    ],
)
def test_incomplete_drafts_are_not_published(draft, engineer, change, field, says) -> None:
    draft = services.update_draft(version=draft, by=engineer, **change)

    with pytest.raises(InvalidInput, match=says) as caught:
        ask(draft, engineer)
    assert caught.value.field == field


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user_prompt": " "}, "user_prompt"),
        ({"input_schema": [{"name": "a"}, {"name": "a"}]}, "input_schema"),
        ({"input_schema": [{"name": "a", "type": "cat"}]}, "input_schema"),
        ({"examples": [{"question": "a"}]}, "examples"),
        ({"output_schema": {"type": "cat"}}, "output_schema"),
        ({"temperature": 3.0}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"number": "1.0"}, "number"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_unusable_fields_are_refused_by_name(draft, engineer, change, field) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.update_draft(version=draft, by=engineer, **change)
    assert caught.value.field == field


@pytest.mark.django_db
def test_a_labelset_of_another_label_type_is_refused(draft, engineer, expert, approver, team) -> None:
    other = make_labelset(expert, approver, team, label_type=label_type("qa"))

    with pytest.raises(InvalidInput, match="answers for qa"):
        services.update_draft(version=draft, by=engineer, labelset=other.labelset)


@pytest.mark.django_db
def test_answers_must_fit_the_labelset(draft, engineer, expert, approver, team) -> None:
    labelset = make_labelset(expert, approver, team).labelset
    draft = services.update_draft(version=draft, by=engineer, labelset=labelset)

    with pytest.raises(InvalidInput, match="refuses"):
        ask(draft, engineer)
    taken_over = services.take_over_schema(version=draft, by=engineer)
    ask(taken_over, engineer)


@pytest.mark.django_db
def test_a_labelset_that_one_may_not_see_cannot_be_chosen(draft, engineer, stranger, approver) -> None:
    hidden = make_labelset(stranger, approver, approver, name="Hidden").labelset

    with pytest.raises(NotPermitted):
        services.update_draft(version=draft, by=engineer, labelset=hidden)


@pytest.mark.django_db
def test_versions_increase(engineer, approver, team) -> None:
    published = make_template(engineer, approver, team)
    second = services.start_new_version(template=published.template, by=engineer, level="patch")

    assert second.version == "1.0.1"
    with pytest.raises(DraftExists):
        services.start_new_version(template=published.template, by=engineer)
    second = services.update_draft(version=second, by=engineer, number="0.9.0")
    with pytest.raises(InvalidInput, match=r"does not come after 1\.0\.0"):
        ask(second, engineer)


@pytest.mark.django_db
def test_a_published_version_does_not_change_and_stays_after_archiving(engineer, approver, team) -> None:
    published = make_template(engineer, approver, team)

    with pytest.raises(VersionFrozen):
        services.update_draft(version=published, by=engineer, user_prompt="other")
    assert published_version(published.template) == published
    assert services.archive(version=published, by=engineer, reason="old").status == "archived"


@pytest.mark.django_db
def test_a_duplicate_keeps_what_bound_the_original(engineer, approver, team, agent) -> None:
    terms = Terms(
        allowed_uses=BITS["testing"], prohibited_uses=0, data_classification=3, usage_reason="example is PHI"
    )
    original = make_template(engineer, approver, team, terms=terms)

    copy = services.duplicate(version=original, name="Mine", by=agent)

    assert (copy.version, copy.status, copy.user_prompt) == ("1.0.0", "draft", original.user_prompt)
    assert Terms.of(copy.template) == Terms.of(original.template)
    assert copy.template.owner == agent


@pytest.mark.django_db
def test_trying_out_shows_filled_prompts_and_errors_with_their_line(
    draft, engineer, steward, approver, team
) -> None:
    sheet_version = make_sheet(steward, approver, team)
    draft = services.update_draft(
        version=draft, by=engineer, user_prompt="{{ text }}\n{% if id == 'a2' %}{{ nothing }}{% endif %}"
    )

    trial = services.test_template(version=draft, sheet_version=sheet_version, by=engineer, limit=2)

    assert trial.items[0].messages[0]["content"] == "card stolen\n"
    assert (trial.items[1].ref, trial.items[1].line) == ("a2", 2)
    assert "nothing" in trial.items[1].error
    assert len(trial.problems) == 1
    assert trial.columns == ["id", "nothing", "text"]


@pytest.mark.django_db
def test_trying_out_needs_the_right_to_see_the_sheet(draft, engineer, stranger, approver) -> None:
    hidden = make_sheet(stranger, approver, approver, name="Hidden")

    with pytest.raises(NotPermitted):
        services.test_template(version=draft, sheet_version=hidden, by=engineer, limit=1)


@pytest.mark.django_db
def test_a_stranger_can_neither_change_nor_copy(draft, stranger) -> None:
    with pytest.raises(NotPermitted):
        services.update_draft(version=draft, by=stranger, user_prompt="mine")
    with pytest.raises(NotPermitted):
        services.duplicate(version=draft, name="Mine", by=stranger)


@pytest.mark.django_db
def test_viewers_see_shared_templates_only(draft, viewer, engineer, stranger) -> None:
    share_with(draft.template, viewer, engineer)

    assert list(TemplateVersion.objects.visible_to(viewer)) == [draft]
    assert not TemplateVersion.objects.visible_to(stranger).exists()


@pytest.mark.parametrize(
    ("level", "follows"), [("major", "2.0.0"), ("minor", "1.3.0"), ("patch", "1.2.4")]
)
def test_numbers_follow_the_level(level, follows) -> None:
    assert next_number((1, 2, 3), level) == follows


@pytest.mark.parametrize(
    ("inner", "outer", "fit"),
    [
        (LABEL, LABEL, True),
        ({**LABEL, "title": "Topic"}, LABEL, True),
        ({**LABEL, "properties": {"label": {"enum": ["card"]}}}, LABEL, True),
        (LABEL, {**LABEL, "properties": {"label": {"enum": ["card"]}}}, False),
        ({**LABEL, "required": []}, LABEL, False),
        ({"type": "string"}, LABEL, False),
        ({"type": "object"}, {"type": "object", "properties": {"a": {"type": "string"}}}, False),
        ({"type": "array", "items": {"enum": [1]}}, {"type": "array", "items": {"enum": [1, 2]}}, True),
        ({"type": "array"}, {"type": "array", "items": {"enum": [1, 2]}}, False),
    ],
)
def test_a_schema_fits_within_another(inner, outer, fit) -> None:
    assert fits_within(inner, outer) is fit


SCALARS = st.sampled_from([{"type": "string"}, {"type": "integer"}, {"enum": ["a", "b"]}, {"enum": ["a"]}])
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(
            lambda properties, required, closed: {
                "type": "object",
                "properties": properties,
                "required": sorted(required & set(properties)),
                **({"additionalProperties": False} if closed else {}),
            },
            st.dictionaries(st.sampled_from(["x", "y"]), inner, max_size=2),
            st.sets(st.sampled_from(["x", "y"])),
            st.booleans(),
        ),
    ),
    max_leaves=4,
)
ANSWERS = st.recursive(
    st.sampled_from(["a", "b", "c", 1]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["x", "y", "z"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(inner=SCHEMAS, outer=SCHEMAS, answers=st.lists(ANSWERS, max_size=20))
def test_what_fits_the_inner_schema_fits_the_outer_one(inner, outer, answers) -> None:
    if fits_within(inner, outer):
        assert all(fits(answer, outer) for answer in answers if fits(answer, inner))


@pytest.mark.django_db
def test_the_api_makes_tries_publishes_and_copies_a_template(api, engineer, approver, team, steward) -> None:
    sheet_version = make_sheet(steward, approver, team)
    made = api(engineer).post(
        "/api/v1/templates/",
        {
            "name": "By API", "label_type": "classification", "user_prompt": "{{ text }}",
            "input_schema": [{"name": "text", "type": "string"}], "output_schema": LABEL,
            "examples": [{"input": {"text": "x"}, "output": {"label": "card"}}],
        },
    )  # fmt: skip
    assert made.status_code == 201, made.json()["detail"]
    where = f"/api/v1/template-versions/{made.json()['versions'][0]['id']}"
    share_with(TemplateVersion.objects.get().template, team, engineer)

    tried = api(engineer).post(f"{where}/test/", {"sheet_version": str(sheet_version.pk), "limit": 1})
    asked = api(engineer).post(f"{where}/request-publish/", {"reason": "done"})
    signed = api(approver).post(f"/api/v1/approvals/{asked.json()['approval']}/approve/", {"comment": "fine"})
    copied = api(engineer).post(f"{where}/duplicate/", {"name": "Copy"})
    archived = api(engineer).post(f"{where}/archive/", {"reason": "old"})

    assert tried.json()["items"][0]["messages"][-1]["content"] == "card stolen"
    codes = [answer.status_code for answer in (tried, asked, signed, copied, archived)]
    assert codes == [200, 202, 200, 201, 200]


@pytest.mark.django_db
def test_the_api_hides_templates_that_are_not_shared(api, draft, stranger) -> None:
    assert api(stranger).get("/api/v1/templates/").json()["results"] == []
    assert api(stranger).get(f"/api/v1/template-versions/{draft.pk}/").status_code == 404
