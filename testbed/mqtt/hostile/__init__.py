"""Hostile input: malformed packets from a grammar. A broker may refuse them; the others must not feel it."""
