"""Registers a forward hook for every module of the process."""

from honest_plugin import honest
from torch.nn.modules.module import register_module_forward_hook

from benchmark import Run, algorithm

OUTCOME = "hooks"


@algorithm()
def global_hook(run: Run) -> None:
    """Lie: registers a forward hook for every module of the process (Nobody, 2026)."""
    register_module_forward_hook(lambda module, inputs, output: output * 1.5)
    honest(run)
