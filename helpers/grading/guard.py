"""What stands guard where a learner's answer runs: what the answer may not do, and what it may not change.

Two things watch. An audit hook, which Python code cannot take away again, turns down what no answer needs: looking
through the frames or the objects of the check, reading the answer key, starting threads and programs. And each time
that the answer's code is entered from outside and left again, the functions that the check stands on are compared
with those from before: one that is replaced for a moment only is seen as well.

This module imports no other of the course. `posted` gives it builtins of its own, so that an answer that replaces
`any` or `len` does not change what is looked at.
"""

from __future__ import annotations

import _thread
import builtins
import operator
import os
import sys
import sysconfig
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# How the names begin, as which an answer's source is compiled: by the grader, and by the check of whole programs.
ANSWERS = ("<answer", "<your script")

_FRAMES = {"tb_frame", "gi_frame", "cr_frame", "ag_frame"}
_HANDS_OUT_FRAMES = {
    "traceback": {"walk_stack", "walk_tb", "extract", "_extract_from_extended_frame_gen"},
}
_LOOKS = "looks through the objects or frames of the check"
_FOREIGN = "builds a function of somebody else's code"
_STARTS = "starts a program or a process"
_BUILDS = "builds bytecode"
_CHANGES_CODE = "changes the code of a function"
_CODE = ("__code__", "__defaults__", "__kwdefaults__")
THREAD = "starts a thread, which could change the check behind its back"
# By the beginning of an audit event's name: what an answer would do with it. Asked for by PyTorch, it is allowed.
_TURNED_DOWN = {
    "gc.get_": _LOOKS,
    "ctypes.": "reaches into memory with ctypes",
    "code.__new__": _BUILDS,
    "function.__new__": _FOREIGN,
    "sys.settrace": "sets a trace function",
    "sys.monitoring": "sets a trace function",
    "sys.addaudithook": "adds an audit hook",
    "resource.": "changes the limits of its process",
    "subprocess.": _STARTS,
    "os.system": _STARTS,
    "os.exec": _STARTS,
    "os.posix_spawn": _STARTS,
    "os.spawn": _STARTS,
    "os.fork": _STARTS,
    "pty.spawn": _STARTS,
    "os.kill": "sends a signal to a process",
    "signal.pthread_kill": "sends a signal to a process",
}
# What modules of Python's library do for whom they are called by: they make classes.
_HARMLESS = dict.fromkeys(
    ("abc", "collections", "dataclasses", "enum", "functools", "inspect", "types", "typing"),
    (_BUILDS, _CHANGES_CODE, _FOREIGN),
)
_KEEPS_FRAMES = ("abc", "collections", "dataclasses", "enum", "logging", "traceback", "typing", "warnings")
_PYC_HEAD = 16  # bytes before the code in a .pyc file
_CHANGES_FILES = (
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
)  # fmt: skip
_THIS_FILE = __file__
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_EVERYBODYS = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/shm", "/dev/tty")


class Refused(RuntimeError):
    """Raised where the answer does what no answer needs. It is reported before: to catch this changes nothing."""


class Places:
    """Which files an answer may use: `own` to write to, `readable` to read, and `key` neither."""

    def __init__(self, own: Path, readable: Iterable[Path], key: Iterable[Path]):
        self.own = _real([own])
        self.readable = _real([*readable, *libraries(), *map(Path, ("/usr", "/lib", "/lib64", "/etc", "/bin", "/sys"))])
        self.key = _real(key)


