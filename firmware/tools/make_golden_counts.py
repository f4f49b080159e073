"""Write firmware/include/wk/wk_golden_counts.h (run by `make golden`; a test compares it)."""

from pathlib import Path

from wearkit.files.safe_write import write_bytes
from wearkit_export.c.golden_header import golden_counts_header

HEADER = Path(__file__).resolve().parents[1] / "include" / "wk" / "wk_golden_counts.h"

if __name__ == "__main__":
    write_bytes(HEADER, golden_counts_header().encode("ascii"))
