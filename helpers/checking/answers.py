"""What came back: each function gives it in Python's own types, or a reason why it is no such thing.

What a learner hands in may be of any class, also one that claims to equal everything. So nothing here compares an
answer as it came: `plain` first takes out of it the value that it holds.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np
import torch
from torch import Tensor, nn

from helpers.course.verdicts import Incorrect, require, tried_on
from helpers.errors import first_line, one_line

_BUILT_IN = (bool, int, float, complex, str, bytes)


def short(value: object) -> str:
    """What a learner's code gave back, on one line of at most 80 characters, to quote in a reason."""
    try:
        text = one_line(repr(value))
    except Exception:  # of a class whose own `__repr__` fails, as while it is being written
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def quoted(names: Iterable[str], most: int = 4) -> str:
    """Names of parameters or layers in backticks, for a reason.

    >>> quoted("abcdef", most=2)
    '`a`, `b` and 4 more'
    """
    named = list(names)
    more = f" and {len(named) - most} more" if len(named) > most else ""
    return "`" + "`, `".join(named[:most]) + f"`{more}"


def opening(case: str) -> str:
    """What a reason begins with: `case`, with a comma where it ends with no mark of its own.

    >>> opening("For an empty batch"), opening("Each part has its rate:")
    ('For an empty batch,', 'Each part has its rate:')
    """
    return case if case.endswith((",", ":", ".")) else f"{case},"


def plain(value: object) -> object:
    """The value that an answer holds, in the types of Python and torch alone.

    A subclass of `str` or `int` may bring its own `__eq__`, and a list may hold such items. What comes out of here
    compares as its value does. Anything of another type is given back as it is, and equals nothing that a check
    expects once it is asked for its type.
    """
    kind = type(value)
    if kind in _BUILT_IN or value is None:
        return value
    if issubclass(kind, np.generic) or (issubclass(kind, np.ndarray) and np.ndarray.__getitem__(value, ...).ndim == 0):
        return plain(np.asarray(value).item())
    if issubclass(kind, Tensor):
        with torch._C.DisableTorchFunctionSubclass():  # or a class of the learner's own answers for this call, too
            return value if kind in (Tensor, nn.Parameter) else Tensor.as_subclass(value, Tensor)
    if issubclass(kind, dict):
        return {plain(key): plain(item) for key, item in dict.items(value)}
    for built_in, iterate in ((list, list.__iter__), (tuple, tuple.__iter__), (set, set.__iter__)):
        if issubclass(kind, built_in):
            return built_in(plain(item) for item in iterate(value))
    if issubclass(kind, frozenset):
        return frozenset(plain(item) for item in frozenset.__iter__(value))
    for built_in, convert in ((str, str.__str__), (int, int.__int__), (float, float.__float__)):
        if issubclass(kind, built_in):
            return convert(value)
    return value


def is_a(value: object, kind: type | tuple[type, ...]) -> bool:
    """`isinstance` by the type alone: an object may also give itself out for another by its `__class__`."""
    return issubclass(type(value), kind)


# No answer to an exercise has more items. A tensor or a range of more may take no memory, and as a list all of it.
MANY = 100_000


