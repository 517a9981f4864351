"""Data, networks and measures shared by tasks on graphs."""
