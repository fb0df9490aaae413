"""A run's log says an error of ours in a line; what is a defect keeps its stack trace."""

import logging

import pytest
from ray.exceptions import RayTaskError

import flows.operating.plain_log as module
from blindspots.errors import InputError, OutOfReachError


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as found:
        return found


@pytest.mark.parametrize("name", ["prefect.flow_runs", "prefect.task_runs"])
def test_only_a_defect_has_a_stack_trace(
    name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger(name)
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    monkeypatch.setattr(logger, "propagate", False)
    of_an_actor = RayTaskError("run", "a long trace", OutOfReachError("s3://bucket does not answer"))
    for error in (InputError("seed = -1: 0 at least"), of_an_actor, ZeroDivisionError("a defect")):
        found = raised(error)
        logger.error("Encountered exception during execution: %r", found, exc_info=found)
    said = [(record.getMessage(), record.exc_info is not None) for record in caplog.records]
    assert said == [
        ("seed = -1: 0 at least", False),
        ("s3://bucket does not answer", False),
        ("Encountered exception during execution: ZeroDivisionError('a defect')", True),
    ]


def test_it_is_installed_once() -> None:
    module.install()
    module.install()
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        found = [each for each in logging.getLogger(name).filters if isinstance(each, module.InOneLine)]
        assert len(found) == 1
