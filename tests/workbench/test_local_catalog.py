"""The embedded catalog, through the port."""

from __future__ import annotations

import csv
import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.proofs import examples
from workbench.catalogs.connection import connected
from workbench.catalogs.errors import (
    DuplicateItemKey,
    DuplicateJoinKey,
    InvalidFilter,
    InvalidName,
    InvalidSelection,
    SourceUnreadable,
    TableExists,
    UnknownColumn,
    UnknownFile,
    UnknownSchema,
    UnknownTable,
    UnknownVolume,
    UnsafePath,
)
from workbench.catalogs.local import LocalCatalog
from workbench.catalogs.port import Catalog, Column, Join, Selection

INVOICES = """id,customer,amount,day
10,1,12.5,2024-01-02
9,2,,2024-01-03
100,7,3,2024-01-04
"""
CUSTOMERS = "number,Full Name,city\n1,Jane Smith,Fairhaven\n2,Arlo Vane,Northgate\n3,Nobody,Nowhere\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    schema = tmp_path / "catalog" / "main"
    (schema / "volumes" / "scans" / "2024").mkdir(parents=True)
    (schema / "invoices.csv").write_text(INVOICES)
    (schema / "invoices.yaml").write_text(
        "description: Bills\ntags: [CONFIDENTIAL]\ncolumns: {amount: {tags: [MONEY]}}\n"
    )
    (schema / "customers.csv").write_text(CUSTOMERS)
    (schema / "customers.yaml").write_text(
        "tags: [PII]\ncolumns: {Full Name: {description: as written, tags: [PHI]}}\n"
    )
    (schema / "volumes" / "scans.yaml").write_text("description: Pages\ntags: [PHI]\n")
    for path in ("10.pdf", "100.pdf", "2024/9.pdf"):
        (schema / "volumes" / "scans" / path).write_bytes(path.encode())
    return schema.parent


@pytest.fixture
def catalog(root: Path) -> Catalog:
    return LocalCatalog(root)


INVOICE_ITEMS = Selection(primary="main.invoices", item_key="id")
CUSTOMER = Join("main.customers", "customer_row", keys=(("customer", "number"),))
SCAN = Join("main.scans", "scan", kind="volume", pattern="{id}.pdf")


def all_rows(catalog: Catalog, selection: Selection, **options: object) -> list[dict[str, object]]:
    return [row for batch in catalog.iter_rows(selection, **options) for row in batch]


def refs(rows: list[dict[str, object]]) -> list[object]:
    return [row["item_ref"] for row in rows]


# Browsing


def test_catalog_lists_what_its_folder_holds(catalog, root):
    (root / "main" / "not-a-name.csv").write_text("a\n1\n")
    (root / "main" / "notes.txt").write_text("x")

    assert catalog.list_schemas() == ["main"]
    assert catalog.list_tables("main") == ["main.customers", "main.invoices"]
    assert catalog.list_volumes("main") == ["main.scans"]


def test_table_comes_with_its_tags_and_types(catalog):
    table = catalog.get_table("main.invoices")

    assert (table.description, table.tags, table.row_count) == ("Bills", ("CONFIDENTIAL",), 3)
    assert [(column.name, column.type, column.tags) for column in table.columns] == [
        ("id", "BIGINT", ()), ("customer", "BIGINT", ()), ("amount", "DOUBLE", ("MONEY",)),
        ("day", "DATE", ()),
    ]  # fmt: skip


def test_volume_comes_with_its_tags_and_number_of_files(catalog):
    volume = catalog.get_volume("main.scans")

    assert (volume.description, volume.tags, volume.file_count) == ("Pages", ("PHI",), 3)


def test_files_are_listed_page_by_page(catalog):
    first = catalog.list_files("main.scans", limit=2)
    rest = catalog.list_files("main.scans", limit=2, after=first[-1].path)

    assert [file.path for file in first + rest] == ["10.pdf", "100.pdf", "2024/9.pdf"]
    assert [file.path for file in catalog.list_files("main.scans", prefix="2024/")] == ["2024/9.pdf"]
    assert first[0].size == 6


