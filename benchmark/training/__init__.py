"""Training a network under masks: tasks and recipes, the `Run` that an algorithm is given, and what a run costs."""
