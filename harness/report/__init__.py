"""One module per output format; each reads `harness.results` and nothing else."""
