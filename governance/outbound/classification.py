"""Which classification an endpoint may receive."""

from __future__ import annotations

from typing import Protocol

from governance.errors import ClassificationTooHigh
from governance.uses import Classification


class Destination(Protocol):
    """Something outside that receives content, with the highest classification it may get."""

    max_classification: int


def may_receive(destination: Destination, classification: int) -> bool:
    """Whether rows of this classification may be sent to `destination`."""
    return classification <= destination.max_classification


def check(destination: Destination, classification: int) -> None:
    """:raises ClassificationTooHigh: `destination` may not receive rows of this classification."""
    if not may_receive(destination, classification):
        raise ClassificationTooHigh(
            f"This row is {Classification(classification).label}, and “{destination}” may receive "
            f"{Classification(destination.max_classification).label} at most. Choose an endpoint that may, "
            "or have a lower classification approved.",
            field="endpoint",
        )