def not_too_many(said: object) -> object:
    """`said` as it came, where it is no tensor, array or range of more than `MANY` items: then it can become a list."""
    kind = type(said)
    count = 0
    if issubclass(kind, Tensor):
        count = plain(said).numel()
    elif issubclass(kind, np.ndarray):
        count = np.ndarray.size.__get__(said)
    elif kind is range and said:
        count = abs((said[-1] - said[0]) // said.step) + 1  # `len` does not go so far
    require(count <= MANY, f"You gave {count:,} items, and no answer here has so many.")
    return said


def one_number(said: object, reason: str) -> float:
    """`said` as a float: Python's or numpy's number, a fraction, a decimal, or a tensor of one; else `reason`."""
    value = plain(said)
    if is_a(value, Tensor):
        value = value.detach()
        a_value = value.numel() == 1 and not value.is_meta  # which has a shape, and no numbers
        require(a_value and value.dtype != torch.bool and not value.is_complex(), reason)
        return value.item()
    require(is_a(value, (numbers.Real, Decimal)) and type(value) is not bool, reason)
    return float(value)


def a_bool(said: object, reason: str) -> bool:
    """`said` as True or False: Python's, numpy's, or a tensor that holds one; else `reason`."""
    value = plain(said)
    if is_a(value, Tensor) and value.numel() == 1 and value.dtype == torch.bool:
        value = value.item()
    require(type(value) is bool, reason)
    return value


def a_string(said: object, reason: str) -> str:
    """`said` as a plain string; else `reason`."""
    value = plain(said)
    require(type(value) is str, reason)
    return value


def a_tensor(said: object, shape: Sequence[int], case: str, *, of: str = "tensor", why: str = "") -> Tensor:
    """`said` as a tensor of this shape. `of` names what it holds; `why` says what such a shape stands for.

    >>> a_tensor(torch.zeros(2, 3), [2, 3], "For two images", of="logits").shape
    torch.Size([2, 3])
    """
    value = plain(said)
    require(is_a(value, Tensor), f"{opening(case)} you gave `{short(said)}`, and a tensor was expected: {of}.")
    require(
        list(value.shape) == list(shape),
        f"{opening(case)} the shape of your {of} is {list(value.shape)}, and {list(shape)} was expected. {why}".strip(),
    )
    return value


def names(said: object, case: str, *, of: str = "names", twice: str = "") -> list[str]:
    """`said` as a list of different strings, in its order; a set is given back sorted. `twice` cures a repeated one."""
    value = plain(said)
    fits = is_a(value, (list, tuple, set, frozenset)) and all(type(one) is str for one in value)
    require(fits, f"{opening(case)} a list of {of} was expected, and you gave `{short(said)}`.")
    listed = list(value) if isinstance(value, list | tuple) else sorted(value)
    repeated = [one for one in dict.fromkeys(listed) if listed.count(one) > 1]
    require(not repeated, f"{opening(case)} your list names {quoted(repeated)} more than once. {twice}".strip())
    return listed


def exactly(
    said: object,
    expected: Iterable[str],
    case: str,
    *,
    missing: str | Callable[[list[str]], str] = "",
    extra: str | Callable[[list[str]], str] = "",
    twice: str = "",
) -> None:
    """`said` is a list of just the `expected` names, in any order.

    `missing` and `extra` say what it usually means that names are missing, or are there without belonging: a
    sentence, or a function that makes one of these names. `twice` is the cure where one is named again.
    """
    found, wanted = names(said, case, twice=twice), list(expected)
    missed = [name for name in wanted if name not in found]
    require(not missed, f"{opening(case)} your list misses {quoted(missed)}. {_sentence(missing, missed)}".strip())
    surplus = [name for name in found if name not in wanted]
    require(
        not surplus,
        f"{opening(case)} your list names {quoted(surplus)}, and should not. {_sentence(extra, surplus)}".strip(),
    )


def _sentence(why: str | Callable[[list[str]], str], names: list[str]) -> str:
    """What to add about these names; a function is asked only where there are some."""
    if isinstance(why, str):
        return why
    return why(names) if names else ""


def pairs(said: object, case: str, *, count: int | None = None) -> list[tuple[str, float]]:
    """`said` as a list of (name, number), of `count` entries where that is given."""
    value = plain(said)
    fits = is_a(value, (list, tuple)) and all(is_a(one, (list, tuple)) and len(one) == 2 for one in value)
    require(fits, f"{opening(case)} a list of pairs (name, number) was expected, and you gave `{short(said)}`.")
    for name, number in value:
        a_number = is_a(number, numbers.Real) and type(number) is not bool
        require(
            type(name) is str and a_number,
            f"{opening(case)} a pair is `{short((name, number))}`: its name must be a string, and its number a plain "
            "one. `float(...)` or `int(...)` makes one of a tensor.",
        )
    require(
        count is None or len(value) == count,
        f"{opening(case)} your list has {len(value)} pairs, and {count} were expected.",
    )
    return [(name, number if type(number) in (int, float) else float(number)) for name, number in value]


def most_likely(
    said: object,
    case: str,
    *,
    logits: Tensor,
    categories: Sequence[str],
    k: int,
    mistakes: Mapping[str, Tensor] | None = None,
    otherwise: str = "",
) -> list[tuple[str, float]]:
    """`said` are the `k` most likely names with their shares by softmax over `logits` [n], the most likely first.

    A share may be off by 1e-4. Equal logits among the best have no order, so a check avoids them. Logits in place of
    shares, and shares among the best alone, are told by their numbers.

    Args:
        mistakes: what the exercise adds to those: by its sentence, the logits that a mistake leads to.
        otherwise: the sentence where no mistake is known by its numbers.
    """
    found = pairs(said, case, count=k)
    given = [name for name, _ in found]
    strange = [name for name in given if name not in categories]
    require(
        not strange,
        f"{opening(case)} your list names {quoted(strange)}. The names are those in the network's categories.",
    )
    shares = torch.tensor([share for _, share in found], dtype=torch.float64)
    require(
        not shares.isnan().any(),
        f"{opening(case)} a probability is no number (nan): `exp` of a large logit does not fit into a float. "
        "PyTorch's softmax subtracts the highest logit first.",
    )
    best = logits.double().softmax(0).topk(k)
    right = [
        (categories[index], share) for index, share in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
    if given == [name for name, _ in right] and torch.allclose(shares, best.values, rtol=0, atol=1e-4):
        return found
    raise Incorrect(
        f"{opening(case)} you said {_listed(found)}, and {_listed(right)} was expected. "
        + _why_other_shares(given, shares, logits.double(), best.indices, categories, mistakes or {}, otherwise)
    )


def _why_other_shares(
    given: list[str],
    shares: Tensor,
    logits: Tensor,
    best: Tensor,
    categories: Sequence[str],
    mistakes: Mapping[str, Tensor],
    otherwise: str,
) -> str:
    k, every_share = len(shares), logits.softmax(0)
    if not torch.equal(shares, shares.sort(descending=True).values):
        return "The most likely name comes first."
    right, names_are_right = every_share[best], given == [categories[index] for index in best.tolist()]
    rounded = (right.round(decimals=digits) for digits in (2, 3))
    if names_are_right and any(torch.allclose(shares, one, rtol=0, atol=1e-6) for one in rounded):
        return "That is not exact: give the shares as they are, not rounded."
    told_by = {
        "The probabilities are right, and the names belong to others."
        if not names_are_right
        else "That is not exact: take the softmax of the logits as they came, in their own precision.": right,
        "Those are logits: softmax turns them into probabilities.": logits[best],
        f"Those are shares among the best {k} only: take the softmax of all logits first.": logits[best].softmax(0),
        "Those are per cent: a share is a number from 0 to 1.": 100 * right,
        "Those are logarithms of the shares: `softmax`, not `log_softmax`.": right.log(),
        "That is the sigmoid, which looks at each logit alone: shares of one whole come from softmax.": logits[
            best
        ].sigmoid(),
        "Softmax was taken twice: it turns logits into shares, once.": every_share.softmax(0)[best],
        "Each share is 1, so each is a share of itself: take the softmax along the classes, `dim=-1`.": torch.ones(k),
        **{why: other.double().softmax(0).topk(k).values for why, other in mistakes.items()},
    }
    for why, numbers_of_it in told_by.items():
        if torch.allclose(shares, numbers_of_it.double(), rtol=1e-3, atol=1e-3):
            return why
    return otherwise


def _listed(found: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"`{name}` {share:.3f}" for name, share in found)


def close(found: float, expected: float, *, off: float = 1e-6) -> bool:
    """Whether two numbers are the same, to within the fraction `off` of the greater, or `off` itself near zero."""
    return math.isclose(found, expected, rel_tol=off, abs_tol=off)


def _told(error: Exception) -> str:
    """An exception in a reason: its type, and the start of what it says."""
    return f"`{type(error).__name__}: {first_line(error)[:110]}`"


def not_refused(
    call: Callable[[], object], case: str, *, error: type[Exception] = ValueError, advice: str = ""
) -> object:
    """What `call` gives back for a valid input; where it raises the `error` that is for bad input, which input it was.

    Any other exception passes: it is the learner's own mistake, and the panel shows its line and the `case`.

    Args:
        case: the input, to begin a sentence with: "For one image".
        advice: what the exercise adds.
    """
    try:
        with tried_on(opening(case)):
            return call()
    except Incorrect:
        raise
    except error as raised:
        raise Incorrect(
            f"{opening(case)} your function refused with {_told(raised)}. That input is valid, and has an answer: "
            f"refuse no more than the exercise names. {advice}".strip()
        ) from None


def refusal(
    call: Callable[[], object],
    case: str,
    *,
    error: type[Exception] = ValueError,
    naming: Iterable[str] = (),
    sparing: Iterable[str] = (),
) -> None:
    """`call` raises an `error` that says its cause: it has words, and among them one at least of those in `naming`.

    Where `sparing` holds names, the message names none of them: it blames only what is wrong. Names count as whole
    words, so that `layer1` is not taken for named by "layer10"; after a dot, as in "model.fc", a name is credited and
    not blamed, for it may be a layer inside of another. It cannot be seen whether the words make sense.

    Args:
        call: the learner's function with the bad input already in it.
        case: what was wrong with that input, to begin a sentence with: "For an empty batch".
    """
    kind = error.__name__
    try:
        found = call()
    except Incorrect:
        raise
    except error as raised:
        _require_cause(_words(raised), kind, case, list(naming), list(sparing))
        return
    except Exception as raised:
        raise Incorrect(
            f"{opening(case)} your function stopped with {_told(raised)}. Look for the mistake first, and raise a "
            f"`{kind}` that says what is wrong."
        ) from None
    raise Incorrect(
        f"{opening(case)} your function gave back `{short(found)}`: raise a `{kind}` that says what is wrong."
    )


def _words(error: Exception) -> str:
    """What an exception says, as a plain string; nothing where its own `__str__` fails."""
    try:
        return plain(str(error))
    except Exception:  # as an f-string does in a `__str__`, whose value has a `__repr__` that fails
        return ""


def _require_cause(message: str, kind: str, case: str, naming: list[str], sparing: list[str]) -> None:
    require(message.strip(), f"{opening(case)} your `{kind}` says nothing: put the cause into its message.")
    wanted = "` or `".join(naming)
    require(
        not naming or any(_named(name, message, after_a_dot=True) for name in naming),
        f"{opening(case)} your `{kind}` should name `{wanted}`; it says: {short(message)}",
    )
    blamed = [name for name in sparing if _named(name, message)]
    require(
        not blamed,
        f"{opening(case)} your `{kind}` names {quoted(blamed)} as well, where nothing is wrong. It says: "
        f"{short(message)}",
    )


def _named(name: str, message: str, *, after_a_dot: bool = False) -> bool:
    """Whether the message has this name as a word; after a dot it names a layer inside of another, if not asked for."""
    before = r"(?<!\w)" if after_a_dot else r"(?<![\w.])"
    return re.search(rf"{before}{re.escape(name)}(?!\w)", message, flags=re.IGNORECASE) is not None
