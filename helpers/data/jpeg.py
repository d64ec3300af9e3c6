"""What is wrong inside a JPEG that decodes: it was cut off, or bytes in it were changed.

A JPEG carries no checksum. Its decoder reads on over a changed byte, and makes other colours of what follows, or gray.
What betrays the damage are codes that do not exist, and too few or too many of them at the end. libjpeg warns of these,
and Pillow does not pass it on. So the library simplejpeg looks as well, at an eighth of the size, which is quicker.

What no decoder can see: a change after which the codes end where they ended before. It shows in a block of 8 x 8
pixels, or in the brightness and colour of the blocks after it. `tests/faults/test_damaged_jpegs.py` counts how many
changes are found.
"""

from __future__ import annotations

import re

import simplejpeg

_START_OF_SCAN, _END = b"\xda", b"\xff\xd9"
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0x(\w\w)")


def jpeg_ends(content: bytes) -> bool:
    """Whether an end mark follows the start of the picture's data.

    A download that broke off may leave a file of full length whose rest is zeros, and the decoder makes gray of them.
    """
    return content.rfind(_END) > _start_of_scan(content)


def is_damaged_inside(content: bytes) -> bool:
    """Whether libjpeg finds anything damaged in a JPEG that decodes.

    What is only out of order, and costs no pixel, does not count: bytes between the parts of the header, and an end
    that was filled up with one byte again and again, as some cameras and programs do it.
    """
    try:
        colours = "CMYK" if simplejpeg.decode_jpeg_header(content)[2] in ("CMYK", "YCCK") else "GRAY"
        simplejpeg.decode_jpeg(content, colours, min_height=1, min_width=1, min_factor=8, strict=True)
        return False
    except ValueError as error:
        # All else that it says is of a kind of JPEG that this library cannot read, and Pillow can.
        before, corrupt, what = str(error).partition("Corrupt JPEG data: ")
        return bool(corrupt) and not before and not _is_harmless(what, content)


def _start_of_scan(content: bytes) -> int:
    """Where the picture's data start. A preview in the header has data of its own, so the header is passed over."""
    at = 2
    while content[at : at + 1] == b"\xff" and content[at + 1 : at + 2] != _START_OF_SCAN:
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return at


def _is_harmless(what: str, content: bytes) -> bool:
    left_over = _LEFT_OVER.fullmatch(what)
    if left_over is None:
        return False
    count, marker = int(left_over[1]), int(left_over[2], 16)
    if marker == _END[1]:
        end = content.find(_END, _start_of_scan(content))
        return len(set(content[end - count : end])) == 1
    return 0xE0 <= marker <= 0xEF or marker == 0xFE  # of the header: what cameras write there, and comments
