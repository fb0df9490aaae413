"""A study expanded into jobs, what of them is done, and all of it run in one process."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.jobs.damage import SentBackError
    from blindspots.jobs.expansion import expand
    from blindspots.jobs.hands import Hands, OwnHands
    from blindspots.jobs.job import Job, Progress
    from blindspots.jobs.opening import Opened, open_root, workspace_of
    from blindspots.jobs.plan import Plan, make_plan
    from blindspots.jobs.run import Ran, run_study
    from blindspots.jobs.stage import STAGES, Stage
    from blindspots.jobs.verification import Verification, verify
    from blindspots.jobs.workspace import Workspace
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "STAGES": "blindspots.jobs.stage",
            "Hands": "blindspots.jobs.hands",
            "Job": "blindspots.jobs.job",
            "Opened": "blindspots.jobs.opening",
            "OwnHands": "blindspots.jobs.hands",
            "Plan": "blindspots.jobs.plan",
            "Progress": "blindspots.jobs.job",
            "Ran": "blindspots.jobs.run",
            "SentBackError": "blindspots.jobs.damage",
            "Stage": "blindspots.jobs.stage",
            "Verification": "blindspots.jobs.verification",
            "Workspace": "blindspots.jobs.workspace",
            "expand": "blindspots.jobs.expansion",
            "make_plan": "blindspots.jobs.plan",
            "open_root": "blindspots.jobs.opening",
            "run_study": "blindspots.jobs.run",
            "verify": "blindspots.jobs.verification",
            "workspace_of": "blindspots.jobs.opening",
        },
    )

__all__ = [
    "STAGES",
    "Hands",
    "Job",
    "Opened",
    "OwnHands",
    "Plan",
    "Progress",
    "Ran",
    "SentBackError",
    "Stage",
    "Verification",
    "Workspace",
    "expand",
    "make_plan",
    "open_root",
    "run_study",
    "verify",
    "workspace_of",
]
