"""Lanes: the same pipeline under stress, against thresholds that were pinned before the first event.

A lane sends a declared load to a platform home of its own, lets the shipped pipeline process it, and
measures from outside. Its plan is pinned and signed before the first event; its verdict follows from
that plan and from what was measured, and anyone can compute it again from the evidence.
"""
