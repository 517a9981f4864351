"""An algorithm and a task for prunebench."""
