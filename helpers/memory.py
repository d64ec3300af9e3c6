"""How much memory this process can still have."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """Free and total memory, in bytes."""

    free: int
    total: int


def memory(group: Path = Path("/sys/fs/cgroup")) -> Memory:
    """What the machine has, or the container where its limit is lower, which psutil does not see.

    `group` is the folder in which Linux tells of that limit. Pages of files that were read count as used there, though
    they go as soon as somebody needs the room: they are taken out.
    """
    import psutil  # the doctor has to load where it is missing

    machine = psutil.virtual_memory()
    limit, used = _number(group / "memory.max"), _number(group / "memory.current")
    if limit is None or used is None:
        return Memory(machine.available, machine.total)
    held = used - _file_pages(group / "memory.stat")
    return Memory(min(machine.available, max(0, limit - held)), min(machine.total, limit))


def bytes_held_here() -> int:
    """The memory that this process has now."""
    import psutil

    return psutil.Process().memory_info().rss


def _number(file: Path) -> int | None:
    """What the file says; None where there is no such file, or no limit ("max")."""
    text = file.read_text().strip() if file.is_file() else ""
    return int(text) if text.isdecimal() else None


_RECLAIMABLE = ("inactive_file ", "active_file ", "slab_reclaimable ")


def _file_pages(file: Path) -> int:
    lines = file.read_text().splitlines() if file.is_file() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith(_RECLAIMABLE))
