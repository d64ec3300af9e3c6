"""Shared helpers of the transfer-learning course.

Imports run one way: notebooks -> lessons -> course -> models, data, training.
`errors`, `memory` and `places` stand below all of them. `doctor` loads with the standard library alone.
"""

__version__ = "0.1.0"
