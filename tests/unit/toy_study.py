"""`benchmarks/study.py` with a toy in the place of training: what it finds hangs on the task alone, in milliseconds."""

from __future__ import annotations

import hashlib
import sys
import time

from helpers.places import repository

sys.path.insert(0, str(repository() / "benchmarks"))

import study

DOMAINS = ("painted flowers, shift 0", "digits")


def run(task: study.Task) -> study.Row:
    time.sleep(0.002)
    dice = hashlib.sha256(repr(study.key(task)).encode()).hexdigest()
    return {**task, "val_loss": int(dice[:4], 16) / 1e4, "epochs": 1.0, "rounds": 1, "trainable": 1, "right": dice[:9]}


if __name__ == "__main__":
    study.run, study.prepare = run, lambda: None
    study.DOMAINS = {name: study.DOMAINS[name] for name in DOMAINS}
    study.dataset = lambda domain: None
    study._about = lambda domain: {"distance": 0.5, "classes": 5, "test_images": 36}
    study.main()
