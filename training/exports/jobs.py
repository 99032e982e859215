"""The long work of exports."""

from governance import jobs
from training.exports.writing import JOB, write_export

jobs.register(JOB, label="Export a dataset")(write_export)
