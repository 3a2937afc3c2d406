"""Bringing a device under test up, and taking it down again with nothing left behind."""