def test_file_is_read_from_its_volume_only(catalog, root):
    assert catalog.read_file("main.scans", "2024/9.pdf") == b"2024/9.pdf"
    with pytest.raises(UnsafePath):
        catalog.read_file("main.scans", "../../invoices.csv")
    with pytest.raises(UnknownFile):
        catalog.read_file("main.scans", "11.pdf")


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda c: c.list_tables("mian"), UnknownSchema, "Did you mean 'main'"),
        (lambda c: c.get_table("main.invoice"), UnknownTable, "Did you mean 'main.invoices'"),
        (lambda c: c.get_volume("main.scan"), UnknownVolume, "Did you mean 'main.scans'"),
        (lambda c: c.get_table("invoices"), InvalidName, "expected schema.table"),
        (lambda c: c.get_table("main.../secret"), InvalidName, "letters"),
        (lambda c: c.get_table("main.x' OR '1"), InvalidName, "letters"),
        (lambda c: c.get_table("volumes.scans"), InvalidName, "volumes"),
    ],
)
def test_wrong_name_is_refused_with_what_there_is(catalog, ask, error, said):
    with pytest.raises(error, match=said):
        ask(catalog)


def test_table_that_is_a_link_does_not_exist(catalog, root, tmp_path):
    (tmp_path / "outside.csv").write_text("a\n1\n")
    (root / "main" / "linked.csv").symlink_to(tmp_path / "outside.csv")

    assert "main.linked" not in catalog.list_tables("main")
    with pytest.raises(UnknownTable):
        catalog.get_table("main.linked")


def test_connection_reads_its_folder_and_nothing_else(root):
    import duckdb

    with connected(root) as connection:
        assert connection.execute(
            "SELECT count(*) FROM read_csv(?)", [str(root / "main/invoices.csv")]
        ).fetchone() == (3,)
        for forbidden in (
            "SELECT * FROM read_text('/etc/passwd')",
            f"SELECT * FROM read_text('{root}/../outside.txt')",
            f"SELECT * FROM read_text('{root}2/x')",
            "COPY (SELECT 1) TO '/tmp/leak.csv'",
            "ATTACH '/tmp/other.db'",
            "INSTALL httpfs",
            "SET enable_external_access = true",
            "SET memory_limit = '8GB'",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(forbidden).fetchall()


# Sources that are not what they should be


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "", "first line"),
        ("t.csv", "a,b\n1,2\n3,4,5\n", "t.csv"),
        ("t.csv", 'a,b\n1,"x\n', "t.csv"),
        ("t.parquet", "not parquet", "t.parquet"),
        ("t.jsonl", '{"a": 1}\nnot json\n', "t.jsonl"),
    ],
)
def test_broken_file_is_an_error_and_loses_no_rows(catalog, root, name, content, said):
    (root / "main" / name).write_text(content)

    with pytest.raises(SourceUnreadable, match=said):
        catalog.get_table("main.t")


@pytest.mark.parametrize(
    "note",
    ["tags: PHI", "tags: [1]", "tag: [PHI]", "- PHI", "columns: {amuont: {tags: [PHI]}}", "columns: [amount]",
     "a: [",
     "columns: {amount: {type: 'VARCHAR); DROP'}}"],
)  # fmt: skip
def test_misspelt_description_is_an_error_because_tags_would_be_lost(catalog, root, note):
    (root / "main" / "invoices.yaml").write_text(note)

    with pytest.raises(SourceUnreadable, match=r"invoices\.yaml"):
        catalog.get_table("main.invoices")


def test_two_files_of_one_name_are_refused(catalog, root):
    (root / "main" / "invoices.jsonl").write_text('{"id": 1}\n')

    with pytest.raises(SourceUnreadable, match="several files"):
        catalog.get_table("main.invoices")


def test_semicolons_quotes_and_leading_zeros_are_kept(catalog, root):
    (root / "main" / "t.csv").write_text('code;"a;b"\n007;"x ""y""\nz"\n012;é\n')

    assert catalog.sample_rows("main.t") == [{"code": "007", "a;b": 'x "y"\nz'}, {"code": "012", "a;b": "é"}]


def test_type_in_the_description_wins_over_the_inferred_one(catalog, root):
    (root / "main" / "invoices.yaml").write_text("columns: {customer: {type: varchar}}")

    assert catalog.sample_rows("main.invoices", 1)[0]["customer"] == "1"


