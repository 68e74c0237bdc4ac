"""Pictures of people: whatever comes in, what is kept is a small square that we drew ourselves. Knows no Django.

Source: docs/rules/access.md §12.
"""

from __future__ import annotations

import io
import threading
from typing import Final

from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

MAXIMUM_BYTES: Final = 5 * 1024 * 1024
MAXIMUM_PIXELS: Final = 10_000_000
MAXIMUM_PIXELS_OF_JPEG: Final = 25_000_000
"""A JPEG is read no finer than needed; the others are read whole, at up to 20 bytes a pixel."""
MAXIMUM_EDGE: Final = 12_000
EDGE: Final = 512
FORMATS: Final = ("JPEG", "PNG", "WEBP")
MEDIA_TYPE: Final = "image/webp"
WHITE: Final = (255, 255, 255)
_WIDE_MODES: Final = ("I", "I;16", "I;16L", "I;16B", "I;16N")

MAXIMUM_SCANS: Final = 100
"""Of a progressive JPEG: cameras write some ten, and each goes over all pixels once more."""
PATIENCE_SECONDS: Final = 5.0
_JPEG: Final = b"\xff\xd8\xff"
_SCAN: Final = b"\xff\xda"

_one_at_a_time = threading.Lock()
"""A picture takes up to some 220 MB while it is read: a process reads one, however many are sent."""


class NoPicture(ValueError):
    """This is no picture that is taken; the text says why."""


class PicturesWaiting(Exception):
    """Others' pictures are still being read."""


def redraw(raw: bytes) -> bytes:
    """Return a square WebP of a JPEG, PNG or WebP, upright, without anything that stood beside its pixels.

    The kind is that of the content, whatever it is called; of several frames it is the first. Raises NoPicture,
    PicturesWaiting.
    """
    if raw.startswith(_JPEG) and raw.count(_SCAN) > MAXIMUM_SCANS:  # In a JPEG's pixels this pair doesn't occur.
        raise NoPicture(f"It has more than {MAXIMUM_SCANS} scans.")
    if not _one_at_a_time.acquire(timeout=PATIENCE_SECONDS):
        raise PicturesWaiting
    try:
        return _encoded(_square(raw))
    finally:
        _one_at_a_time.release()


def _square(raw: bytes) -> Image.Image:
    # What a decoder raises over hostile bytes is in no list: whatever it is, this is no picture.
    try:
        image = Image.open(io.BytesIO(raw), formats=FORMATS)
    except Exception as error:
        raise NoPicture("It is no JPEG, PNG or WebP, or larger than any picture.") from error
    most = MAXIMUM_PIXELS_OF_JPEG if isinstance(image, JpegImageFile) else MAXIMUM_PIXELS
    if image.width * image.height > most or max(image.size) > MAXIMUM_EDGE:
        raise NoPicture(f"It has more than {most // 10**6} million pixels, or a side over {MAXIMUM_EDGE}.")
    try:
        image.draft("RGB", (2 * EDGE, 2 * EDGE))
        image.load()
        upright = ImageOps.exif_transpose(_smaller(_plain(image)))
        side = min(EDGE, *upright.size)
        return ImageOps.fit(_opaque(upright), (side, side), Image.Resampling.LANCZOS)
    except Exception as error:
        raise NoPicture("It is broken off, or not written as it says.") from error


def _plain(image: Image.Image) -> Image.Image:
    """Return it in RGB, with transparency if it has any; of 16 bits the upper 8 stay."""
    if image.mode in _WIDE_MODES:
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    return image.convert("RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB")


def _smaller(image: Image.Image) -> Image.Image:
    """Average away most of a huge picture before anything else copies it."""
    return image.reduce(max(1, min(image.size) // (2 * EDGE)))


def _opaque(image: Image.Image) -> Image.Image:
    """Return it in RGB; what can be seen through is white."""
    if image.mode != "RGBA":
        return image
    solid = Image.new("RGB", image.size, WHITE)
    solid.paste(image, mask=image.getchannel("A"))
    return solid


def _encoded(square: Image.Image) -> bytes:
    """Write it from a fresh image, which has no profile, no text and no place."""
    drawn, written = Image.new("RGB", square.size), io.BytesIO()
    drawn.paste(square)
    drawn.save(written, "WEBP", quality=80, method=4)
    return written.getvalue()
