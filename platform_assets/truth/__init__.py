"""What was known, and when: entries of a ledger, answers as of a moment, and joins in time.

Everything here is computed over frames and opens nothing. ADR 0031 says what the words mean.
"""
