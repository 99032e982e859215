"""Response schemas as JSON Schema: what may be written in them, what fits them, the form for an answer."""
