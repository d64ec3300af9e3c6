"""`python -m helpers`."""

from helpers.cli import main
from helpers.leaving import leave

leave(main())
