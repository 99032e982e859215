"""Writers that stream pairs into files whose bytes depend on the rows alone."""

from labeling.exports.chat_jsonl import write_chat_jsonl
from labeling.exports.rows import ExportRow, Written
from labeling.exports.tables import write_csv, write_csv_table, write_parquet

__all__ = ["ExportRow", "Written", "write_chat_jsonl", "write_csv", "write_csv_table", "write_parquet"]
