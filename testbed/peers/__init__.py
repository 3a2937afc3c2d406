"""Known third-party implementations: one TOML description each, with what it takes to start it."""
