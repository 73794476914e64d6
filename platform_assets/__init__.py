"""Certified stream products on Dagster.

A product without a certificate is unreadable. A certificate names exact bytes. A run pins its
offsets before it reads, and a closed run leaves signed evidence that verifies offline.
"""

__version__ = "0.1.0"
