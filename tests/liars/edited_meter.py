"""Sets the counters of its meter to zero."""

from honest_plugin import honest

from benchmark import Run, algorithm

OUTCOME = "off the meter"


@algorithm()
def edited_meter(run: Run) -> None:
    """Lie: sets the counters of its meter to zero (Nobody, 2026)."""
    honest(run)
    meter = run._state.meter
    meter.training_steps = meter.updates = meter.scoring_passes = 0
    meter.training_flops = meter.scoring_flops = 0.0
