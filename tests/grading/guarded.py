"""Run as a program: one trick beside a check of a few lines, under guard; prints what the guard reports of it.

It needs Python alone, so that it can be tried with any version: `python tests/grading/guarded.py TRICK`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
import time
import types
from pathlib import Path

TRICKS = {
    "honest": "def answer(x):\n    return sorted(x)[::-1]",
    "honest with a generator": "def answer(x):\n    yield from sorted(x)\n    yield 1",
    "honest with an error": "def answer(x):\n    raise ValueError(x)",
    "honest with a class": "from dataclasses import dataclass\n@dataclass\nclass answer:\n    x: list",
    "honest with names": (
        "import enum, typing, collections\nE = enum.Enum('E', 'a b')\n"
        "P = collections.namedtuple('P', 'a b', defaults=[1])\n"
        "class answer(typing.NamedTuple):\n    x: int = 1"
    ),
    "honest with slots": (
        "from dataclasses import dataclass\n@dataclass(slots=True, frozen=True)\nclass answer:\n    x: list"
    ),
    "honest with uname": "def answer(x):\n    import platform\n    return platform.processor()",
    "honest with a traceback": (
        "import traceback\ndef answer(x):\n    try:\n        1 / 0\n    except ZeroDivisionError:\n"
        "        return traceback.format_exc()"
    ),
    "honest with texts of its own": (
        "class Text(str):\n    pass\ndef answer(x):\n"
        "    open(Text('own.txt'), 'w').close()\n    return open('own.txt').read()"
    ),
    "key by a text of its own": (
        "class Text(str):\n    __str__ = __fspath__ = lambda self: 'x'\n    __getitem__ = lambda self, at: 'x'\n"
        "def answer(x):\n    open(Text(KEY)).read()"
    ),
    "honest with a pool": (
        "from concurrent.futures import ThreadPoolExecutor\ndef answer(x):\n    with ThreadPoolExecutor(2) as pool:\n"
        "        return list(pool.map(abs, x))"
    ),
    "honest with an import": "def answer(x):\n    import decimal, xml.dom.minidom\n    return x",
    "replaces": "import json\ndef answer(x):\n    json.dumps = str",
    "replaces for once": (
        "import json\nreal = json.dumps\ndef fake(*a):\n    json.dumps = real\ndef answer(x):\n    json.dumps = fake"
    ),
    "replaces in a generator": "import json\ndef answer(x):\n    yield 1\n    json.dumps = str\n    yield 2",
    "replaces and raises": "import json\ndef answer(x):\n    json.dumps = str\n    raise ValueError",
    "deletes": "import json\ndef answer(x):\n    del json.dumps",
    "frames": "import sys\ndef answer(x):\n    sys._getframe(1)",
    "frames by eval": "def answer(x):\n    eval('__import__(\"sys\")._getframe(1)')",
    "frames by a finalizer": (
        "import sys, weakref\nclass A:\n    pass\ndef answer(x):\n"
        "    a = A()\n    weakref.finalize(a, sys._getframe, 2)()"
    ),
    "frames by inspect": "import inspect\ndef answer(x):\n    inspect.stack()",
    "frames by traceback": "import traceback\ndef answer(x):\n    list(traceback.walk_stack(None))",
    "forged file by importlib": (
        "import importlib.machinery, json\ndef answer(x):\n"
        "    importlib.machinery.SourceFileLoader('a', 'b').source_to_code(b'1', json.__file__)"
    ),
    "bytecode by importlib": (
        "import importlib._bootstrap_external as b, marshal, json\ndef answer(x):\n"
        "    b._compile_bytecode(marshal.dumps(compile('1', '<a>', 'exec')), 'json', json.__cached__, json.__file__)"
    ),
    "frames in code handed on": "answer = eval('lambda x: __import__(\"sys\")._getframe(1)')",
    "generator's frame": "def answer(x):\n    (i for i in x).gi_frame",
    "objects": "import gc\ndef answer(x):\n    gc.get_objects()",
    "thread": "import threading, time\ndef answer(x):\n    threading.Thread(target=time.sleep, args=(3,)).start()",
    "bare thread": "import _thread, time\ndef answer(x):\n    _thread.start_new_thread(time.sleep, (3,))",
    "forged file": "import os\ndef answer(x):\n    compile('1', os.__file__, 'eval')",
    "own bytecode": "def answer(x):\n    open('mine.pyc', 'wb')",
    "program": "import subprocess\ndef answer(x):\n    subprocess.run(['true'])",
    "key": "def answer(x):\n    open(KEY).read()",
    "other's file": "def answer(x):\n    open(__import__('os').path.expanduser('~/../notes'))",
}


def check(answer: object) -> str:
    found = answer([2, 1])
    found = list(found) if isinstance(found, types.GeneratorType) else found
    return json.dumps(str(found))


def main(trick: str) -> None:
    here = Path(__file__).resolve()
    spec = importlib.util.spec_from_file_location("guard", here.parents[2] / "helpers" / "grading" / "guard.py")
    guard = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(guard)
    own = guard.posted()
    folder = Path(tempfile.mkdtemp())
    os.chdir(folder)
    seen: list[str] = []
    sentry = own.Guard(own.Places(folder, [], [here.with_name("cheats.py")]), here.parent, seen.append)
    untouched = own.Untouched([json, sys], frozenset({"dumps"}), frozenset(), lambda now, before: False)
    names = {"KEY": str(here.with_name("cheats.py")), "__name__": "__main__"}
    sys.modules["__main__"] = types.ModuleType("__main__")
    threads = sentry.threads()
    sys.addaudithook(sentry.hook)
    exec(compile(TRICKS[trick], "<answer>", "exec"), names)
    stop = own.watch_boundary(sentry, untouched, seen.append)
    try:
        ended = check(names["answer"])
    except BaseException as error:  # whatever an answer raises
        ended = type(error).__name__
    stop()
    time.sleep(0.05)  # a thread counts once it runs
    seen += ["starts a thread"] if sentry.has_started_threads(threads) else []
    seen += [f"replaces {name} in the end" for name in untouched.thoroughly()]
    print(f"{ended}|{'; '.join(dict.fromkeys(seen))}", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
