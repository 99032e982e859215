#!/usr/bin/env python3
"""From a table to a trained model that can be answered for, by REST only.

Start a site in one terminal and leave it running; make passwords and a token that may sign in another, and walk:

    make run
    make --silent passwords > passwords.txt
    .venv/bin/python manage.py api_token --user approver --scopes read,write,approve --days 1 > approver-token.txt
    python3 examples/rest_walk.py http://127.0.0.1:8000 passwords.txt approver-token.txt

What a password is exchanged for may not sign approvals: that takes a token which an administrator gives. Every request
is a plain HTTP call with a token; nothing but Python's standard library is used. Six people take part, because no
single one may do it all. Run it again: names carry the time, so nothing is in the way.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

TEAM = "Demo team"
PROMPT = "Petals {{ petal_length_cm }} × {{ petal_width_cm }} cm. {{ description }} Which iris is it?"


class Problem(Exception):
    """The site refused; the message is its own."""


class Person:
    """One account, logged in. `get` and `post` speak JSON."""

    def __init__(self, site: str, username: str, password: str = "", token: str = "") -> None:
        self.site = site
        self.username = username
        self.token = token
        if not token:
            self.token = self.post("login/", {"username": username, "password": password})["token"]

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", f"{path}?{urllib.parse.urlencode(query)}" if query else path)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.call("POST", path, body or {})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        address = path if path.startswith("http") else f"{self.site}/api/v1/{path}"
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Token {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310 - the address is given
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            raise Problem(f"{method} {path}: {error.code} {_detail(error.read())}") from None

    def every(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All rows of a list, page after page."""
        page = self.get(path, page_size=500, **query)
        rows = list(page["results"])
        while page["next"]:
            page = self.get(page["next"])
            rows += page["results"]
        return rows

    def only(self, path: str, **query: Any) -> dict[str, Any]:
        """The one row of a list."""
        rows = self.every(path, **query)
        if len(rows) != 1:
            raise Problem(f"{path} {query}: expected one row that {self.username} may see, found {len(rows)}.")
        return rows[0]

    def wait_for(self, job: str) -> dict[str, Any]:
        """Ask for the job until it has finished."""
        while not (found := self.get(f"jobs/{job}/"))["is_finished"]:
            time.sleep(0.5)
        if found["state"] != "succeeded":
            raise Problem(f"The job {found['kind']} has {found['state']}: {found['error']}")
        return found

    def share(self, path: str, level: str) -> None:
        """Let the team see (view) or change a row of one's own."""
        self.post(f"{path}share/", {"group": TEAM, "level": level})


def _detail(body: bytes) -> str:
    """What a refusal says: problem+json has a sentence for people."""
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError):
        return body[:300].decode(errors="replace")


def say(stage: str, text: str) -> None:
    sys.stdout.write(f"{stage:<9} {text}\n")
    sys.stdout.flush()


def passwords_in(text: str) -> dict[str, str]:
    """From the table that `make passwords` prints: the last two words of its lines."""
    lines = [line.split() for line in text.splitlines()]
    return {words[-2]: words[-1] for words in lines if len(words) >= 3}


