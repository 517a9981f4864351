"""The pruning methods, one per file; the name of the file is the name on the command line."""
