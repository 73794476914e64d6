"""Nothing of it is used where a key verifies."""
