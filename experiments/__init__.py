"""Questions that can be asked again, one per file: `bench experiment NAME`."""