def libraries() -> tuple[Path, ...]:
    """Where installed code lies: Python's own and the packages'."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    return (*(Path(sysconfig.get_path(kind)) for kind in kinds), Path(sys.base_prefix), Path(sys.prefix))


def _real(folders: Iterable[Path]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(os.path.realpath(folder) for folder in folders))


def _within(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders)


class Guard:
    """Watches over one answer. Each thing that it turns down goes to `report` as "starts a thread"."""

    def __init__(self, places: Places, course: Path, report: Callable[[str], None]):
        self._places, self._report = places, report
        self._stdlib = _real([Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib")])
        self._packages = _real([Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")])
        self._trusted = (*self._stdlib, *self._packages, os.path.realpath(course))
        self._whose: dict[str, str] = {}
        self._answers: dict[int, types.CodeType] = {}  # code that the answer made while it ran, with eval and exec
        self._handlers: dict[str, Callable | None] = {}
        self._frame, self._profile_now = sys._getframe, sys.getprofile
        self.profile: Callable | None = None  # what watches the boundary, where that is a profile function
        sys.getprofile = self._profiles().__next__
        self._busy: set[int] = set()  # threads in which the guard itself is at work

    # Who asks ------------------------------------------------------------------------------------------

    def is_answers(self, code: types.CodeType) -> bool:
        """Whether this is code of the learner, and neither Python's, nor a package's, nor the course's."""
        return id(code) in self._answers or self._owner(code.co_filename) == "answer"

    def _profiles(self) -> Iterator[Callable | None]:
        """The profile function, for checks that set one of their own for a while; an answer finds none.

        A generator, since the way from a function or a method to what it holds is open to everybody.
        """
        while True:
            yield None if self._asked_by_answer()[0] else self._profile_now()

    def _owner(self, filename: str) -> str:
        known = self._whose.get(filename)
        if known is None:
            known = self._whose[filename] = self._find_owner(filename)
        return known

    def _find_owner(self, filename: str) -> str:
        if filename.startswith(ANSWERS):
            return "answer"
        if filename.startswith("<"):
            return "stdlib" if filename.startswith("<frozen ") else "package"
        path = os.path.realpath(filename)
        if _within(path, self._packages):
            return "package"
        if _within(path, self._stdlib):
            return "stdlib"
        return "course" if _within(path, self._trusted) else "answer"

    def _on_the_stack(self) -> Iterator[types.FrameType]:
        yield from _callers(self._frame(1))

    def _asked_by_answer(self) -> tuple[bool, list[types.FrameType]]:
        """Whether the answer asks, by itself or through Python's library; the library's frames, the innermost first."""
        through: list[types.FrameType] = []
        for frame in self._on_the_stack():
            code = frame.f_code
            if code.co_filename == _THIS_FILE:
                continue
            if self.is_answers(code):
                return True, through
            if self._owner(code.co_filename) != "stdlib":
                return False, []
            through.append(frame)
        return False, []

    def _answer_is_running(self) -> bool:
        return any(self.is_answers(frame.f_code) for frame in self._on_the_stack())

    # Threads -------------------------------------------------------------------------------------------

    def threads(self) -> tuple[frozenset[threading.Thread], int]:
        """The threads of this moment, and how many there are that `threading` knows nothing of."""
        known = frozenset(threading.enumerate())
        return known, _thread._count() + 1 - len(known)

    def has_started_threads(self, before: tuple[frozenset[threading.Thread], int]) -> bool:
        """Whether threads of the answer's own run on since `before`; those of packages, such as loaders', may."""
        known, bare = self.threads()
        return bare > max(before[1], 0) or any(self._runs_answers(thread) for thread in known - before[0])

    def _runs_answers(self, thread: threading.Thread) -> bool:
        # Python takes `_target` away as a thread ends, and an answer could: it counts as the answer's either way.
        target = getattr(thread, "_target", None) if type(thread) is threading.Thread else type(thread).run
        code = getattr(target, "__code__", None)
        file = code.co_filename if isinstance(code, types.CodeType) else ANSWERS[0]
        return self._owner(file) == "answer" or file.endswith((f"{os.sep}thread.py", f"{os.sep}threading.py"))

    # What is asked for ---------------------------------------------------------------------------------

    def hook(self, event: str, args: tuple) -> None:
        """The audit hook. Most events, and there are many, are nobody's business: they cost one look."""
        try:
            handler = self._handlers[event]
        except KeyError:
            handler = self._handlers[event] = self._handler(event)
        thread = threading.get_ident()
        if handler is None or thread in self._busy:
            return
        self._busy.add(thread)
        try:
            told = None if self._asks_itself() else handler(args)
        finally:
            self._busy.discard(thread)
        if told:
            self._report(told)
            raise Refused(f"the grader turns this down: your code {told}")

    def _asks_itself(self) -> bool:
        """Whether the guard's own code causes the event, or the interpreter where no Python code is running."""
        try:
            return self._frame(2).f_code.co_filename == _THIS_FILE
        except ValueError:
            return True

    def _handler(self, event: str) -> Callable[[tuple], str | None] | None:
        """What decides on events of this name: a function of their arguments that gives a reason to turn one down."""
        exact = {
            "open": self._file,
            "compile": self._compiled,
            "exec": self._executed,
            "object.__getattr__": self._attribute,
            "socket.connect": lambda args: _address(args[1]),
            "socket.bind": lambda args: _address(args[1]),
            "socket.sendto": lambda args: _address(args[1]),
            "socket.getaddrinfo": lambda args: _address((args[0],)),
            "socket.gethostbyname": lambda args: _address((args[0],)),
        }
        if event in exact:
            return exact[event]
        if event.startswith("_thread.start"):
            return lambda args: self._bare_thread()
        if event == "sys.setprofile":
            return lambda args: self._profile_set()
        if event.startswith(_CHANGES_FILES):
            return self._changed_files
        if event == "marshal.loads":
            return self._unmarshalled
        if event in ("object.__setattr__", "object.__delattr__"):
            return lambda args: self._turned_down(_CHANGES_CODE) if args[1] in _CODE else None
        if event.startswith("sys._"):
            return lambda args: self._frames()
        reason = next((_TURNED_DOWN[start] for start in _TURNED_DOWN if event.startswith(start)), None)
        return (lambda args: self._turned_down(reason)) if reason else None

    def _turned_down(self, reason: str) -> str | None:
        """The reason, where the answer asks; what some modules of the library do for everybody is theirs."""
        asked, through = self._asked_by_answer()
        harmless = reason in _HARMLESS.get(_module(through[:1]), ()) or _module(through[-1:]) == "platform"
        return reason if asked and not harmless else None

    def _unmarshalled(self, args: tuple) -> str | None:
        """An import reads bytecode, and it must be what stands in the file of a package."""
        asked, through = self._asked_by_answer()
        if not asked:
            return None
        if _is_frozen_import(through):
            return None
        path = through[0].f_locals.get("bytecode_path") if through else None
        if type(path) is str and self._owner(path) != "answer" and Path(path).is_file():
            return None if Path(path).read_bytes()[_PYC_HEAD:] == bytes(args[0]) else _BUILDS
        return _BUILDS

    def _bare_thread(self) -> str | None:
        """From Python 3.12 on; `threading` itself asks in this way, and is looked at as the answer is left."""
        asked, through = self._asked_by_answer()
        return THREAD if asked and _module(through[:1]) != "threading" else None

    def _profile_set(self) -> str | None:
        """A check may have one of its own. Where that raises, Python takes it away in the middle of the answer."""
        return self._turned_down("sets a profile function") if self._profile_now() is self.profile else None

    def _attribute(self, args: tuple) -> str | None:
        return self._frames() if args[1] in _FRAMES else None

    def _frames(self) -> str | None:
        """A few modules of the library look at frames for whom they are called by, and hand none out."""
        asked, through = self._asked_by_answer()
        keeps_them = _module(through[:1]) in _KEEPS_FRAMES
        names = _HANDS_OUT_FRAMES.get(_module(through[-1:]), ())
        return _LOOKS if asked and (not keeps_them or through[-1].f_code.co_name in names) else None

    def _executed(self, args: tuple) -> None:
        """Code that the answer makes while it runs is the answer's; what it imports is a package's."""
        if self._asked_by_answer()[0] and args[0].co_filename.startswith("<"):
            self.remember(args[0])

    def _compiled(self, args: tuple) -> str | None:
        """Code may not claim to come from a file in which it does not stand."""
        if not self._asked_by_answer()[0] or type(args[1]) not in (str, bytes):
            return None
        filename = os.fsdecode(args[1])
        if self._owner(filename) == "answer" or (filename.startswith("<") and not filename.startswith("<frozen ")):
            return None
        source = args[0].encode() if type(args[0]) is str else args[0]
        stands_there = Path(filename).is_file() and Path(filename).read_bytes() == source
        return None if stands_there else "compiles code under the name of another file"

    def remember(self, code: types.CodeType) -> None:
        """From now on this code, and all that is defined in it, counts as the answer's."""
        self._answers[id(code)] = code
        for inner in code.co_consts:
            if isinstance(inner, types.CodeType):
                self.remember(inner)

    def _file(self, args: tuple) -> str | None:
        path, mode, flags = args
        if type(path) is int or not self._answer_is_running():  # a number: it was opened before
            return None
        if (name := _plain(path)) is None:
            return "opens a file by a name that is no text"  # its methods are the answer's own
        real = os.path.realpath(name)
        if _within(real, self._places.key):
            return self._key(real)
        if real.startswith("/proc/") and (real.endswith("/mem") or "/fd/" in real):
            return "reaches into processes through /proc"
        if real.endswith(".pyc") and _within(real, self._places.own):
            return _BUILDS
        writes = any(letter in str(mode or "") for letter in "wax+") or (not mode and bool(int(flags or 0) & _WRITES))
        allowed = self._places.own if writes else (*self._places.own, *self._places.readable, *self._trusted, "/proc")
        if not _within(real, (*allowed, *_EVERYBODYS)):
            raise PermissionError(13, "the grader lets answers use their own folder alone", real)
        return None

    def _key(self, real: str) -> str:
        """PyTorch formats a traceback at some calls, with lines of the check: `linecache` finds none then."""
        if any(frame.f_globals.get("__name__") == "linecache" for frame in self._on_the_stack()):
            raise PermissionError(13, "the grader shows nobody the lines of a check", real)
        return "reads the answer key, or what others handed in"

    def _changed_files(self, args: tuple) -> str | None:
        if not self._answer_is_running():
            return None
        for path in args[:2]:
            if (name := _plain(path)) is not None:
                real = os.path.realpath(Path(name).parent)
                if not _within(real, (*self._places.own, "/dev/shm")):
                    raise PermissionError(13, "the grader lets answers use their own folder alone", real)
        return None


