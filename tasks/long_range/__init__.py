"""Graph tasks in which information has to travel far."""
