"""What pages say of quality: the panel beside a pair, and the counts of a Training Sheet."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from governance.models import Job, User
from governance.uses import Classification, uses_in
from labeling.generation.models import QAPair, TrainingSheet
from labeling.quality import selectors
from labeling.quality.kinds import label_of
from labeling.quality.models import Finding, PairCheck
from labeling.quality.scoring import PARTS
from labeling.quality.services import ADD, CHANGE, CHECK_KIND
from labeling.quality.texts import masked, texts_of

SHOWN_PLACES = 3
SHOWN = 12


def proposal_words(finding: Finding) -> str:
    """`prohibit training, validation; restricted`, or nothing."""
    if not finding.proposes:
        return ""
    uses = ", ".join(uses_in(finding.proposed_prohibited))
    level = str(Classification(finding.proposed_classification).label)
    return f"prohibit {uses}; {level}" if uses else level


def panel(pair: QAPair, user: User) -> dict[str, Any] | None:
    """What a check says of one pair, for whoever may see it; None where the role sees no findings.

    What was found is masked here too: the pair's own text stands beside it.
    """
    if not user.has_perm("labeling.view_finding"):
        return None
    said = {text.part: text.text for text in texts_of(pair)}
    found = list(selectors.findings_of(pair, user)[:SHOWN])
    check = PairCheck.objects.visible_to(user).filter(pair=pair).defer("signature").first()
    open_ones = [one for one in found if one.state == Finding.State.OPEN]
    return {
        "findings": [_shown(one, said) for one in found],
        "open": len(open_ones),
        "proposals": sum(one.proposes for one in open_ones),
        "may_decide": user.has_perm(CHANGE),
        "may_accept": user.has_perm(CHANGE) and user.has_perm("governance.tighten_constraint"),
        "check": check,
        "score": pair.quality_score if check else None,
        "parts": [(PARTS[name], value) for name, value in check.parts.items() if name in PARTS] if check else [],
    }


def _shown(finding: Finding, said: dict[str, str]) -> dict[str, Any]:
    places = [_place(place, said) for place in finding.places[:SHOWN_PLACES]]
    if (more := len(finding.places) - len(places)) > 0:
        places.append(f"{more} more")
    return {
        "finding": finding,
        "label": label_of(finding.kind),
        "places": places,
        "proposal": proposal_words(finding),
        "other": finding.other,
        "is_open": finding.state == Finding.State.OPEN,
    }


def _place(place: dict[str, Any], said: dict[str, str]) -> str:
    """`answer.email, character 12: ••••om`; what a schema refuses has a path only."""
    if not place["length"]:
        return str(place["part"])
    start = place["start"]
    value = said.get(place["part"], "")[start : start + place["length"]]
    return f"{place['part']}, character {start + 1}: {masked(value)}"


def summary(sheet: TrainingSheet, user: User) -> dict[str, Any] | None:
    """Counts on the page of a Training Sheet, of the rows that `user` may see."""
    if not user.has_perm("labeling.view_finding"):
        return None
    url = f"{reverse('admin:labeling_finding_changelist')}?training_sheet={sheet.pk}"
    running = Job.objects.filter(
        kind=CHECK_KIND, subject_id=sheet.pk, state__in=[Job.State.QUEUED, Job.State.RUNNING]
    )
    return {
        "counts": [row | {"url": f"{url}&detector={row['detector']}"} for row in selectors.counts_for(sheet, user)],
        "checked": selectors.checked_count(sheet, user),
        "url": url,
        "job": running.visible_to(user).first(),
        "may_check": user.has_perm(ADD),
    }
