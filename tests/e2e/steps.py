"""What each role does on the way from data to a model, as steps that the walks share. Clicks and words only."""

from __future__ import annotations

from collections.abc import Sequence

from tests.e2e.portal import Portal

TEAM = "Demo team"
STEWARD, DEVELOPER, ENGINEER, EXPERT, APPROVER, OFFICER, VIEWER = (
    "data-steward", "agent-developer", "ml-engineer", "domain-expert", "approver", "compliance-officer", "viewer",
)  # fmt: skip


def generate(
    portal: Portal, *, sheet: str, template: str, name: str, mode: str = "AI generated", check: bool = False
) -> None:
    """The engineer makes pairs, waits for the job and lets the team see them."""
    portal.log_in(ENGINEER)
    portal.go("Training sheets")
    portal.click("Generate pairs")
    portal.fill("Sheet", sheet)
    portal.sees(f"{sheet} v1")
    portal.fill("Name", name)
    portal.fill("Prompt template", template)
    portal.fill(mode, True)
    if mode == "AI generated":
        portal.fill("Endpoint", "Nearest-neighbour labeler")
    portal.fill("Check the pairs for quality once they are made", check)
    portal.click("Generate")
    portal.wait_for_job()
    portal.sees(name, "ready for review")
    portal.picture("generated")
    share(portal)


def share(portal: Portal) -> None:
    """Let the team see what is on the page."""
    portal.click("Share")
    portal.fill("Group", TEAM)
    portal.fill("Level", "may see it")
    portal.click("Share")
    portal.sees("Shared")


def open_training_sheet(portal: Portal, name: str) -> None:
    portal.go("Training sheets")
    portal.click(name)
    portal.sees("Where the pairs stand")


def start_review(portal: Portal, name: str) -> None:
    """The expert opens the first pair that waits."""
    portal.log_in(EXPERT)
    portal.go("Review desk")
    portal.click(f"Review {name}")
    portal.sees("Answer")


def decide_with_keys(portal: Portal, keys: Sequence[str]) -> None:
    """One key for each pair: a approves, r rejects, f flags; the next pair comes by itself."""
    for key in keys:
        before = portal.address
        portal.press(key)
        portal.moves_on_from(before)


def approve_the_rest(portal: Portal, name: str, count: int) -> None:
    _select_what_waits(portal, name)
    portal.fill("Action", "Approve selected")
    portal.click("Go")
    portal.picture("bulk")
    portal.click(f"Approve {count} pairs")
    portal.sees(f"{count} pairs decided")


def reject_the_rest(portal: Portal, name: str, count: int, notes: str) -> None:
    _select_what_waits(portal, name)
    portal.fill("Action", "Reject selected")
    portal.click("Go")
    portal.fill("Notes", notes)
    portal.click(f"Reject {count} pairs")
    portal.sees(f"{count} pairs decided")


def _select_what_waits(portal: Portal, name: str) -> None:
    """The expert takes the whole result of the filter, not the page alone."""
    portal.log_in(EXPERT)
    open_training_sheet(portal, name)
    portal.click("All pairs")
    portal.click("Status")
    portal.click("to review")
    portal.fill("Select all objects on this page", True)
    if portal.can_click("Select all"):
        portal.click("Select all")


def finish_review(portal: Portal, name: str) -> None:
    portal.log_in(ENGINEER)
    open_training_sheet(portal, name)
    portal.click("Finish review")
    portal.sees("The review is finished", "Reviewed")


def curate_everything(portal: Portal, name: str) -> None:
    """One click from a reviewed Training Sheet to a frozen dataset version, whose page is open afterwards."""
    portal.log_in(ENGINEER)
    open_training_sheet(portal, name)
    portal.click("Curate everything")
    portal.wait_for_job()
    portal.sees(f"{name} v1", "Fingerprint")
    portal.picture("dataset")


def share_dataset(portal: Portal, name: str) -> None:
    portal.log_in(ENGINEER)
    portal.go("Curated datasets")
    portal.click(name)
    share(portal)


def open_dataset_version(portal: Portal, name: str) -> None:
    portal.go("Curated datasets")
    portal.click(name)
    portal.click("v1")
    portal.sees("Fingerprint")


def ask_for_approval(portal: Portal, reason: str) -> None:
    portal.click("Ask for approval")
    portal.fill("Reason", reason)
    portal.click("Ask for approval")
    portal.sees("Asked. It waits for:")


def sign(portal: Portal, role: str, about: str, comment: str) -> None:
    """Someone else reads the request and approves it."""
    portal.log_in(role)
    portal.go("Approvals")
    portal.click(about)
    portal.picture("request")
    portal.click("Approve")
    portal.fill("Comment", comment)
    portal.click("Approve")
    portal.sees("approved")


def train(portal: Portal, *, dataset: str, run: str, model: str) -> None:
    """The engineer trains on an approved version and waits for the model."""
    portal.log_in(ENGINEER)
    open_dataset_version(portal, dataset)
    portal.click("Train")
    portal.sees("What it may learn from")
    portal.fill("Name of the run", run)
    portal.fill("Model", model)
    portal.click("Start run")
    portal.wait_for_job()
    portal.picture("run")
    portal.sees(run, "Succeeded")


def open_model(portal: Portal, name: str) -> None:
    portal.go("Models")
    portal.click(name)
    portal.sees("Trained on")


def new_dataset(
    portal: Portal, *, name: str, sheets: Sequence[str], purpose: str = "training and validation"
) -> None:
    """The engineer chooses reviewed Training Sheets; the draft's page is open afterwards."""
    portal.log_in(ENGINEER)
    portal.go("Curated datasets")
    portal.click("Add curated dataset")
    portal.fill("Name", name)
    portal.fill("Purpose", purpose)
    for sheet in sheets:
        portal.fill(sheet, True)
    portal.click("Save draft")
    portal.sees(f"Saved “{name} v1” as a draft", "Left out, and why")


def freeze(portal: Portal) -> None:
    portal.click("Freeze", confirm=True)
    portal.wait_for_job()
    portal.sees("Fingerprint")
