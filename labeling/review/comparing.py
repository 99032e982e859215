"""Both texts side by side, where somebody was faster: what is there now, what one typed, and the difference."""

from __future__ import annotations

from typing import Any

from governance.portal import content
from labeling.review.entering import MINE, Forms


def comparison(forms: Forms) -> dict[str, Any]:
    """Theirs and mine as texts; `difference` goes from theirs to mine, and is empty where they say the same."""
    found = forms.stale.details if forms.stale else {}
    theirs, mine = found.get("current_answer"), found.get("your_answer")
    prompts = found.get("current_messages"), found.get("your_messages")
    return {
        "message": forms.stale.message if forms.stale else "",
        "theirs": theirs,
        "mine": mine,
        "difference": content.word_diff(theirs, mine) if None not in (theirs, mine) and theirs != mine else "",
        "prompt_difference": content.word_diff(*prompts) if prompts[1] and prompts[0] != prompts[1] else "",
        "decision": forms.mine,
        "take_mine": MINE[forms.mine] if forms.mine in MINE else MINE["approve"],
    }
