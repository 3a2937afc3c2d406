"""The law and the trials: requirements and cases, by protocol and role."""
