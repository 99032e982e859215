"""The demo catalog is what a customer sees first: the same each time, tagged, true and learnable."""

from __future__ import annotations

import csv
import io
import os
import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from workbench.demo.assets import demo_labelsets, demo_sheets, demo_templates, demo_truth
from workbench.demo.board_images import board_png
from workbench.demo.board_layout import HEIGHT, WIDTH
from workbench.demo.boards import DEFECT_CLASSES, ROOT_CAUSES, board_rows, board_truth, boards, sensor_rows
from workbench.demo.descriptions import INVOICES, TABLES
from workbench.demo.folder import SCHEMAS, write_demo_catalog
from workbench.demo.invoice_pages import print_invoice
from workbench.demo.invoice_visits import PROCEDURES, PROVIDERS
from workbench.demo.invoices import invoice_truth, invoices
from workbench.demo.iris import iris_rows
from workbench.demo.starters import starter_templates

PHI_COLUMNS = {"patient_name", "patient_dob", "insurance_id", "extracted_text"}
PHI = PHI_COLUMNS | {"pdf_path"}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "catalog"
    write_demo_catalog(root)
    return root


@pytest.fixture(scope="module")
def invoice_table(catalog: Path) -> dict[str, dict]:
    import pyarrow.parquet as pq

    rows = pq.read_table(catalog / "billing" / "invoices.parquet").to_pylist()
    return {row["invoice_id"]: row for row in rows}


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# The folder


def test_a_second_folder_holds_the_same_bytes_and_a_second_write_changes_nothing(catalog, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in catalog.rglob("*")}

    write_demo_catalog(tmp_path / "other")
    write_demo_catalog(catalog)

    assert files(tmp_path / "other") == files(catalog)
    assert {path: path.stat().st_mtime_ns for path in catalog.rglob("*")} == before


def test_the_folder_is_complete_and_nothing_is_left_beside_it(catalog):
    assert {path.name for path in catalog.iterdir()} == set(SCHEMAS)
    assert [path.name for path in catalog.parent.iterdir()] == [catalog.name]
    assert len(list((catalog / "billing/volumes/invoice_pdfs").glob("INV-2026-*.pdf"))) == 60
    assert len(list((catalog / "factory/volumes/board_images").glob("BOARD-*.png"))) == 100
    assert stat.S_IMODE(os.stat(catalog / "billing").st_mode) & stat.S_IXUSR


def test_an_outdated_file_is_replaced_and_another_schema_stays(catalog, tmp_path):
    root = tmp_path / "catalog"
    (root / "flowers").mkdir(parents=True)
    (root / "flowers" / "iris.csv").write_text("old")
    (root / "mine").mkdir()
    (root / "mine" / "table.csv").write_text("a\n1\n")

    write_demo_catalog(root)

    assert (root / "flowers/iris.csv").read_bytes() == (catalog / "flowers/iris.csv").read_bytes()
    assert (root / "mine" / "table.csv").read_text() == "a\n1\n"


