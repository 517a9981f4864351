"""Where the cells of a sweep are run: on this machine, in a Ray cluster, or in Slurm jobs."""
