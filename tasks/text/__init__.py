"""Tasks on text. They need `pip install prunebench[text]`."""
