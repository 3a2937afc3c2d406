"""The programmes: one TOML file per profile."""
