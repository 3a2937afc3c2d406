"""The lab: devices under test, the links to them, and one room per protocol."""
