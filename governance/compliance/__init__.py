"""The compliance desk: who allowed what, when and why, as questions, lists and evidence that a stranger can check."""
