# ruff: noqa: N999 - the name of the module that it stands in for
"""Stands in where pyOpenSSL is not installed, which model_signing 1.1 imports and does not require.

It is used there for chains of certificates only. Verifying with a key needs nothing of it, and what
needs it fails.
"""
