"""Export writers: content, determinism, memory and formula safety."""

import csv
import hashlib
import json
import subprocess
import sys
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.spreadsheets import FORMULA_STARTS, formula_safe
from labeling.exports import ExportRow, write_chat_jsonl, write_csv, write_csv_table, write_parquet
from labeling.exports.errors import RowNotExportable
from tests.proofs import examples

WRITERS = [write_chat_jsonl, write_parquet, write_csv]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TURN = st.fixed_dictionaries({"role": st.just("user"), "content": TEXT})
ROWS = st.lists(
    st.builds(
        ExportRow,
        messages=st.lists(TURN, min_size=1, max_size=2),
        answer=st.one_of(TEXT, st.dictionaries(TEXT, st.integers() | TEXT, max_size=3)),
        item_ref=TEXT,
        split=st.sampled_from(["train", "validation", "test"]),
        label_type=TEXT,
        pair_id=TEXT,
        metadata=st.dictionaries(TEXT, TEXT | st.none() | st.floats(allow_nan=False, allow_infinity=False)),
    ),
    max_size=5,
)


def row(**changes):
    values = {
        "messages": [{"role": "user", "content": "Which species?"}],
        "answer": {"species": "setosa"},
        "item_ref": "17",
        "split": "train",
        "label_type": "classification",
        "pair_id": "p1",
        "metadata": {"reviewed_by": "ana"},
    }
    return ExportRow(**{**values, **changes})


def image_at(ref):
    return {"messages": [{"role": "user", "content": [{"type": "image", "ref": ref}]}]}


def written(writer, rows, **options):
    file = BytesIO()
    return writer(iter(rows), file, **options), file.getvalue()


def lines(data):
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def test_a_chat_line_ends_with_the_answer_and_names_its_origin():
    _, data = written(write_chat_jsonl, [row()])

    assert lines(data) == [
        {
            "messages": [
                {"role": "user", "content": "Which species?"},
                {"role": "assistant", "content": '{"species":"setosa"}'},
            ],
            "item_ref": "17",
            "split": "train",
            "label_type": "classification",
            "pair_id": "p1",
            "metadata": {"reviewed_by": "ana"},
        }
    ]


def test_a_chat_line_without_origin_holds_messages_only():
    _, data = written(write_chat_jsonl, [row()], with_origin=False)

    assert list(lines(data)[0]) == ["messages"]


@pytest.mark.parametrize("writer", WRITERS)
@settings(deadline=None, max_examples=examples(40))
@given(rows=ROWS)
def test_same_rows_give_same_bytes_and_the_receipt_is_true(writer, rows):
    receipt, data = written(writer, rows)

    assert written(writer, rows) == (receipt, data)
    assert (receipt.count, receipt.bytes) == (len(rows), len(data))
    assert receipt.sha256 == hashlib.sha256(data).hexdigest()


@settings(deadline=None)
@given(ROWS)
def test_chat_lines_read_back_as_the_rows(rows):
    _, data = written(write_chat_jsonl, rows)

    back = lines(data)

    assert [line["messages"][:-1] for line in back] == [list(each.messages) for each in rows]
    assert [line["metadata"] for line in back] == [each.metadata for each in rows]
    for line, each in zip(back, rows, strict=True):
        answer = line["messages"][-1]["content"]
        assert (answer if isinstance(each.answer, str) else json.loads(answer)) == each.answer


@settings(deadline=None)
@given(ROWS)
def test_parquet_reads_back_as_the_rows(rows):
    import pyarrow.parquet as pq

    _, data = written(write_parquet, rows)

    back = pq.read_table(BytesIO(data)).to_pylist()

    assert [each["item_ref"] for each in back] == [each.item_ref for each in rows]
    assert [json.loads(each["metadata"]) for each in back] == [each.metadata for each in rows]


def test_parquet_groups_end_by_rows_and_by_size():
    import pyarrow.parquet as pq

    many = [row(pair_id=str(number)) for number in range(1030)]
    large = [row(messages=[{"role": "user", "content": "x" * 1_500_000}]) for _ in range(4)]

    groups = [pq.ParquetFile(BytesIO(written(write_parquet, rows)[1])).metadata for rows in (many, large)]

    assert [groups[0].row_group(index).num_rows for index in range(2)] == [1024, 6]
    assert groups[1].num_row_groups == 2


@pytest.mark.parametrize("start", sorted(FORMULA_STARTS))
@pytest.mark.parametrize("blanks", ["", " ", "\u00a0", "\ufeff", "\u200b \u200b"])
def test_text_that_a_spreadsheet_could_run_is_quoted(start, blanks):
    cell = f"{blanks}{start}HYPERLINK(0)"

    assert formula_safe(cell) == "'" + cell


