"""Data sets: the splits that tasks read, where their files are on this machine, and how they are downloaded."""