def test_types_follow_a_changed_file(catalog, root):
    assert catalog.sample_rows("main.invoices", 1)[0]["id"] == 10

    (root / "main" / "invoices.csv").write_text("id,customer,amount,day\nA1,1,2,2024-01-01\n")

    assert catalog.sample_rows("main.invoices", 1)[0]["id"] == "A1"


def test_values_are_json_safe(catalog):
    moment = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    catalog.write_table(
        "main.kinds",
        pa.table({
            "money": pa.array([Decimal("1.10")], pa.decimal128(6, 2)), "day": [date(2024, 1, 2)],
            "at": [moment], "naive": [moment.replace(tzinfo=None)], "nan": [float("nan")],
            "inf": [float("inf")], "raw": [b"\x01"],
            "nested": [{"days": [date(2024, 1, 2)], "n": None}],
        }),
    )  # fmt: skip

    row = catalog.sample_rows("main.kinds")[0]

    assert json.loads(json.dumps(row)) == {
        "money": "1.10", "day": "2024-01-02", "at": "2024-05-06T07:08:09.000000Z",
        "naive": "2024-05-06T07:08:09", "nan": None, "inf": None, "raw": "AQ==",
        "nested": {"days": ["2024-01-02"], "n": None},
    }  # fmt: skip


# Selections


def test_rows_come_in_order_of_their_key_as_text(catalog):
    rows = all_rows(catalog, INVOICE_ITEMS, batch_size=2)

    assert refs(rows) == ["10", "100", "9"]
    assert rows[2] == {"item_ref": "9", "id": 9, "customer": 2, "amount": None, "day": "2024-01-03"}


def test_iteration_resumes_after_a_key(catalog):
    assert refs(all_rows(catalog, INVOICE_ITEMS, after="10")) == ["100", "9"]
    assert refs(all_rows(catalog, INVOICE_ITEMS, after="9")) == []


def test_only_asked_columns_come_beside_the_key(catalog):
    assert all_rows(catalog, INVOICE_ITEMS, after="100", columns=["amount"]) == [
        {"item_ref": "9", "amount": None}
    ]
    with pytest.raises(UnknownColumn, match="Did you mean 'amount'"):
        all_rows(catalog, INVOICE_ITEMS, columns=["amuont"])


def test_joined_table_brings_its_columns_under_its_alias_and_its_tags(catalog):
    selection = Selection(primary="main.invoices", item_key="id", joins=(CUSTOMER,))

    columns = {column.name: column for column in catalog.columns(selection)}
    rows = all_rows(catalog, selection, columns=["customer_row_Full Name"])

    assert list(columns) == ["id", "customer", "amount", "day", "customer_row_Full Name", "customer_row_city"]
    assert columns["customer_row_Full Name"].tags == ("PHI",)
    assert columns["customer_row_Full Name"].source == "main.customers#Full Name"
    assert [row["customer_row_Full Name"] for row in rows] == ["Jane Smith", None, "Arlo Vane"]


def test_joined_volume_brings_the_path_of_the_file_or_nothing(catalog):
    selection = Selection(primary="main.invoices", item_key="id", joins=(SCAN,))

    rows = all_rows(catalog, selection, columns=["scan_path"])

    assert [row["scan_path"] for row in rows] == ["10.pdf", "100.pdf", None]
    assert catalog.columns(selection)[-1].tags == ("PHI",)


def test_later_join_may_use_columns_of_an_earlier_one(catalog, root):
    (root / "main" / "cities.jsonl").write_text('{"city": "Fairhaven", "zip": "98999"}\n')
    cities = Join("main.cities", "place", keys=(("customer_row_city", "city"),))
    selection = Selection(primary="main.invoices", item_key="id", joins=(CUSTOMER, cities))

    assert [row["place_zip"] for row in all_rows(catalog, selection)] == ["98999", None, None]


def test_key_columns_of_other_types_are_compared_as_text(catalog, root):
    (root / "main" / "extra.csv").write_text("key,note\n10,ten\nx,none\n")
    selection = Selection(
        primary="main.invoices", item_key="id", joins=(Join("main.extra", "extra", keys=(("id", "key"),)),)
    )

    assert [row["extra_note"] for row in all_rows(catalog, selection)] == ["ten", None, None]


