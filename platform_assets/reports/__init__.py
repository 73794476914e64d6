"""Reports for people: pure functions from a run's records to self-contained HTML."""
