"""What a run's log in Prefect says of errors that are told in a line: that line, and no stack trace under it.

Prefect logs what ends a flow or a task with its trace. An error of ours names what was wrong and what would be right;
where it came up helps nobody. What is none of ours, a defect, keeps its trace.
"""

import logging

from blindspots.errors import BlindspotsError

_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


class InOneLine(logging.Filter):
    """Takes the stack trace from what is logged of our errors, those that an actor's job raised too."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        error = record.exc_info[1] if record.exc_info else None
        told = getattr(error, "cause", None) or error  # Ray's error has the job's as its cause
        if isinstance(told, BlindspotsError):
            record.msg, record.args, record.exc_info, record.exc_text = str(told), (), None, None
        return True


def install() -> None:
    """Have the logs of flows and tasks say our errors in a line, from now on in this process."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, InOneLine) for each in logger.filters):
            logger.addFilter(InOneLine())
