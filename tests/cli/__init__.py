"""The commands beside `testbed run`, as a user runs them."""
