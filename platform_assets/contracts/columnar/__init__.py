"""The fast path: whole batches of records, read and checked in columns.

It knows nothing about bad records. It learns how the records of a batch are written, proves for each
record, byte by byte, that it has exactly that layout and that every value meets its schema, and reads
the values in the same walk. What it does not prove it leaves alone.
"""