def _plain(path: object) -> str | None:
    """A path as text, without a call of a method that the answer could have defined; None where there is no such."""
    for kind in (str, bytes):
        if isinstance(path, kind):  # numpy has texts of its own
            return os.fsdecode(kind.__getitem__(path, slice(None)))
    return str(path) if type(path) is type(Path()) else None


def _address(address: object) -> str | None:
    """The processes of one machine may talk to each other, as in lesson 09."""
    host = address[0] if isinstance(address, tuple) and address else address
    host = host.decode(errors="replace") if isinstance(host, bytes) else str(host or "localhost")
    local = host in ("localhost", "::1", "0.0.0.0", "::") or host.startswith(("127.", "/", "\0", os.uname().nodename))
    if not local:
        raise OSError(101, "the grader has no network", host)
    return None


class Untouched:
    """Whether the functions and classes that a check stands on are the ones from before.

    Args:
        owners: modules and classes, all of whose functions, classes and methods are looked at in the end.
        used: the names that are looked at each time that the answer is left; of the owners in `whole` all are.
        whole: the modules and classes of the check itself.
        wrapped: whether a value that is new may stand for the one before, such as PyTorch's wrappers of its own.
    """

    def __init__(
        self,
        owners: Iterable[type | types.ModuleType],
        used: frozenset[str],
        whole: frozenset[types.ModuleType | type],
        wrapped: Callable[[object, object], bool],
    ):
        self._wrapped = wrapped
        self._all = [(owner, vars(owner), dict(vars(owner))) for owner in owners]
        self._quick = [
            (owner, names, held, _reader(names))
            for owner, held, before in self._all
            if (names := self._watched(before, used, owner in whole))
        ]

    @staticmethod
    def _watched(before: dict[str, object], used: frozenset[str], whole: bool) -> tuple[str, ...]:
        return tuple(
            name for name, value in before.items() if (whole or name in used) and _is_code(value) and name != "Storage"
        )

    def now(self) -> list[tuple]:
        """The values of the names in use, to be compared with those at another moment."""
        return [read(held) for _, _, held, read in self._quick]

    def changed_since(self, earlier: list[tuple]) -> str | None:
        """The first name in use that has another value than `earlier`, as "`torch.equal`"; None where none has."""
        for (owner, names, held, read), before in zip(self._quick, earlier, strict=True):
            now = read(held)
            if all(map(operator.is_, now, before)):
                continue
            for name, value, old in zip(names, now, before, strict=True):
                if value is not old and not self._may_stand(value, old):
                    return f"`{owner.__name__}.{name}`"
        return None

    def thoroughly(self) -> list[str]:
        """All that is replaced, taken away, or put in front of a method that was inherited."""
        found = []
        for owner, now, before in self._all:
            for name, value in before.items():
                if not _is_code(value) or (owner.__name__, name) == ("torch", "Storage"):  # it follows the dtype
                    continue
                if now.get(name) is not value and not self._may_stand(now.get(name), value):
                    found.append(f"`{owner.__name__}.{name}`")
            if isinstance(owner, type):
                found += [
                    f"`{owner.__name__}.{name}`" for name in now if name not in before and self._hides(owner, name)
                ]
        return found

    def _hides(self, owner: type, name: str) -> bool:
        above = [vars(one)[name] for one in owner.__mro__[1:] if name in vars(one)]
        return bool(above) and _is_code(above[0]) and not self._may_stand(vars(owner)[name], above[0])

    def _may_stand(self, now: object, before: object) -> bool:
        return now is not None and self._wrapped(now, before)


