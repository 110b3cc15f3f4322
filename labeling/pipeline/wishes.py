"""What people decided and what takes longer than a request: a tick, and a command, carry it out before they build."""

from datetime import datetime

from labeling.configuration import Configuration

from . import hold, send_now, trial, withdraw


def carry_out(settings: Configuration, now: datetime) -> None:
    """Each part may run twice, at once, or die anywhere: the rows say what is left."""
    hold.end_those_whose_time_is_over(now)
    send_now.carry_out_due(now)
    withdraw.go_on(settings)
    trial.go_on(settings)
