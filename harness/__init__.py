"""The judge: plans, runs, verdicts, evidence and reports. It knows no protocol."""