class Walk:
    """The walk, stage by stage; each method leaves what the next ones need."""

    def __init__(self, site: str, passwords: dict[str, str], approver_token: str) -> None:
        def log_in(username: str) -> Person:
            return Person(site, username, passwords[username])

        self.steward, self.expert = map(log_in, ("data-steward", "domain-expert"))
        self.approver = Person(site, "approver", token=approver_token)
        self.engineer, self.developer = map(log_in, ("ml-engineer", "agent-developer"))
        self.officer = log_in("compliance-officer")
        self.mark = time.strftime("%Y-%m-%d %H:%M:%S")

    def all(self) -> None:
        self.data()
        self.template()
        self.label_first_items()
        self.generate()
        self.review()
        self.curate()
        self.train()
        self.evaluate()
        self.lineage()

    def approve(self, request: dict[str, Any]) -> None:
        """The second pair of eyes: sees what is asked for, and signs."""
        seen = self.approver.get(f"approvals/{request['approval']}/")
        self.approver.post(f"approvals/{seen['id']}/approve/", {"comment": "Looked at it; as described."})
        say("Approve", f"{seen['subject_label']}: asked by {seen['requested_by']}, signed by the approver")

    def data(self) -> None:
        """The steward points a Sheet at a table. No row is copied."""
        connection = self.steward.only("connections/", name="Local catalog")
        table = self.steward.get(f"connections/{connection['id']}/columns/", table="flowers.iris")
        names = ", ".join(column["name"] for column in table["columns"])
        say("Data", f"{table['ref']}: {table['row_count']} rows, columns {names}")
        version = self.steward.post(
            "sheets/",
            {
                "name": f"Iris by REST {self.mark}",
                "connection": connection["id"],
                "primary_ref": "flowers.iris",
                "item_key": "flower_id",
                "column_roles": {"species": "label"},
            },
        )
        preview = self.steward.get(f"sheet-versions/{version['id']}/preview/", limit=3)
        say("Data", f"preview: {preview['item_count']} items, problem: {preview['problem'] or 'none'}")
        self.sheet_version, self.sheet = version["id"], version["sheet"]
        self.steward.share(f"sheets/{self.sheet}/", "view")
        self.approve(self.steward.post(f"sheet-versions/{version['id']}/request-publish/", {"reason": "First use."}))
        labelset = self.steward.only("labelsets/", name="Iris species")
        self.steward.post("labelset-bindings/", {"sheet": self.sheet, "labelset": labelset["id"]})
        self.labelset = labelset["id"]
        say("Data", f"labelset “{labelset['name']}” answers for {labelset['label_type']} on this Sheet")

    def template(self) -> None:
        """The agent developer writes a prompt and tries it on real rows."""
        [version] = self.developer.every("labelset-versions/", labelset=self.labelset, status="published")
        made = self.developer.post(
            "templates/",
            {
                "name": f"Species in one line {self.mark}",
                "label_type": "classification",
                "labelset": self.labelset,
                "user_prompt": PROMPT,
                "input_schema": [{"name": name} for name in ("petal_length_cm", "petal_width_cm", "description")],
                "output_schema": version["response_schema"],
            },
        )
        [draft] = made["versions"]
        path = f"template-versions/{draft['id']}/"
        trial = self.developer.post(f"{path}test/", {"sheet_version": self.sheet_version, "limit": 2})
        say("Generate", f"the template reads {', '.join(trial['columns'])}; the first prompt:")
        say("", trial["items"][0]["messages"][-1]["content"])
        self.developer.share(f"templates/{made['id']}/", "view")
        self.approve(self.developer.post(f"{path}request-publish/", {"reason": "Tried on rows."}))
        self.template_version = draft["id"]

    def label_first_items(self) -> None:
        """The expert labels every fifth flower by hand: ground truth that generation starts from."""
        items = self.expert.get(f"sheets/{self.sheet}/items/", limit=500)
        self.truth = {item["ref"]: item["row"]["species"] for item in items}
        where = {"sheet": self.sheet, "label_type": "classification"}
        for ref in list(self.truth)[::5]:
            self.expert.post("canonical-labels/", where | {"item_ref": ref, "data": {"species": self.truth[ref]}})
        coverage = self.expert.get("canonical-labels/coverage/", sheet=self.sheet)[0]
        say("Label", f"{coverage['labeled']} of {coverage['total']} items labelled by hand")

    def generate(self) -> None:
        """The engineer lets the embedded labeler propose answers for the rest."""
        endpoint = self.engineer.only("endpoints/", engine="nearest_neighbour")
        started = self.engineer.post(
            "training-sheets/",
            {
                "name": f"Iris pairs {self.mark}",
                "sheet": self.sheet,
                "template_version": self.template_version,
                "mode": "ai_generated",
                "endpoint": endpoint["id"],
            },
        )
        self.engineer.wait_for(started["job"])
        self.training_sheet = started["training_sheet"]
        self.engineer.share(f"training-sheets/{self.training_sheet}/", "change")
        say("Generate", self.engineer.get(f"training-sheets/{self.training_sheet}/")["progress"]["sentence"])

    def review(self) -> None:
        """The expert compares each proposal with the flower: right ones are approved, wrong ones corrected."""
        waiting = self.expert.every("pairs/", training_sheet=self.training_sheet, status="unlabeled")
        right = [pair for pair in waiting if pair["answer"] == {"species": self.truth[pair["item_ref"]]}]
        wrong = [pair for pair in waiting if pair not in right]
        self.expert.post("pairs/bulk/", {"action": "approve", "pairs": [pair["id"] for pair in right]})
        for pair in wrong[1:]:
            answer = {"species": self.truth[pair["item_ref"]]}
            self.expert.post(f"pairs/{pair['id']}/edit/", {"version": pair["version"], "data": answer})
        for pair in wrong[:1]:
            self.expert.post(f"pairs/{pair['id']}/reject/", {"version": pair["version"], "notes": "Measured badly."})
        say("Label", f"{len(right)} approved as proposed, {len(wrong[1:])} corrected, {len(wrong[:1])} rejected")
        done = self.expert.post(f"training-sheets/{self.training_sheet}/finish-review/")
        say("Label", f"{done['progress']['sentence']}; the Training Sheet is {done['status']}")

    def curate(self) -> None:
        """The engineer selects, freezes and asks; the approver signs for exactly these bytes."""
        draft = self.engineer.post(
            "curated-datasets/",
            {
                "name": f"Iris dataset {self.mark}",
                "training_sheets": [self.training_sheet],
                "split": {"train": 0.7, "validation": 0.1, "test": 0.2},
            },
        )
        self.dataset_version = draft["id"]
        self.engineer.share(f"curated-datasets/{draft['dataset']}/", "view")
        preview = self.engineer.get(f"dataset-versions/{draft['id']}/preview/", lines=1)
        say("Curate", f"would hold {preview['counts']}; left out: {preview['exclusions'] or 'nothing'}")
        self.engineer.wait_for(self.engineer.post(f"dataset-versions/{draft['id']}/freeze/")["job"])
        frozen = self.engineer.get(f"dataset-versions/{draft['id']}/")
        say("Curate", f"frozen as {frozen['fingerprint'][:16]}…")
        self.approve(self.engineer.post(f"dataset-versions/{draft['id']}/request-approval/", {"reason": "Complete."}))

    def train(self) -> None:
        """Only approved datasets train, and only rows that permit it at this moment."""
        trainer = self.engineer.get("trainers/")[0]
        started = self.engineer.post(
            "runs/",
            {
                "dataset_version": self.dataset_version,
                "name": f"First run {self.mark}",
                "model_name": f"iris-by-rest {self.mark.replace(':', '-')}",
                "trainer": trainer["slug"],
                "hyperparameters": {trainer["hyperparameters"][0]["name"]: trainer["hyperparameters"][0]["default"]},
            },
        )
        counts = "approved {approved} · training allowed {allowed} · prohibited {prohibited} · kept for testing {test}"
        say("Train", counts.format(**started["counts"]))
        self.engineer.wait_for(started["job"])
        run = self.engineer.get(f"runs/{started['run']}/")
        self.model_version = run["model_version"]
        self.engineer.share(f"models/{run['model']}/", "view")
        self.engineer.post(f"model-versions/{self.model_version}/set-alias/", {"alias": "champion"})
        say("Train", f"run {run['status']}; its model version is registered as champion")

    def evaluate(self) -> None:
        """The held-out split, which no training has seen."""
        started = self.engineer.post(
            "evaluations/",
            {"dataset_version": self.dataset_version, "split": "test", "model_version": self.model_version},
        )
        self.engineer.wait_for(started["job"])
        found = self.engineer.get(f"evaluations/{started['evaluation']}/")["metrics"]
        say("Train", f"accuracy on the test split {found['accuracy']:.2f}, macro-F1 {found['macro_f1']:.2f}")

    def lineage(self) -> None:
        """The compliance officer asks the four questions, and who allowed it."""
        officer, sheet, version = self.officer, self.training_sheet, self.model_version
        used = officer.get(f"lineage/training-sheets/{sheet}/models/")
        say("Lineage", f"1. trained on this Training Sheet: {', '.join(one['model_name'] for one in used)}")
        made_of = officer.get(f"lineage/models/{version}/training-sheets/")
        names = ", ".join(f"{one['training_sheet_name']} ({one['train_pair_count']} pairs)" for one in made_of)
        say("Lineage", f"2. this model learned from: {names}")
        pairs = officer.every(f"lineage/models/{version}/pairs/")
        say("Lineage", f"3. exactly {len(pairs)} pairs, {dict(Counter(pair['split'] for pair in pairs))}")
        first = pairs[0]
        say("", f"such as {first['item_ref']} → {first['answer']}: {first['status']} by {first['reviewed_by']}")
        for row in officer.get(f"lineage/training-sheets/{sheet}/comparison/"):
            scores = ", ".join(f"{one['metrics']['accuracy']:.2f} ({one['split']})" for one in row["evaluations"])
            say("Lineage", f"4. compared: {row['lineage']['model_name']} reaches {scores}")
        for request in officer.every("approvals/", object_id=self.dataset_version):
            for signed in request["approvals"]:
                say("Lineage", f"allowed by {signed['approver']} as {signed['role']}: “{signed['comment']}”")


def main() -> int:
    if len(sys.argv) != 4:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        passwords, token = (Path(name).read_text(encoding="utf-8") for name in sys.argv[2:])
        Walk(sys.argv[1].rstrip("/"), passwords_in(passwords), token.strip()).all()
    except (Problem, KeyError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
