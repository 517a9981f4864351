"""Running a cell: prepare its run, call the algorithm, audit the network, and measure it for a record."""
