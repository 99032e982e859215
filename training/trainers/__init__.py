"""Trainers behind one port. Importing this package registers the embedded one."""

from training.trainers.port import (
    Example,
    Hyperparameter,
    Prediction,
    TrainedModel,
    Trainer,
    get_trainer,
    register_trainer,
    trainers,
)
from training.trainers.text_classifier import TextClassifierTrainer

register_trainer(TextClassifierTrainer())

__all__ = [
    "Example",
    "Hyperparameter",
    "Prediction",
    "TrainedModel",
    "Trainer",
    "get_trainer",
    "register_trainer",
    "trainers",
]
