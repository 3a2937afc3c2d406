"""Conversations that nobody wrote: a seed makes them up, a model of a broker judges them."""
