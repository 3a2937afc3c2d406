"""What joins the tester to a device under test, and the taps that sit on it."""
