"""A model of a broker, and the game in which every delivery must be explained by it and everything owed must come."""
