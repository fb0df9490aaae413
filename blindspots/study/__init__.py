"""What to study, as plain, validated, hashable data: the studies that come with the package, and those out of files."""

from typing import TYPE_CHECKING

from blindspots.lazy import exported

if TYPE_CHECKING:
    from blindspots.study.bounds_spec import BoundsSpec
    from blindspots.study.built_in import BUILT_IN
    from blindspots.study.file import load_study, validate_study
    from blindspots.study.model_spec import GivenSpec, ModelSpec
    from blindspots.study.pictures_spec import PicturesSpec
    from blindspots.study.pools_spec import HardeningSpec, PoolsSpec
    from blindspots.study.quocnet_size import SIZES, QuocNetSize
    from blindspots.study.sets_spec import NegativesSpec, SetsSpec
    from blindspots.study.study import Study
    from blindspots.study.training_spec import AdamSpec, AutoencoderSpec, TrainingSpec
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "BUILT_IN": "blindspots.study.built_in",
            "AdamSpec": "blindspots.study.training_spec",
            "AutoencoderSpec": "blindspots.study.training_spec",
            "BoundsSpec": "blindspots.study.bounds_spec",
            "GivenSpec": "blindspots.study.model_spec",
            "HardeningSpec": "blindspots.study.pools_spec",
            "ModelSpec": "blindspots.study.model_spec",
            "NegativesSpec": "blindspots.study.sets_spec",
            "PicturesSpec": "blindspots.study.pictures_spec",
            "PoolsSpec": "blindspots.study.pools_spec",
            "QuocNetSize": "blindspots.study.quocnet_size",
            "SIZES": "blindspots.study.quocnet_size",
            "SetsSpec": "blindspots.study.sets_spec",
            "Study": "blindspots.study.study",
            "TrainingSpec": "blindspots.study.training_spec",
            "load_study": "blindspots.study.file",
            "validate_study": "blindspots.study.file",
        },
    )

__all__ = [
    "BUILT_IN",
    "SIZES",
    "AdamSpec",
    "AutoencoderSpec",
    "BoundsSpec",
    "GivenSpec",
    "HardeningSpec",
    "ModelSpec",
    "NegativesSpec",
    "PicturesSpec",
    "PoolsSpec",
    "QuocNetSize",
    "SetsSpec",
    "Study",
    "TrainingSpec",
    "load_study",
    "validate_study",
]
