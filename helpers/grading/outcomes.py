"""How an exercise of a handed-in notebook can end, beyond the four outcomes of its check."""

from __future__ import annotations

MISSING = "missing"  # the notebook has no cell for it
DUPLICATED = "duplicated"  # several cells claim to be it, and differ
TOO_LONG = "too_long"  # it took longer than it may
TOO_LARGE = "too_large"  # too much memory, output, or too many processes
ENDED = "ended"  # its process ended before the check did
REFUSED = "refused"  # it did what no answer needs; a person should look
