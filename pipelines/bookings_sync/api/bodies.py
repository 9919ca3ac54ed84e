"""Decompresses a reply's body piece by piece, and never beyond a limit.

Input:  the Content-Encoding header, the body's bytes as they arrive, and the most bytes that any step may yield.
Output: the body's bytes, decompressed. `Beyond` at the limit, `Undecodable` if the bytes are not what the header says.

httpx decompresses each chunk whole: 830 bytes that are compressed twice take a gigabyte before their size is known.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

_PIECE = 1 << 18
"""Most bytes that one step yields at a time."""

_MOST_STEPS = 4
"""Encodings that one body may have. Servers use one; a proxy may add a second."""

_UNSUPPORTED = frozenset({"br", "zstd", "compress", "x-compress"})
"""Encodings that no request asks for. Other unknown names, such as `utf-8`, are mistakes of servers: no step."""


class _Bodies(threading.local):
    largest = 0
    """Bytes of the largest body that this thread has read. Callers set it back."""


BODIES = _Bodies()


class Beyond(Exception):  # noqa: N818 - not an error yet: the caller knows the limit's name
    """The body is larger than the limit, at some step of its decompression."""


class Undecodable(Exception):  # noqa: N818 - the caller names the request
    """The body cannot be decompressed. The message is safe to log."""


class _Decompressor(Protocol):
    """What zlib's decompression objects have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


def decompressed(pieces: Iterable[bytes], encodings: str, limit: int) -> Iterator[bytes]:
    """The body in pieces. `encodings` is the Content-Encoding header, in the order in which they were applied."""
    names = [name for each in encodings.split(",") if (name := each.strip().lower()) not in ("", "identity")]
    pieces = _within(pieces, limit)
    if len(names) > _MOST_STEPS:
        raise Undecodable(f"the body has {len(names)} content encodings, and at most {_MOST_STEPS} are accepted")
    for name in reversed(names):
        if name in _UNSUPPORTED:
            raise Undecodable(f"the body has the content encoding {name}, which was not asked for")
        if name in ("gzip", "x-gzip", "deflate"):
            pieces = _within(_inflated(pieces, is_gzip=name != "deflate"), limit)
    return iter(pieces)


def _within(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise Beyond
        yield piece


def _inflated(pieces: Iterable[bytes], *, is_gzip: bool) -> Iterator[bytes]:
    """Decompresses gzip, with any number of members, or deflate. An empty body stays empty."""
    decompressor: _Decompressor | None = None
    start = b""
    for piece in pieces:
        data = start + piece
        if decompressor is None and not is_gzip and len(data) < 2:
            start = data  # the first two bytes tell the two forms of deflate apart
            yield b""
            continue
        start = b""
        while data:
            if decompressor is None:
                decompressor = zlib.decompressobj(_window_bits(data, is_gzip=is_gzip))
            elif decompressor.eof:
                if not is_gzip or data[:1] != b"\x1f":
                    break  # padding behind the last member
                decompressor = zlib.decompressobj(_window_bits(data, is_gzip=True))
            try:
                out = decompressor.decompress(data, _PIECE)
            except zlib.error:
                raise Undecodable("the body cannot be decompressed") from None
            data = decompressor.unused_data if decompressor.eof else decompressor.unconsumed_tail
            yield out
        yield b""  # so that the caller can look at its clock although nothing came out
    if start or (decompressor is not None and not decompressor.eof):
        raise Undecodable("the compressed body was cut short")


def _window_bits(data: bytes, *, is_gzip: bool) -> int:
    if is_gzip:
        return zlib.MAX_WBITS | 16
    # RFC 9110 means zlib's format by "deflate". Some servers send the bare format of that name.
    has_zlib_header = data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if has_zlib_header else -zlib.MAX_WBITS
