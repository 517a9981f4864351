"""The tasks, one per file; the name of the file is the name on the command line."""

import warnings

# Importing torch-geometric uses torch.jit.script, which new versions of torch warn about; users cannot avoid it.
warnings.filterwarnings("ignore", message="`torch.jit.script` is deprecated", category=FutureWarning)
