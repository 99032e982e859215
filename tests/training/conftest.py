"""The team's reviewed Training Sheet, and another team's beside it in every table."""

from __future__ import annotations

import pytest

from governance import access
from labeling.models import TrainingSheet
from tests.training.factories import approved, make_dataset, make_pairs, make_sheet, make_training_sheet, write_rows
from training.models import CuratedDataset, DatasetVersion
from training.tracking.configured import tracking
from training.tracking.mlflow_tracking import Tracking


@pytest.fixture
def training_sheet(engineer, team, stranger) -> TrainingSheet:
    """Reviewed and shared with the team; the stranger's own sheet with its pairs lies beside it."""
    make_pairs(make_training_sheet(stranger, make_sheet(stranger, "Secret"), name="Secret pairs"), 3)
    write_rows("notes", [{"id": f"item-{n:04}", "text": "a note", "patient": f"p{n}"} for n in range(40)])
    sheet = make_training_sheet(engineer, make_sheet(engineer))
    for row in (sheet, sheet.sheet):
        access.share(collection=row, to=team, level="view", by=engineer)
    return sheet


@pytest.fixture
def share_dataset(team):
    def share(dataset: CuratedDataset) -> None:
        access.share(collection=dataset, to=team, level="view", by=dataset.owner)

    return share


@pytest.fixture(scope="session")
def prepared_tracker(tmp_path_factory) -> str:
    """One tracker for all tests that train: making its schema takes seconds."""
    folder = tmp_path_factory.mktemp("tracker")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    Tracking(tracking_uri=uri).prepare()
    return uri


@pytest.fixture
def tracker(settings, prepared_tracker) -> Tracking:
    settings.MLFLOW_TRACKING_URI = prepared_tracker
    return tracking()


@pytest.fixture
def approved_set(training_sheet, engineer, approver, share_dataset) -> DatasetVersion:
    """Forty approved pairs, shared with the team, 80/20."""
    make_pairs(training_sheet, 40)
    version = make_dataset(engineer, training_sheet)
    share_dataset(version.dataset)
    return approved(version, engineer, approver)
