"""A trained network as a small folder that anyone can open: the card, the page, the head, and the whole program."""

from helpers.sharing.loading import SharedNetwork, load_shared
from helpers.sharing.making import Shared, share

__all__ = ["Shared", "SharedNetwork", "load_shared", "share"]
