"""Feeds shipped inside the package: real earthquakes and generated payments.

Each example is a folder with a ``defs.yaml``, the code that writes its file log and the functions of
its consumers. Its contracts stand in ``schemas/events/<example>``. `home.create_home` lays them out
in a platform home, where they are the user's own from then on.
"""

from __future__ import annotations

#: The examples in the order in which a home is filled.
EXAMPLES = ("earthquakes", "payments")
