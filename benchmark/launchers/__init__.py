"""Where the cells of a sweep are answered: on this machine, in a Ray cluster, or by jobs of Slurm."""
