"""Running many cells: plan which ones are open, run them in worker processes, and estimate how long that takes."""
