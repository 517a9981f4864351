"""Questions asked of many runs, or of exact computations: what is asked, what is claimed, and what came out."""