@given(st.text(), st.sampled_from("\t\r\n"), st.text(alphabet=" "))
def test_text_that_starts_with_a_control_sign_is_quoted(text, control, blanks):
    assert formula_safe(blanks + control + text) == "'" + blanks + control + text


@given(st.text())
def test_a_safe_cell_is_the_text_or_the_text_behind_a_quote(text):
    safe = formula_safe(text)

    assert safe in (text, "'" + text)
    assert safe.lstrip()[:1] not in FORMULA_STARTS or not safe.strip()


@given(st.one_of(st.integers(), st.floats(), st.none(), st.booleans()))
def test_numbers_stay_numbers(value):
    assert formula_safe(value) is value


def test_negative_numbers_are_written_as_numbers_and_negative_text_is_not():
    file = BytesIO()

    write_csv_table(("amount", "note"), [(-5.5, "-5.5")], file)

    assert file.getvalue() == b"amount,note\r\n-5.5,'-5.5\r\n"


@settings(deadline=None)
@given(ROWS)
def test_csv_reads_back_with_every_cell_safe(rows):
    _, data = written(write_csv, rows)

    back = list(csv.reader(StringIO(data.decode(), newline=""), strict=True))[1:]

    assert [cells[1] for cells in back] == [formula_safe(each.item_ref) for each in rows]
    assert all(formula_safe(cell) == cell for cells in back for cell in cells)


IMAGE = {"type": "image", "ref": "demo.boards/images/1.PNG"}
PDF = {"type": "file", "ref": "demo.invoices/a/b.pdf"}


def with_parts(*parts):
    return row(messages=[{"role": "user", "content": list(parts)}])


def test_files_stay_references_with_path_and_mime_type():
    _, data = written(write_chat_jsonl, [with_parts({"type": "text", "text": "Look"}, IMAGE, PDF)])

    assert lines(data)[0]["messages"][0]["content"] == [
        {"type": "text", "text": "Look"},
        {"type": "image", "ref": IMAGE["ref"], "path": "images/1.PNG", "mime": "image/png"},
        {"type": "file", "ref": PDF["ref"], "path": "a/b.pdf", "mime": "application/pdf"},
    ]


def test_embedded_files_become_data_urls():
    _, data = written(
        write_chat_jsonl, [with_parts(IMAGE, PDF)], embed_files=True, load_bytes=lambda ref: ref[-3:].encode()
    )

    assert lines(data)[0]["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,UE5H"}},
        {"type": "file", "file": {"filename": "b.pdf", "file_data": "data:application/pdf;base64,cGRm"}},
    ]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"messages": []}, "must end with the question"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "must end with the question"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "role 'robot'; expected one of system"),
        ({"messages": [{"role": "user", "content": None}]}, "neither text nor a list"),
        ({"messages": [{"role": "user", "content": [{"type": "audio"}]}]}, "type 'audio'"),
        (image_at("a.b/c.pdf"), "no extension"),
        (image_at("c.png"), "names no file"),
        ({"answer": float("nan")}, "its answer cannot be written as JSON"),
        ({"metadata": {"at": object()}}, "cannot be written as JSON"),
        ({"answer": "\ud800"}, "(JSON|Unicode)"),
    ],
)
@pytest.mark.parametrize("writer", WRITERS)
def test_a_row_that_cannot_be_carried_is_named(writer, broken, message):
    with pytest.raises(RowNotExportable, match=rf"Pair p1 \(item 17\).*{message}"):
        written(writer, [row(**broken)])


MEASURE = """
import sys, resource
from labeling import exports
import pyarrow.parquet

def rows(count):
    for number in range(count):
        text = f"{number} " + "%05d" % number * 2_000  # a hundred megabytes in all
        yield exports.ExportRow(
            messages=[{"role": "user", "content": text}], answer="a", item_ref=str(number), split="train",
            label_type="t", pair_id=str(number),
        )

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

write = getattr(exports, sys.argv[1])
with open("/dev/null", "wb") as file:
    write(rows(200), file)
    before = peak()
    assert write(rows(10_000), file).count == 10_000
print(peak() - before)
"""


@pytest.mark.parametrize("writer", WRITERS)
def test_ten_thousand_large_rows_take_no_more_memory_than_two_hundred(writer):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, writer.__name__],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert int(done.stdout) < 50 * 1024  # KiB
