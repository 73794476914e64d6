"""The command line: thin, because every command calls one function of the pipeline.

Answers go to stdout, as text for people or, with ``--json``, as exactly one JSON document. Everything
else goes to stderr. Exit codes: 0 done; 1 refused; 2 usage or configuration; 3 unknown outcome or
unreachable dependency.
"""

from platform_assets.cli.main import main

__all__ = ["main"]
