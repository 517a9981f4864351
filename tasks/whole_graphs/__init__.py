"""Graph tasks in which a whole graph has a class."""
