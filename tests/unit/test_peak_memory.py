"""The peak of a process's memory: what is shared counts once, a new peak is seen, and looking is cheap."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from helpers.course import peak_memory
from helpers.course.peak_memory import PeakMemory, bytes_held


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell what processes share")
def test_what_two_processes_share_counts_once():
    program = r"import os, time; held = b'1' * 200_000_000; os.fork(); os.write(1, b'ready\n'); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert [process.stdout.readline(), process.stdout.readline()] == ["ready\n", "ready\n"]
            assert 200e6 < bytes_held(process.pid) < 300e6
        finally:
            for one in (*psutil.Process(process.pid).children(), process):
                one.kill()


def test_a_new_peak_is_seen_at_once_and_stays():
    peak = PeakMemory(os.getpid())
    assert peak.look()
    before = peak.bytes
    block = bytearray(b"x") * 200_000_000
    assert peak.look()
    at_most = peak.bytes
    del block
    assert peak.look()
    assert before + 150e6 < at_most == peak.bytes


def test_where_nothing_grows_what_is_shared_is_seldom_counted(monkeypatch):
    counted = []
    monkeypatch.setattr(peak_memory, "bytes_held", lambda process: counted.append(process) or 1)
    clock = [0.0]
    monkeypatch.setattr(peak_memory.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(peak_memory, "_sum_over_family", lambda *_: 100)
    peak = PeakMemory(os.getpid())
    for clock[0] in (0.0, 0.2, 0.4, 1.9, 2.1, 2.3):
        assert peak.look()
    assert len(counted) == 2


def test_a_process_that_is_gone_is_told():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert not PeakMemory(process.pid).look()
