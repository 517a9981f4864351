"""Tasks of node classification on one graph."""
