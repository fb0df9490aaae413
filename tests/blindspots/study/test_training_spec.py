"""Which of a study's fields decide a model's weights."""

from blindspots.study.model_spec import ModelSpec
from blindspots.study.training_spec import TrainingSpec


def test_a_training_is_known_by_the_fields_that_its_kind_uses() -> None:
    fully = ModelSpec(name="a", decay=(0,))
    autoencoder = ModelSpec(name="b", network="autoencoder", hidden=(3,), decay=(0,))
    convolutional = ModelSpec(name="c", network="convolutional", channels=(2,), decay=(0, 0))
    training = TrainingSpec()
    usual = {"images", "iterations", "tolerance", "decrease", "decay_form", "warm_epochs", "checkpoint_every"}
    assert set(training.part_for(fully)) == usual
    assert set(training.part_for(autoencoder)) == usual | {"autoencoder"}
    assert set(training.part_for(convolutional)) == {"images", "adam", "decay_form"}
    assert set(TrainingSpec(warm_epochs=1).part_for(fully)) == usual | {"adam"}
