"""Numbers that say how well a model answers, each with the source of its formula."""
