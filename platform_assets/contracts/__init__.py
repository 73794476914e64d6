"""Event contracts: schemas, the columns they imply, and the verdict on each record."""
