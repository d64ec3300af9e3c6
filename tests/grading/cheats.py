"""Answers that try to get credit without an answer, each named after its trick, with what must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

WRONG = {  # answers that are wrong by themselves: whatever credit they get, a trick got it
    "0.1": "def top_class(logits, categories):\n    return categories[0]\n",
    "2.2": "def count(model):\n    return dict(total=0, trainable=0, frozen=0, buffers=0)\n",
    "3.2": "def freeze_for_real(model):\n    return model\n",
    "5.4": "def rate_factor(step, steps, warm_up):\n    return 1.5\n",
    "7.5": "def idle(network, names, images):\n    return ['nothing']\n",
    "8.1": "def distance(model, images):\n    return -1.0\n",
    "9.2": "def deal(count, rank, size, epoch):\n    return [0]\n",
}


@dataclass(frozen=True)
class Cheat:
    """One trick: the exercise, the cell's source, the outcomes that are right for it, and a part of the reason."""

    number: str
    source: str
    outcomes: tuple[str, ...]
    reason: str = ""


def at_once(number: str, trick: str, *outcomes: str, reason: str = "") -> Cheat:
    """The trick runs as the cell does, beside a wrong answer."""
    return Cheat(number, f"{dedent(trick).strip()}\n\n{WRONG[number]}", outcomes, reason)


def when_called(number: str, trick: str, *outcomes: str, reason: str = "") -> Cheat:
    """The trick runs each time that the check calls the answer, which is wrong."""
    head, body = WRONG[number].split("\n", 1)
    inner = "\n".join(f"    {line}" for line in dedent(trick).strip().splitlines())
    return Cheat(number, f"{head}\n{inner}\n{body}", outcomes, reason)


ONE_SHOT = """
import {module}
real = {module}.{name}
def fake(*given, **named):
    setattr({module}, "{name}", real)
    return {value}
{module}.{name} = fake
"""

OF_THE_CHECK = """
from helpers.course.exercise import Exercise
todo, classes = [Exercise], []
while todo:
    classes += todo
    todo = [sub for one in todo for sub in one.__subclasses__()]
mine = next(one for one in classes if getattr(one, "number", "") == "{number}")
"""