def test_a_real_billing_schema_is_never_overwritten(tmp_path):
    (tmp_path / "billing").mkdir()
    (tmp_path / "billing" / "payments.csv").write_text("a\n1\n")

    with pytest.raises(FileExistsError, match=r"payments\.csv"):
        write_demo_catalog(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["billing"]


def test_a_failure_half_way_leaves_no_part_of_a_schema(tmp_path, monkeypatch):
    def broken(board):
        raise OSError("disk full")

    monkeypatch.setattr("workbench.demo.folder.board_png", broken)

    with pytest.raises(OSError, match="disk full"):
        write_demo_catalog(tmp_path / "catalog")

    assert list((tmp_path / "catalog").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["catalog"]


def test_patient_columns_and_the_pdf_volume_carry_phi_and_nothing_else_does(catalog):
    tagged = set()
    for path in catalog.rglob("*.yaml"):
        described = yaml.safe_load(path.read_text(encoding="utf-8"))
        tagged |= {(path.stem, None)} if described["tags"] == ["PHI"] else set()
        tagged |= {
            (path.stem, name)
            for name, column in described.get("columns", {}).items()
            if column.get("tags") == ["PHI"]
        }

    assert tagged == {("invoice_pdfs", None)} | {("invoices", name) for name in PHI_COLUMNS}


@pytest.mark.parametrize("name", TABLES)
def test_each_column_of_a_table_is_described(catalog, name):
    import duckdb

    path = catalog / name.replace(".", "/")
    source = f"{path}.parquet" if name == "billing.invoices" else f"{path}.csv"
    found = [row[0] for row in duckdb.sql(f"DESCRIBE SELECT * FROM '{source}'").fetchall()]

    assert found == list(TABLES[name].columns)


# Invoices


def test_the_truth_of_an_invoice_is_printed_on_its_pdf(catalog):
    import pypdfium2

    for invoice_id, truth in invoice_truth().items():
        with pypdfium2.PdfDocument(catalog / f"billing/volumes/invoice_pdfs/{invoice_id}.pdf") as pdf:
            text = "\n".join(page.get_textpage().get_text_range() for page in pdf)
        entities = truth["entity_extraction"]
        year, month, day = entities["patient_dob"].split("-")
        expected = [
            invoice_id,
            entities["patient_name"],
            f"{day}.{month}.{year}",
            entities["insurance_id"],
            f"{entities['total_amount']:,.2f}",
            entities["provider_name"],
            *entities["procedure_codes"],
        ]
        assert [words for words in expected if words not in text] == []


def test_the_invoice_table_agrees_with_the_truth(invoice_table):
    truth = invoice_truth()

    assert list(invoice_table) == list(truth)
    for invoice_id, row in invoice_table.items():
        entities = truth[invoice_id]["entity_extraction"]
        assert row["patient_dob"].isoformat() == entities["patient_dob"]
        assert row["procedure_codes"].split(", ") == entities["procedure_codes"]
        assert row["total_amount"] == pytest.approx(entities["total_amount"])
        assert 0 < row["patient_share"] < row["total_amount"]


def test_untagged_columns_hold_no_patient_data(invoice_table):
    for row in invoice_table.values():
        open_text = " ".join(str(value) for name, value in row.items() if name not in PHI_COLUMNS)
        secrets = [*row["patient_name"].split(), row["insurance_id"], row["patient_dob"].isoformat()]
        assert [secret for secret in secrets if re.search(rf"\b{re.escape(secret)}\b", open_text)] == []


def test_the_recognised_text_differs_from_the_print_by_a_few_letters_only(invoice_table):
    for invoice in invoices():
        printed, read = print_invoice(invoice).text, invoice_table[invoice.invoice_id]["extracted_text"]
        assert read != printed
        assert abs(len(read) - len(printed)) <= 12


def test_pages_codes_and_kinds_vary(invoice_table):
    assert {row["page_count"] for row in invoice_table.values()} == {1, 2}
    assert {code for row in invoice_table.values() for code in row["procedure_codes"].split(", ")} <= set(
        PROCEDURES
    )
    assert len({row["patient_name"] for row in invoice_table.values()}) == 60
    assert len({truth["document_type"]["document_type"] for truth in invoice_truth().values()}) == 4


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_no_provider_number_can_belong_to_a_real_practice(provider):
    """A real NPI passes Luhn with the prefix 80840 (CMS standard for the NPI check digit)."""
    digits = [int(digit) for digit in reversed("80840" + provider.npi)]
    doubled = [digit if i % 2 == 0 else sum(divmod(2 * digit, 10)) for i, digit in enumerate(digits)]

    assert re.fullmatch(r"[12]\d{9}", provider.npi)
    assert sum(doubled) % 10 != 0


# Boards


def test_boxes_lie_inside_the_image_and_match_the_defects():
    for truth in board_truth().values():
        boxes = truth["localization"]["boxes"]
        for box in boxes:
            assert 0 <= box["x"] < box["x"] + box["width"] <= WIDTH
            assert 0 <= box["y"] < box["y"] + box["height"] <= HEIGHT
        assert {box["class"] for box in boxes} == set(truth["classification"]["defects"])
        assert len(boxes) <= 3
        assert (truth["root_cause"]["root_cause"] == "none") == (boxes == [])


def test_each_defect_is_visible_in_its_box_and_nowhere_else():
    from PIL import Image, ImageChops

    for board in boards()[::3]:
        with Image.open(io.BytesIO(board_png(board))) as seen:
            assert seen.size == (WIDTH, HEIGHT)
            with Image.open(io.BytesIO(board_png(replace(board, defects=())))) as good:
                change = ImageChops.difference(seen, good).convert("L")
        for box in board_truth()[board.board_id]["localization"]["boxes"]:
            area = (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
            assert change.crop(area).getextrema()[1] > 25, (board.board_id, box)
            change.paste(0, area)
        assert change.getbbox() is None, board.board_id


def test_a_fifth_of_the_boards_is_good_and_every_class_and_cause_occurs():
    truth = list(board_truth().values())

    assert len(truth) == 100
    assert sum(not one["localization"]["boxes"] for one in truth) == 20
    assert {kind for one in truth for kind in one["classification"]["defects"]} == set(DEFECT_CLASSES)
    assert {one["root_cause"]["root_cause"] for one in truth} == set(ROOT_CAUSES)
    assert 20 < sum(one["pass_fail"]["result"] == "pass" for one in truth) < 60


def test_boards_and_sensors_join_one_to_one(catalog):
    board_ids = [row["board_id"] for row in csv_rows(catalog / "factory/boards.csv")]

    assert (
        board_ids
        == [row["board_id"] for row in csv_rows(catalog / "factory/sensors.csv")]
        == list(board_truth())
    )


# Learnable


def accuracy(features, answers) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    guesses = cross_val_predict(LogisticRegression(max_iter=2000, C=10), features, answers, cv=4)
    return sum(a == b for a, b in zip(guesses, answers, strict=True)) / len(answers)


def from_text(texts: list[str]):
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=(1, 2)).fit_transform(texts)


def test_root_cause_is_learnable_from_the_numbers_and_from_the_log():
    from sklearn.preprocessing import StandardScaler

    rows = sensor_rows()
    answers = [board_truth()[row["board_id"]]["root_cause"]["root_cause"] for row in rows]
    numbers = [[v for v in row.values() if isinstance(v, float)] for row in rows]

    assert accuracy(StandardScaler().fit_transform(numbers), answers) > 0.8
    assert 0.6 < accuracy(from_text([row["line_log"] for row in rows]), answers) < 1.0


def test_main_defect_is_learnable_from_the_machine_remark():
    answers = [truth["classification"]["main_defect"] for truth in board_truth().values()]

    assert accuracy(from_text([row["aoi_remark"] for row in board_rows()]), answers) > 0.6


@pytest.mark.parametrize("field, floor", [("urgency", 0.8), ("department", 0.8), ("network_status", 0.7)])
def test_invoice_classification_is_learnable_from_what_its_template_shows(invoice_table, field, floor):
    shown = ("visit_kind", "provider_name", "department", "network_status")
    texts = [" ".join(row[name] for name in shown) for row in invoice_table.values()]
    answers = [truth["classification"][field] for truth in invoice_truth().values()]

    assert accuracy(from_text(texts), answers) > floor


def test_document_type_is_learnable_without_patient_data(invoice_table):
    texts = [f"{row['heading']} {row['closing_note']}" for row in invoice_table.values()]
    answers = [truth["document_type"]["document_type"] for truth in invoice_truth().values()]

    assert accuracy(from_text(texts), answers) > 0.8


def test_an_iris_description_follows_its_numbers_and_never_names_the_species():
    rows = iris_rows()

    assert len(rows) == 150
    assert all(str(row["petal_length_cm"]) in row["description"] for row in rows)
    assert not any(row["species"] in row["description"] for row in rows)


# Assets


def placeholders(prompt: str) -> set[str]:
    from jinja2 import Environment, meta

    return meta.find_undeclared_variables(Environment(autoescape=True).parse(prompt))


@pytest.mark.parametrize("template", [*demo_templates(), *starter_templates()], ids=lambda t: t["name"])
def test_a_template_declares_exactly_the_columns_it_uses(template):
    declared = [column["name"] for column in template["input_schema"]]

    assert set(declared) == placeholders(template["user_prompt"]) | set(template["file_columns"])
    assert len(declared) == len(set(declared))
    assert placeholders(template["system_prompt"]) == set()
    Draft202012Validator.check_schema(template["output_schema"])


@pytest.mark.parametrize("starter", starter_templates(), ids=lambda t: t["name"])
def test_the_examples_of_a_starter_fit_its_schemas(starter):
    assert 1 <= len(starter["examples"]) <= 2
    for example in starter["examples"]:
        assert set(example["input"]) == {column["name"] for column in starter["input_schema"]}
        Draft202012Validator(starter["output_schema"]).validate(example["output"])


def test_all_six_starters_are_there_and_each_call_gives_fresh_values():
    first = starter_templates()
    first[0]["examples"].clear()

    assert [starter["name"] for starter in first] == [
        "Defect detection",
        "Predictive maintenance",
        "Anomaly detection",
        "Calibration insights",
        "Document extraction",
        "Remaining useful life",
    ]
    assert starter_templates()[0]["examples"]


def test_a_template_answers_its_labelset_and_shows_no_more_than_its_experts_see():
    labelsets = {labelset["name"]: labelset for labelset in demo_labelsets()}

    for template in demo_templates():
        labelset = labelsets[template["labelset"]]
        assert template["output_schema"] == labelset["response_schema"]
        assert (template["sheet"], template["label_type"]) == (labelset["sheet"], labelset["label_type"])
        assert {column["name"] for column in template["input_schema"]} <= set(labelset["seen_columns"])


def test_classification_and_document_type_of_invoices_see_no_tagged_column():
    sees_phi = {
        labelset["label_type"]: bool(PHI & set(labelset["seen_columns"]))
        for labelset in demo_labelsets()
        if labelset["sheet"] == "Medical invoices"
    }

    assert sees_phi == {
        "entity_extraction": True,
        "classification": False,
        "summarization": True,
        "document_type": False,
    }
    assert {name for name, column in INVOICES.columns.items() if column.tags} == PHI_COLUMNS


def test_each_true_answer_fits_the_schema_of_its_labelset():
    validators = {
        (labelset["sheet"], labelset["label_type"]): Draft202012Validator(labelset["response_schema"])
        for labelset in demo_labelsets()
    }
    for sheet, items in demo_truth().items():
        for answers in items.values():
            assert {label_type for of, label_type in validators if of == sheet} == set(answers)
            for label_type, answer in answers.items():
                validators[sheet, label_type].validate(answer)


@pytest.mark.parametrize("labelset", demo_labelsets(), ids=lambda labelset: labelset["name"])
def test_the_values_an_answer_may_take_are_the_classes_of_the_labelset(labelset):
    schema = labelset["response_schema"]
    names = [one["name"] for one in labelset["classes"]]
    enums = {value for field in schema["properties"].values() for value in field.get("enum", [])} - {"none"}

    assert schema["additionalProperties"] is False
    assert enums <= set(names)
    assert len(names) == len(set(names))
    assert all(re.fullmatch("#[0-9a-f]{6}", one["color"]) for one in labelset["classes"])


@pytest.mark.parametrize("sheet", demo_sheets(), ids=lambda sheet: sheet["name"])
def test_a_sheet_points_at_what_the_catalog_holds(catalog, sheet):
    columns = dict.fromkeys(TABLES[sheet["primary_source"]].columns)
    for source in sheet["secondary_sources"]:
        schema, name = source["name"].split(".")
        if source["kind"] == "volume":
            columns[f"{source['alias']}_path"] = None
            item = next(iter(demo_truth()[sheet["name"]]))
            wanted = source["pattern"].format(**{sheet["item_key"]: item})
            assert (catalog / schema / "volumes" / name / wanted).is_file()
        else:
            joined = [column for column in TABLES[source["name"]].columns if column != source["on"]]
            columns |= {f"{source['alias']}_{column}": None for column in joined}

    assert set(sheet["column_roles"]) == set(columns)
    seen = {
        c
        for labelset in demo_labelsets()
        if labelset["sheet"] == sheet["name"]
        for c in labelset["seen_columns"]
    }
    assert seen <= set(columns)


def test_a_pdf_opens_as_letter_pages_with_a_title():
    import pypdfium2

    for invoice in invoices()[:6]:
        printed = print_invoice(invoice)
        with pypdfium2.PdfDocument(io.BytesIO(printed.pdf)) as pdf:
            assert len(pdf) == printed.page_count
            assert pdf[0].get_size() == (612, 792)
            assert pdf.get_metadata_dict()["Title"] == f"{invoice.heading} {invoice.invoice_id}"
