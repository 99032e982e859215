"""Where runs, their numbers and their models are recorded."""