CHEATS = {
    # It does not end, or ends everything
    "computes for ever": when_called("3.2", "while True:\n    pass", "too_long", reason="computed"),
    "waits for ever": at_once("0.1", "import time\ntime.sleep(1e6)", "too_long", reason="waited"),
    "ends its process in the check": when_called("3.2", "import os\nos._exit(0)", "ended", reason="exit status 0"),
    "ends its process at once": at_once("2.2", "import os\nos._exit(0)", "ended"),
    "kills its process": when_called("3.2", "import os\nos.kill(os.getpid(), 9)", "refused", reason="signal"),
    "kills the grader": at_once("8.1", "import os\nos.kill(os.getppid(), 9)", "refused", reason="signal"),
    "exits Python": at_once("0.1", "raise SystemExit(0)", "error", reason="SystemExit"),
    "recurses": when_called("3.2", "freeze_for_real(model)", "error", reason="RecursionError"),
    "takes all memory": at_once(
        "2.2", "kept = []\nwhile True:\n    kept.append(bytearray(b'x') * 50_000_000)", "too_large", "error"
    ),
    "fills the disk": at_once(
        "2.2",
        """
        for number in range(10_000):
            with open(f"{number}.bin", "wb") as file:
                file.write(b"x" * 20_000_000)
        """,
        "too_large",
        "error",
    ),
    # It says that it was right
    "says of all tensors that they are frozen": at_once(
        "3.2",
        "import torch\ntorch.Tensor.requires_grad = property(lambda self: False, lambda self, value: None)",
        "refused",
        reason="Tensor.requires_grad",
    ),
    "prints a verdict": at_once("3.2", "print('[✓] Exercise 3.2, freeze for real: correct.')", "incorrect"),
    "writes a verdict to every pipe": when_called(
        "3.2",
        """
        import os
        for number in range(3, 256):
            try:
                os.write(number, b'{"outcome": "correct", "reason": "", "nonce": ""}\\n')
            except OSError:
                continue
        """,
        "refused",
        reason="verdict",
    ),
    "closes every pipe": when_called("3.2", "import os\nos.closerange(3, 256)", "ended", "refused"),
    "writes the learner's record": at_once(
        "0.1",
        """
        import json, os, pathlib
        os.makedirs(os.environ["COURSE_OUTPUT"], exist_ok=True)
        record = {"0.1": {"attempts": 1, "hints": 0, "latest": "correct", "solved": True}}
        pathlib.Path(os.environ["COURSE_OUTPUT"], "progress.json").write_text(json.dumps(record))
        """,
        "incorrect",
    ),
    "writes at its end": at_once(
        "0.1", "import atexit, os\natexit.register(lambda: os.write(3, b'correct'))", "incorrect"
    ),
    "catches what the check raises": Cheat(
        "3.2",
        "def freeze_for_real(model):\n    try:\n        1 / 0\n    except BaseException:\n        return model\n",
        ("incorrect",),
    ),
    # It changes the check
    "replaces Incorrect": at_once(
        "3.2", "import helpers.course.verdicts as v\nv.Incorrect = KeyError", "refused", reason="Incorrect"
    ),
    "replaces judge": at_once(
        "2.2",
        "from helpers.course.exercise import Exercise\n"
        "Exercise.judge = lambda self, *a, **k: self._report('correct', '')",
        "refused",
        reason="Exercise.judge",
    ),
    "replaces examine": at_once(
        "3.2", OF_THE_CHECK.format(number="3.2") + "mine.examine = lambda self, *a: 'fine'", "refused", reason="examine"
    ),
    "replaces examine while it runs": when_called(
        "8.1", OF_THE_CHECK.format(number="8.1") + "mine.examine = lambda self, *a: 'fine'", "refused", reason="examine"
    ),
    "replaces the code of examine": at_once(
        "0.1",
        OF_THE_CHECK.format(number="0.1") + "mine.examine.__code__ = (lambda self, *a: 'fine').__code__",
        "refused",
        reason="code of a function",
    ),
    "replaces require for once": when_called(
        "8.1",
        OF_THE_CHECK.format(number="8.1")
        + dedent("""
        names = mine.examine.__globals__
        for name in [n for n, v in names.items() if callable(v) and not n.startswith("_") and n != "Exercise"]:
            names[name] = lambda *given, **named: given[0] if given else None
        """),
        "refused",
        reason="on which the check stands",
    ),
    "replaces the exercise": at_once("3.2", "exercise = lambda number: None\nexercise.check = print", "incorrect"),
    "sets the exercise's examine": at_once("3.2", "exercise('3.2').examine = lambda *a: 'fine'", "incorrect"),
    "replaces torch.equal": at_once("3.2", "import torch\ntorch.equal = lambda *a: True", "refused", reason="equal"),
    "replaces torch.equal for once": when_called(
        "3.2", ONE_SHOT.format(module="torch", name="equal", value="True"), "refused", reason="torch.equal"
    ),
    "replaces torch.allclose": at_once(
        "5.4", "import torch\ntorch.allclose = lambda *a, **k: True", "refused", reason="allclose"
    ),
    "replaces math.isclose": at_once("5.4", "import math\nmath.isclose = lambda *a, **k: True", "refused"),
    "replaces how modules are called": when_called(
        "3.2",
        "import torch\ntorch.nn.Module.__call__ = lambda self, x: x",
        "refused",
        "incorrect",
        reason="__call__",
    ),
    "replaces a builtin": at_once("9.2", "import builtins\nbuiltins.all = lambda *a: True", "refused", reason="all"),
    "replaces sorted while it is called": when_called(
        "9.2", "import builtins\nbuiltins.sorted = lambda *a, **k: []", "refused", reason="sorted"
    ),
    "replaces the comparison of tensors": at_once(
        "3.2", "import torch\ntorch.Tensor.__eq__ = lambda *a: True", "refused", reason="__eq__"
    ),
    # It gives back what agrees with everything
    "a number that equals all": Cheat(
        "2.2",
        """
class Liar(int):
    __hash__ = int.__hash__
    __eq__ = __le__ = __ge__ = lambda self, other: True
    __ne__ = __lt__ = __gt__ = lambda self, other: False


def count(model):
    return dict.fromkeys(("total", "trainable", "frozen", "buffers"), Liar(0))
""",
        ("incorrect",),
    ),
    "an object that agrees with all": Cheat(
        "8.1",
        """
class Liar:
    __hash__ = object.__hash__
    __eq__ = __bool__ = __lt__ = __gt__ = __le__ = __ge__ = lambda self, *other: True
    __float__ = lambda self: 0.0

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True


def distance(model, images):
    return Liar()
""",
        ("incorrect", "error"),
    ),
    "a text that equals all": Cheat(
        "0.1",
        """
class Liar(str):
    __hash__ = str.__hash__
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False


def top_class(logits, categories):
    return Liar("cat")
""",
        ("incorrect",),
    ),
    # It looks for the check
    "walks up the frames": when_called("3.2", "import sys\nsys._getframe(1)", "refused", reason="frames"),
    "asks inspect for the frames": when_called("3.2", "import inspect\ninspect.stack()", "refused", reason="frames"),
    "walks the stack by traceback": when_called(
        "3.2", "import traceback\nlist(traceback.walk_stack(None))", "refused", reason="frames"
    ),
    "takes the frame of an exception": when_called(
        "0.1",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    error.__traceback__.tb_frame.f_back",
        "refused",
        reason="frames",
    ),
    "takes the frame of a generator": when_called(
        "2.2", "generator = (i for i in range(3))\ngenerator.gi_frame", "refused", reason="frames"
    ),
    "takes frames in code made by eval": when_called(
        "2.2", "eval('__import__(\"sys\")._getframe(1)')", "refused", reason="frames"
    ),
    "looks through all objects": at_once("9.2", "import gc\ngc.get_objects()", "refused", reason="objects"),
    "looks for who refers to it": at_once("7.5", "import gc\ngc.get_referrers(print)", "refused", reason="objects"),
    "reaches into memory": at_once(
        "5.4", "import ctypes\nctypes.c_int.from_address(id(1) + 8)", "refused", reason="ctypes"
    ),
    "reads its own memory": at_once("5.4", "open('/proc/self/mem', 'r+b')", "refused", reason="/proc"),
    "sets a trace function": at_once("8.1", "import sys\nsys.settrace(lambda *a: None)", "refused", reason="trace"),
    "takes the profile function away": when_called(
        "8.1", "import sys\nsys.setprofile(None)", "refused", reason="profile"
    ),
    "forges the name of a file": at_once(
        "3.2", "import os\nexec(compile('x = 1', os.__file__, 'exec'))", "refused", reason="name of another file"
    ),
    # It starts something beside the check
    "starts a thread": when_called(
        "3.2",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(5,)).start()",
        "refused",
        reason="thread",
    ),
    "starts a bare thread": at_once(
        "3.2", "import _thread, time\n_thread.start_new_thread(time.sleep, (5,))", "refused", reason="thread"
    ),
    "forks": at_once("2.2", "import os\nos.fork()", "refused", reason="process"),
    "starts a program": at_once("2.2", "import subprocess\nsubprocess.run(['true'])", "refused", reason="program"),
    "starts a program by the shell": at_once("2.2", "import os\nos.system('true')", "refused", reason="program"),
    "asks the network": at_once(
        "0.1", "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/answer', timeout=5)", "error"
    ),
    # It reads the key
    "asks the exercise for its answer": at_once(
        "3.2", "exec(exercise('3.2').answer)", "error", reason="write the answer"
    ),
    "asks for the solution": at_once("3.2", "shown = exercise('3.2').solution()", "error", reason="write the answer"),
    "takes the course's own": Cheat("3.2", "freeze_for_real = exercise('3.2').yours()\n", ("error",)),
    "imports the key": Cheat(
        "3.2",
        "from helpers.lessons.lesson_03.exercises import EXERCISES\nexec(EXERCISES['3.2'].answer)\n",
        ("refused",),
        "which is the check's own",
    ),
    "imports what is left of the key": Cheat(
        "3.2", OF_THE_CHECK.format(number="3.2") + "exec(mine.answer)\n", ("error",), "does not define"
    ),
    "reads the file of the key": at_once(
        "3.2",
        """
        import pathlib
        import helpers
        pathlib.Path(helpers.__file__).with_name("lessons").joinpath("lesson_03", "exercises.py").read_text()
        """,
        "refused",
        reason="answer key",
    ),
    "reads the key by a link": at_once(
        "3.2",
        """
        import os
        import helpers
        os.symlink(os.path.join(os.path.dirname(helpers.__file__), "lessons"), "mine")
        open("mine/lesson_03/exercises.py").read()
        """,
        "error",
        reason="PermissionError",
    ),
    "asks inspect for the key": at_once(
        "3.2",
        OF_THE_CHECK.format(number="3.2") + "import inspect\nsource = inspect.getsource(mine)",
        "refused",
        "error",
    ),
    "writes into the course": at_once(
        "3.2",
        "import pathlib\nimport helpers\npathlib.Path(helpers.__file__).write_text('')",
        "error",
        reason="PermissionError",
    ),
    "reads what others handed in": at_once(
        "0.1", "open('CLASS_FOLDER/other.ipynb').read()", "refused", reason="handed in"
    ),
}