def test_join_that_would_multiply_rows_is_refused_with_the_values(catalog, root):
    with (root / "main" / "customers.csv").open("a") as file:
        file.write("2,Second,Elsewhere\n")
    selection = Selection(primary="main.invoices", item_key="id", joins=(CUSTOMER,))

    with pytest.raises(DuplicateJoinKey, match=r"more than one row for 2 \(2 rows\)"):
        catalog.count(selection)


def test_duplicates_that_appear_later_are_noticed(catalog, root):
    selection = Selection(primary="main.invoices", item_key="id", joins=(CUSTOMER,))
    assert catalog.count(selection) == 3

    with (root / "main" / "customers.csv").open("a") as file:
        file.write("2,Second,Elsewhere\n")

    with pytest.raises(DuplicateJoinKey):
        catalog.count(selection)


@pytest.mark.parametrize(
    ("join", "error", "said"),
    [
        (Join("main.customers", "c"), InvalidSelection, "key pairs"),
        (Join("main.customers", "c d", keys=(("id", "number"),)), InvalidSelection, "alias"),
        (
            Join("main.customers", "c", keys=(("nope", "number"),)),
            UnknownColumn,
            "so far has no column 'nope'",
        ),
        (
            Join("main.customers", "c", keys=(("id", "nope"),)),
            UnknownColumn,
            "'main.customers' has no column 'nope'",
        ),
        (Join("main.scans", "s", kind="volume"), InvalidSelection, "pattern"),
        (Join("main.scans", "s", kind="volume", pattern="x.pdf"), InvalidSelection, "placeholders"),
        (Join("main.scans", "s", kind="volume", pattern="../{id}.pdf"), InvalidSelection, "without a folder"),
        (Join("main.scans", "s", kind="volume", pattern="{nope}.pdf"), UnknownColumn, "nope"),
        (Join("main.scans", "s", kind="volume", pattern="{id'}.pdf"), UnknownColumn, "id'"),
        (Join("main.nope", "s", keys=(("id", "x"),)), UnknownTable, "nope"),
    ],
)
def test_join_that_does_not_fit_is_refused(catalog, join, error, said):
    with pytest.raises(error, match=said):
        catalog.columns(Selection(primary="main.invoices", item_key="id", joins=(join,)))


def test_two_sources_under_one_alias_are_refused(catalog):
    with pytest.raises(InvalidSelection, match="used twice"):
        catalog.columns(Selection(primary="main.invoices", item_key="id", joins=(CUSTOMER, CUSTOMER)))


def test_joined_column_that_exists_already_is_refused(catalog, root):
    (root / "main" / "t.csv").write_text("id,c_city\n1,x\n")
    join = Join("main.customers", "c", keys=(("id", "number"),))

    with pytest.raises(InvalidSelection, match="choose another alias"):
        catalog.columns(Selection(primary="main.t", item_key="id", joins=(join,)))


def test_volume_can_be_the_primary_source(catalog):
    selection = Selection(primary="main.scans", primary_kind="volume", item_key="path", filter_sql="size > 6")

    rows = all_rows(catalog, selection)

    assert refs(rows) == ["100.pdf", "2024/9.pdf"]
    assert (rows[1]["name"], rows[1]["size"]) == ("9.pdf", 10)
    assert str(rows[1]["modified"]).endswith("Z")


def test_filter_may_use_joined_columns_and_columns_that_are_not_kept(catalog):
    selection = Selection(
        primary="main.invoices", item_key="id", joins=(CUSTOMER, SCAN), columns=("amount",),
        filter_sql="\"customer_row_full name\" LIKE 'J%' AND scan_path IS NOT NULL",
    )  # fmt: skip

    assert all_rows(catalog, selection) == [{"item_ref": "10", "amount": 12.5}]
    assert [column.name for column in catalog.columns(selection)] == ["amount"]


def test_filter_that_fails_on_a_value_is_a_fault_of_the_filter(catalog, root):
    (root / "main" / "t.csv").write_text("id,code\n1,5\n2,x\n")
    selection = Selection(primary="main.t", item_key="id", filter_sql="CAST(code AS INTEGER) > 1")

    with pytest.raises(InvalidFilter, match="TRY_CAST"):
        all_rows(catalog, selection)


