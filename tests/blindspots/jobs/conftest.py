"""Studies that differ a little."""

from blindspots.study.file import validate_study
from blindspots.study.study import Study


def changed(study: Study, **parts: object) -> Study:
    """Return the study with fields of its parts changed, such as ``sets={"examples": 60}``."""
    content = study.model_dump(mode="json")
    for name, value in parts.items():
        if isinstance(value, dict):
            content[name] |= value
        else:
            content[name] = value
    return validate_study(content)