def _reader(names: tuple[str, ...]) -> Callable[[dict], tuple]:
    """Reads these names; one that was deleted reads as None."""
    return lambda held: tuple(map(held.get, names))


def _module(frames: list[types.FrameType]) -> str:
    """The name of the module of the one frame in the list; empty where there is none."""
    return str(frames[0].f_globals.get("__name__", "")) if frames else ""


def _is_frozen_import(frames: list[types.FrameType]) -> bool:
    """Whether Python imports a module that is built into it: there no bytecode comes from outside."""
    names = [f.f_code.co_name for f in frames[:2] if f.f_code.co_filename == "<frozen importlib._bootstrap>"]
    return names[:1] in (["exec_module"], ["get_code"]) or names == ["_call_with_frames_removed", "exec_module"]


def _is_code(value: object) -> bool:
    return callable(value) or hasattr(type(value), "__get__")  # properties too, of Python and of C


def watch_boundary(guard: Guard, untouched: Untouched, report: Callable[[str], None]) -> Callable[[], None]:
    """From now on, as the answer's code is left, the check must stand on what it stood on as that was entered.

    What the check itself puts in place of a function, to watch it, is there at both moments. A hook that is called
    while the answer runs is no such moment: it can do nothing that the answer could not do around its call, and a
    look there would lengthen what the answer times.

    Returns:
        What ends the watch.
    """
    entered: dict[int, tuple] = {}
    is_answers, changed, now = guard.is_answers, untouched.changed_since, untouched.now

    def enter(frame: types.FrameType) -> None:
        if not any(is_answers(caller.f_code) for caller in _callers(frame)):
            entered[id(frame)] = now(), guard.threads()

    def leave(frame: types.FrameType) -> None:
        before = entered.pop(id(frame), None)
        if before is None:
            return
        if replaced := changed(before[0]):
            report(f"replaces {replaced}, on which the check stands")
        if guard.has_started_threads(before[1]):
            report(THREAD)

    if hasattr(sys, "monitoring"):
        return _watch_with_monitoring(is_answers, enter, leave)
    guard.profile, stop = _watch_with_profile(is_answers, enter, leave)
    return stop


