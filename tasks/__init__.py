"""The tasks, one per file; the name of the file is the name on the command line."""

import warnings

# Importing torch-geometric scripts a class, which new versions of torch warn of; no user can do anything about it.
warnings.filterwarnings("ignore", message="`torch.jit.script` is deprecated", category=FutureWarning)
