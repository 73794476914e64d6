"""The trusted core: values in, decisions out. No clock, no network, no file, no environment."""