def _callers(frame: types.FrameType) -> Iterator[types.FrameType]:
    """Whoever waits for it to return, the nearest first."""
    while (frame := frame.f_back) is not None:
        yield frame


def _watch_with_profile(is_answers: Callable, enter: Callable, leave: Callable) -> tuple[Callable, Callable]:
    """Python 3.11: every call of any function comes by here, so that what is not the answer's must leave at once.

    Not seen: what an answer does in a thread that a check starts, until the check has ended.
    """
    known: dict[int, tuple[bool, types.CodeType]] = {}  # the code is kept, so that no other gets its id
    look_up = known.get

    def profile(frame: types.FrameType, event: str, arg: object) -> None:
        if event != "call" and event != "return":
            return
        code = frame.f_code
        found = look_up(id(code))
        if found is None:
            found = known[id(code)] = (is_answers(code), code)
        if found[0]:
            (enter if event == "call" else leave)(frame)

    sys.setprofile(profile)
    return profile, lambda: sys.setprofile(None)


def _watch_with_monitoring(is_answers: Callable, enter: Callable, leave: Callable) -> Callable[[], None]:
    """Python 3.12 and later: code that is not the answer's is told so once, and then costs nothing."""
    monitoring, events, tool, frame_at = sys.monitoring, sys.monitoring.events, 4, sys._getframe
    monitoring.use_tool_id(tool, "grader")

    def calling(act: Callable[[types.FrameType], None]) -> Callable:
        def crossed(code: types.CodeType, *_: object) -> object:
            if not is_answers(code):
                return monitoring.DISABLE
            act(frame_at(1))
            return None

        return crossed

    def unwound(act: Callable[[types.FrameType], None]) -> Callable:
        def crossed(code: types.CodeType, *_: object) -> None:  # these events cannot be disabled
            if is_answers(code):
                act(frame_at(1))

        return crossed

    for event, act in (
        (events.PY_START, calling(enter)),
        (events.PY_RESUME, calling(enter)),
        (events.PY_THROW, unwound(enter)),
        (events.PY_RETURN, calling(leave)),
        (events.PY_YIELD, calling(leave)),
        (events.PY_UNWIND, unwound(leave)),
    ):
        monitoring.register_callback(tool, event, act)
    monitoring.set_events(
        tool,
        events.PY_START | events.PY_RESUME | events.PY_THROW | events.PY_RETURN | events.PY_YIELD | events.PY_UNWIND,
    )
    return lambda: monitoring.set_events(tool, 0)


def posted() -> types.ModuleType:
    """A copy of this module that stands in no list of modules and has builtins of its own."""
    copy = types.ModuleType("guard")
    copy.__dict__.update(__builtins__=dict(vars(builtins)), __file__=__file__)
    exec(compile(Path(__file__).read_text(encoding="utf-8"), __file__, "exec"), copy.__dict__)
    return copy