def test_wrong_filter_is_refused_wherever_a_selection_is_read(catalog):
    selection = Selection(primary="main.invoices", item_key="id", filter_sql="amount > (SELECT 1)")

    for ask in (catalog.columns, catalog.count, catalog.preview, catalog.duplicate_keys):
        with pytest.raises(InvalidFilter, match="subqueries"):
            ask(selection)


def test_rows_are_got_by_key_in_one_query_and_unknown_ones_are_absent(catalog):
    rows = catalog.get_rows(INVOICE_ITEMS, ["9", "10", "11"])

    assert {ref: row["amount"] for ref, row in rows.items()} == {"9": None, "10": 12.5}
    assert catalog.get_rows(INVOICE_ITEMS, []) == {}


def test_filter_binds_rows_got_by_key_but_the_sample_does_not(catalog):
    filtered = Selection(primary="main.invoices", item_key="id", filter_sql="amount > 5", sample_size=1)

    assert set(catalog.get_rows(filtered, ["9", "10", "100"])) == {"10"}


def test_duplicate_and_missing_keys_are_reported(catalog):
    catalog.write_table("main.t", [{"k": "a"}, {"k": "a"}, {"k": None}, {"k": ""}, {"k": "b"}])

    assert catalog.duplicate_keys(Selection(primary="main.t", item_key="k")) == [("a", 2), (None, 2)]
    assert len(catalog.preview(Selection(primary="main.t", item_key="k"))) == 5


@pytest.mark.parametrize(
    ("keys", "said"), [(["a", "b", "b", "c"], "'b'"), (["a", None], "no value"), (["", "a"], "no value")]
)
@pytest.mark.parametrize("batch_size", [1, 2, 1000])
def test_iteration_stops_at_a_key_that_is_not_unique(catalog, keys, said, batch_size):
    catalog.write_table("main.t", [{"k": key} for key in keys])

    with pytest.raises(DuplicateItemKey, match=said):
        all_rows(catalog, Selection(primary="main.t", item_key="k"), batch_size=batch_size)


def test_missing_key_is_noticed_on_resuming_too(catalog):
    catalog.write_table("main.t", [{"k": "a"}, {"k": "b"}, {"k": None}])

    with pytest.raises(DuplicateItemKey, match="no value"):
        all_rows(catalog, Selection(primary="main.t", item_key="k"), after="a")


def test_column_called_item_ref_must_be_the_key(catalog):
    catalog.write_table("main.t", [{"item_ref": 5, "k": "a"}])

    assert all_rows(catalog, Selection(primary="main.t", item_key="item_ref")) == [
        {"item_ref": "5", "k": "a"}
    ]
    with pytest.raises(InvalidSelection, match="item_ref"):
        all_rows(catalog, Selection(primary="main.t", item_key="k"))


@settings(max_examples=examples(15), deadline=None)
@given(
    keys=st.lists(st.integers(0, 10_000), unique=True, min_size=1, max_size=60),
    new=st.integers(10_001, 20_000),
    size=st.integers(1, 20),
)
def test_sample_is_the_same_every_time_and_a_new_row_displaces_at_most_one(tmp_path_factory, keys, new, size):
    catalog = LocalCatalog(tmp_path_factory.mktemp("catalog"))
    selection = Selection(primary="main.t", item_key="k", sample_size=size)

    def sample(values: list[int]) -> set[object]:
        catalog.write_table("main.t", [{"k": value} for value in values], replace=True)
        rows = all_rows(catalog, selection)
        assert catalog.count(selection) == len(rows) == min(size, len(values))
        return set(refs(rows))

    before = sample(keys)

    assert sample(keys[::-1]) == before
    assert len(before - sample([*keys, new])) <= 1


def test_sample_below_one_is_refused(catalog):
    with pytest.raises(InvalidSelection, match="1 or more"):
        catalog.count(Selection(primary="main.invoices", item_key="id", sample_size=0))


@settings(max_examples=examples(25), deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8).filter(
            lambda text: "\x00" not in text and not set(text) & set(map(chr, range(0xD800, 0xE000)))
        ),
        st.integers(),
        max_size=12,
    ),
    st.integers(1, 5),
)
def test_every_row_is_met_once_whatever_the_keys_and_wherever_one_resumes(tmp_path_factory, rows, batch_size):
    catalog = LocalCatalog(tmp_path_factory.mktemp("catalog"))
    catalog.write_table("main.t", pa.table({"k": pa.array(list(rows), pa.string())}))
    selection = Selection(primary="main.t", item_key="k")

    met: list[object] = []
    while batch := next(
        catalog.iter_rows(selection, after=str(met[-1]) if met else None, batch_size=batch_size), []
    ):
        met += refs(batch)

    assert met == sorted(rows)


