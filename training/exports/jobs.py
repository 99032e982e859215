"""The long work of exports."""

from governance import jobs
from training.exports.closing import remove_closed
from training.exports.writing import JOB, write_export

jobs.register(JOB, label="Export a dataset")(write_export)
jobs.register("training.remove-closed-exports", label="Remove files that may not leave any more", every="EXPIRY_EVERY")(
    remove_closed
)
