"""Results of runs: cells, records, the folder that stores them, and checks of records. None of it needs torch."""