def test_a_hundred_thousand_rows_pass_without_piling_up(catalog, root):
    with (root / "main" / "big.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "note"])
        writer.writerows((number, "x" * 300) for number in range(100_000))
    batches = catalog.iter_rows(Selection(primary="main.big", item_key="id"), batch_size=1000)

    resident = [sum(1 for _ in [next(batches)]) and _resident_mib() for _ in range(10)]
    later = [_resident_mib() for _ in batches]

    assert len(later) == 90
    assert max(later) - resident[-1] < 40


def _resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


# Versions and writing


def test_version_of_a_table_is_that_of_its_content(catalog, root):
    before = catalog.source_version("main.invoices")
    os.utime(root / "main" / "invoices.csv", (1, 1))
    assert catalog.source_version("main.invoices") == before

    (root / "main" / "invoices.csv").write_text(INVOICES + "11,1,1,2024-01-01\n")

    assert catalog.source_version("main.invoices") != before


def test_version_of_a_volume_changes_with_its_files(catalog, root):
    before = catalog.source_version("main.scans", "volume")

    catalog.write_file("main.scans", "new/1.pdf", b"x")

    assert catalog.source_version("main.scans", "volume") != before


def test_written_table_can_be_read_with_its_tags(catalog):
    written = catalog.write_table(
        "fresh.people", [{"id": 1, "name": "Jane"}], description="People", tags=["PII"],
        columns=[Column("name", "", "as written", ("PHI",))],
    )  # fmt: skip

    assert written == catalog.get_table("fresh.people")
    assert (written.description, written.tags, written.row_count) == ("People", ("PII",), 1)
    assert written.columns[1] == Column("name", "VARCHAR", "as written", ("PHI",), "fresh.people#name")


def test_existing_table_is_replaced_only_on_purpose(catalog):
    catalog.write_table("main.t", [{"a": 1}])

    with pytest.raises(TableExists, match=r"t\.parquet"):
        catalog.write_table("main.t", [{"a": 2}])
    with pytest.raises(TableExists, match=r"invoices\.csv"):
        catalog.write_table("main.invoices", [{"a": 2}], replace=True)
    catalog.write_table("main.t", [{"a": 3}], replace=True)

    assert catalog.sample_rows("main.t") == [{"a": 3}]


def test_failed_write_leaves_the_table_as_it_was(catalog, root, monkeypatch):
    catalog.write_table("main.t", [{"a": 1}])

    def break_off(table: pa.Table, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("pyarrow.parquet.write_table", break_off)
    with pytest.raises(OSError, match="disk full"):
        catalog.write_table("main.t", [{"a": 2}], replace=True)

    assert catalog.sample_rows("main.t") == [{"a": 1}]
    assert not list((root / "main").glob(".*"))


def test_table_without_usable_columns_is_not_written(catalog):
    with pytest.raises(SourceUnreadable, match="distinct names"):
        catalog.write_table("main.t", [{"a": 1, "A": 2}])
    with pytest.raises(UnknownColumn, match="nope"):
        catalog.write_table("main.t", [{"a": 1}], columns=[Column("nope", "")])

    assert "main.t" not in catalog.list_tables("main")


def test_created_volume_takes_files(catalog):
    catalog.create_volume("main.letters", description="Post", tags=["PHI"])

    catalog.write_file("main.letters", "2024/a.txt", b"dear")

    assert catalog.get_volume("main.letters").file_count == 1
    assert catalog.get_volume("main.letters").tags == ("PHI",)
    assert catalog.read_file("main.letters", "2024/a.txt") == b"dear"
    with pytest.raises(UnsafePath):
        catalog.write_file("main.letters", "../invoices.csv", b"x")


def test_folder_with_a_wildcard_in_its_path_is_refused(tmp_path):
    (tmp_path / "a[b]").mkdir()

    with pytest.raises(ValueError, match="wildcard"):
        LocalCatalog(tmp_path / "a[b]")
