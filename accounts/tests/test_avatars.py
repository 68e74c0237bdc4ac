"""Pictures of people: whatever is sent, what is kept is a small square that we drew, sealed with their own key."""

from __future__ import annotations

import io
import json
import random
import struct
import time
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo
from rest_framework.test import APIClient

from accounts import pictures, services
from accounts.api.avatars import PictureParser
from accounts.errors import PictureTooLarge
from accounts.models import Avatar, User
from accounts.services import avatars
from oversight.models import AuditEvent, PersonKey
from tests.people import PASSWORD, make_investor

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PATH = "/api/v1/users/me/avatar"
UPLOADS = Path(__file__).parent / "data/uploads"
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def flag(size=(300, 200), mode="RGB") -> Image.Image:
    """Red above, blue below, so that one sees which side is up."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (0, size[1] // 2, size[0], size[1]))
    return image.convert(mode)


def written(image: Image.Image, kind: str = "PNG", **more) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def drawn(raw: bytes) -> Image.Image:
    """What is kept of it."""
    image = Image.open(io.BytesIO(pictures.redraw(raw)))
    image.load()
    assert (image.format, image.mode) == ("WEBP", "RGB")
    return image


def is_near(pixel: tuple[int, ...], colour: tuple[int, ...]) -> bool:
    return all(abs(one - other) < 24 for one, other in zip(pixel, colour, strict=True))


def colours(image: Image.Image) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of a point high up and of one far down."""
    middle, bottom = image.width // 2, image.height
    return image.getpixel((middle, bottom // 8)), image.getpixel((middle, bottom - 1 - bottom // 8))


def refused(raw: bytes) -> str:
    with pytest.raises(pictures.NoPicture) as error:
        pictures.redraw(raw)
    return str(error.value)


class Stream(io.BytesIO):
    """A request's body."""

    META: dict[str, str] = {}


class TestRedrawn:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_is_a_square_of_the_middle(self, kind):
        image = drawn(written(flag((900, 700)), kind))
        assert image.size == (512, 512)
        above, below = colours(image)
        assert is_near(above, RED) and is_near(below, BLUE)

    @pytest.mark.parametrize(("size", "side"), [((300, 200), 200), ((1, 1), 1), ((12000, 1), 1), ((513, 2000), 512)])
    def test_is_never_made_larger(self, size, side):
        assert drawn(written(flag(size))).size == (side, side)

    @pytest.mark.parametrize(("orientation", "expected"), [(1, (RED, BLUE)), (3, (BLUE, RED)), (4, (BLUE, RED))])
    def test_stands_upright(self, orientation, expected):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for kind in ("JPEG", "WEBP", "PNG"):
            seen = colours(drawn(written(flag((2400, 1800)), kind, exif=exif)))
            assert is_near(seen[0], expected[0]) and is_near(seen[1], expected[1])

    def test_lies_on_its_side_no_more(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        image = drawn(written(flag((300, 300)), "JPEG", exif=exif))
        assert is_near(image.getpixel((280, 150)), RED) and is_near(image.getpixel((20, 150)), BLUE)

    def test_says_nothing_but_its_pixels(self):
        """Where it was taken, by what, what was written into it and behind it: none of it is left."""
        exif, text = Image.Exif(), PngInfo()
        exif[0x010E], exif[0x0110] = "Ana at home", "A phone"
        exif.get_ifd(0x8825)[1] = "N"
        text.add_text("Comment", "Ana at home")
        for raw in (
            written(flag(), "JPEG", exif=exif, comment=b"Ana at home", icc_profile=b"Ana at home" * 9),
            written(flag(), "WEBP", exif=exif, xmp=b"<x>Ana at home</x>", icc_profile=b"Ana at home" * 9),
            written(flag(), "PNG", exif=exif, pnginfo=text),
        ):
            kept = pictures.redraw(raw + b"<script>Ana at home</script>")
            assert b"Ana" in raw and b"Ana" not in kept and b"script" not in kept
            info = Image.open(io.BytesIO(kept)).info
            assert not {"exif", "icc_profile", "xmp"} & set(info)
            assert [kept[:4], kept[8:15]] == [b"RIFF", b"WEBPVP8"] and kept[15:16] == b" "  # without extensions

    @pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "I;16", "YCbCr"])
    def test_of_any_kind_of_pixels(self, mode):
        image, kind = flag(), "JPEG" if mode in {"CMYK", "YCbCr"} else "PNG"
        if mode == "I;16":
            image = Image.new("I;16", (300, 200), 65535)
            image.paste(0, (0, 100, 300, 200))
            above, below = colours(drawn(written(image)))
            assert is_near(above, WHITE) and is_near(below, (0, 0, 0))
            return
        above, below = colours(drawn(written(image.convert(mode), kind)))
        if mode in {"L", "LA"}:
            assert is_near(above, (76,) * 3) and is_near(below, (29,) * 3)
        elif mode != "1":
            assert is_near(above, RED) and is_near(below, BLUE)

    def test_of_sixteen_bits_a_middling_grey_stays_one(self):
        assert is_near(drawn(written(Image.new("I;16", (50, 50), 128 * 257))).getpixel((25, 25)), (128,) * 3)

    @pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "RGB"])
    def test_what_can_be_seen_through_is_white(self, mode):
        if mode == "RGBA":
            raw = written(Image.new("RGBA", (50, 50), (0, 0, 0, 0)))
        elif mode == "LA":
            raw = written(Image.new("LA", (50, 50), (0, 0)))
        elif mode == "P":
            raw = written(Image.new("P", (50, 50), 0), transparency=0)
        else:
            raw = written(Image.new("RGB", (50, 50), (0, 0, 0)), transparency=(0, 0, 0))
        assert is_near(drawn(raw).getpixel((25, 25)), WHITE)

    @pytest.mark.parametrize("kind", ["PNG", "WEBP"])
    def test_of_several_frames_is_the_first(self, kind):
        first, others = Image.new("RGB", (60, 60), GREEN), [Image.new("RGB", (60, 60), RED)] * 3
        raw = written(first, kind, save_all=True, append_images=others, duration=50, loop=0)
        image = drawn(raw)
        assert getattr(image, "n_frames", 1) == 1
        assert is_near(image.getpixel((30, 30)), GREEN)

    def test_a_huge_photo_is_read_no_finer_than_needed(self):
        before = time.perf_counter()
        assert drawn(written(flag((5000, 5000)), "JPEG")).size == (512, 512)
        assert time.perf_counter() - before < 5


class TestRefused:
    @pytest.mark.parametrize("file", [path.name for path in sorted(UPLOADS.iterdir())])
    def test_every_hostile_file(self, file):
        before = time.perf_counter()
        refused((UPLOADS / file).read_bytes())
        assert time.perf_counter() - before < 1

    def test_names_of_files_dont_matter(self):
        """None is taken: a picture has no name here."""
        names = [case["filename"] for case in json.loads((UPLOADS / "filenames.json").read_text())]
        assert len(names) == 15

    def test_too_many_pixels_before_they_are_read(self, monkeypatch):
        sizes = (((3163, 3162), "PNG"), ((3163, 3162), "WEBP"), ((5001, 5000), "JPEG"), ((12001, 1), "PNG"))
        sent = [written(flag(size), kind) for size, kind in sizes]
        monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: 1 / 0)
        for raw in sent:
            assert "million pixels" in refused(raw)
        assert "broken off" in refused(written(flag()))  # This one is read.

    def test_a_header_that_promises_more_than_there_is(self):
        raw = bytearray(written(flag((100, 100))))
        raw[16:24] = struct.pack(">II", 3000, 3000)
        raw[29:33] = struct.pack(">I", zlib.crc32(raw[12:29]))
        assert "broken off" in refused(bytes(raw))

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_broken_off(self, kind):
        noise = Image.frombytes("RGB", (64, 64), random.Random(1).randbytes(64 * 64 * 3))  # noqa: S311
        raw = written(noise, kind)
        for part in range(1, 10):
            refused(raw[: len(raw) * part // 10])

    def test_of_scrambled_bytes_nothing_else_is_raised(self):
        """Each outcome is a picture or a refusal, whatever the decoder thinks of it."""
        chance = random.Random(7)  # noqa: S311
        outcomes = set()
        for kind in ("JPEG", "PNG", "WEBP"):
            raw = written(flag((64, 64)), kind, exif=Image.Exif())
            for _ in range(150):
                scrambled = bytearray(raw)
                for _ in range(chance.randint(1, 8)):
                    scrambled[chance.randrange(len(raw))] = chance.randrange(256)
                try:
                    outcomes.add(pictures.redraw(bytes(scrambled))[:4])
                except pictures.NoPicture:
                    outcomes.add("refused")
        assert outcomes == {b"RIFF", "refused"}

    def test_a_photo_of_hundreds_of_scans_before_any_is_read(self, monkeypatch):
        """Each scan of a progressive photo goes over all its pixels: a small file of many would take minutes."""
        raw = written(flag(), "JPEG", progressive=True)
        start, end = raw.rindex(b"\xff\xda"), raw.rindex(b"\xff\xd9")
        assert drawn(raw[:end] + raw[start:end] * 20 + raw[end:]).size == (200, 200)
        monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: 1 / 0)
        assert "scans" in refused(raw[:end] + raw[start:end] * 101 + raw[end:])

    def test_what_looks_like_scans_in_another_kind_is_none(self):
        info = PngInfo()
        info.add(b"prVt", b"\xff\xda" * 200)
        assert drawn(written(flag(), pnginfo=info)).size == (200, 200)

    def test_text_that_swells(self):
        info = PngInfo()
        info.add_text("Comment", "x" * 20_000_000, zip=True)
        assert "broken off" in refused(written(flag(), pnginfo=info)) or "no JPEG" in refused(
            written(flag(), pnginfo=info)
        )

    @pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "ICO", "EPS", "PDF", "TGA"])
    def test_other_kinds(self, kind):
        refused(written(flag((64, 64)), kind))

    def test_a_page_that_is_a_picture_too_is_only_the_picture(self):
        raw = written(flag(), "JPEG", comment=b"<html><script>alert(1)</script>")
        assert b"<script>" not in pictures.redraw(raw)


@pytest.mark.django_db
class TestApi:
    @pytest.fixture(autouse=True)
    def clock(self):
        with time_machine.travel(NOW, tick=False) as traveller:
            yield traveller

    @pytest.fixture
    def ana(self) -> User:
        return make_investor("Ana")

    def client(self, person: User) -> APIClient:
        client = APIClient(raise_request_exception=False)
        pair = services.log_in(person.email, PASSWORD, device=services.Device(), now=NOW)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
        return client

    def put(self, client, raw: bytes, kind: str = "image/png", **headers):
        return client.put(PATH, raw, content_type=kind, headers=headers)

    def test_is_shown_to_its_owner_alone(self, ana):
        client, eve = self.client(ana), self.client(make_investor("Eve"))
        assert self.put(client, written(flag())).status_code == 204
        answer = client.get(PATH)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
        assert Image.open(io.BytesIO(answer.content)).size == (200, 200)
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
        varies = {name.strip().lower() for name in answer["Vary"].split(",")}
        assert (answer["Cache-Control"], varies) == ("private, no-cache", {"authorization", "accept", "origin"})
        assert client.get("/api/v1/users/me").json()["avatar_url"] == PATH
        assert eve.get(PATH).status_code == 404
        assert eve.get("/api/v1/users/me").json()["avatar_url"] is None
        assert APIClient().get(PATH).status_code == 401

    def test_is_sent_again_only_when_it_changed(self, ana):
        client = self.client(ana)
        self.put(client, written(flag()))
        etag = client.get(PATH)["ETag"]
        same = client.get(PATH, headers={"If-None-Match": etag})
        assert (same.status_code, same.content, same["ETag"]) == (304, b"", etag)
        self.put(client, written(flag()))
        changed = client.get(PATH, headers={"If-None-Match": etag})
        assert changed.status_code == 200 and changed["ETag"] != etag

    @pytest.mark.parametrize("accept", ["*/*", "image/webp", "image/avif,image/*", "application/json"])
    def test_whatever_a_client_accepts(self, ana, accept):
        client = self.client(ana)
        missing = client.get(PATH, headers={"Accept": accept})
        assert (missing.status_code, missing["Content-Type"]) == (404, "application/problem+json")
        assert missing.json()["code"] == "not-found"
        self.put(client, written(flag()))
        assert client.get(PATH, headers={"Accept": accept})["Content-Type"] == "image/webp"

    def test_stands_sealed_with_its_owners_key(self, ana):
        self.put(self.client(ana), written(flag()))
        row = Avatar.objects.get()
        assert b"WEBP" not in bytes(row.sealed) and row.picture[8:12] == b"WEBP"
        row.user = make_investor("Eve")
        with pytest.raises(Exception, match=r"its key|changed"):
            _ = row.picture

    def test_is_gone_with_its_owners_key(self, ana):
        client = self.client(ana)
        self.put(client, written(flag()))
        PersonKey.objects.filter(pk=ana.pk).update(wrapped=None, destroyed_at=NOW)
        assert client.get(PATH).status_code == 404
        assert self.put(client, written(flag())).json()["code"] == "person-erased"

    def test_is_taken_away_once(self, ana):
        client = self.client(ana)
        self.put(client, written(flag()))
        assert client.delete(PATH).status_code == 204
        assert (client.get(PATH).status_code, client.delete(PATH).status_code) == (404, 404)
        assert not Avatar.objects.exists()
        told = AuditEvent.objects.filter(action__startswith="accounts.avatar").order_by("id")
        assert [event.action for event in told] == ["accounts.avatar_set", "accounts.avatar_removed"]

    @pytest.mark.parametrize("file", [path.name for path in sorted(UPLOADS.iterdir())])
    @pytest.mark.parametrize("kind", ["image/jpeg", "image/svg+xml"])
    def test_every_hostile_file_is_refused_and_changes_nothing(self, ana, file, kind):
        client = self.client(ana)
        self.put(client, written(flag()))
        before = Avatar.objects.values().get()
        answer = self.put(client, (UPLOADS / file).read_bytes(), kind)
        assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
        assert answer.json()["code"] == "picture-refused"
        assert Avatar.objects.values().get() == before

    @pytest.mark.parametrize(
        "kind", ["application/json", "text/html", "multipart/form-data", "application/octet-stream"]
    )
    def test_what_says_that_it_is_no_picture_isnt_read(self, ana, kind):
        answer = self.put(self.client(ana), written(flag()), kind)
        assert (answer.status_code, answer["Content-Type"]) == (415, "application/problem+json")
        assert not Avatar.objects.exists()

    def test_while_another_is_read_for_long_it_says_when_to_try_again(self, ana, monkeypatch):
        client = self.client(ana)
        monkeypatch.setattr(pictures, "PATIENCE_SECONDS", 0.01, raising=False)
        with pictures._one_at_a_time:
            answer = self.put(client, written(flag()))
        assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "pictures-busy", "5")
        assert not Avatar.objects.exists()
        assert self.put(client, written(flag())).status_code == 204

    def test_nothing_at_all(self, ana):
        for raw, kind in ((b"", "image/png"), (b"", "application/json")):
            assert self.put(self.client(ana), raw, kind).json()["code"] == "picture-refused"
        assert not Avatar.objects.exists()

    def test_more_bytes_than_any_picture_has(self, ana, monkeypatch):
        client = self.client(ana)
        monkeypatch.setattr(pictures, "MAXIMUM_BYTES", 2000)
        whole = written(flag())
        assert self.put(client, whole).status_code == 204
        kept = Avatar.objects.values().get()
        for raw, said in ((b"x" * 2001, {}), (whole, {"CONTENT_LENGTH": "2001"})):
            answer = client.generic("PUT", PATH, raw, "image/png", **said)
            assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert Avatar.objects.values().get() == kept

    def test_more_bytes_than_were_announced(self, monkeypatch):
        """A body without a length, as a proxy may pass it on."""
        monkeypatch.setattr(pictures, "MAXIMUM_BYTES", 2000)
        stream = Stream(b"x" * 2001)
        with pytest.raises(PictureTooLarge):
            PictureParser().parse(stream)
        assert stream.tell() == 2001

    def test_is_removed_by_a_name_nobody_chose(self, ana):
        answer = self.put(self.client(ana), written(flag()), **{"Content-Disposition": 'x; filename="../../x.php"'})
        assert answer.status_code == 204
        shown = self.client(ana).get(PATH)
        assert shown["Content-Disposition"] == 'inline; filename="avatar.webp"'


@pytest.mark.django_db(transaction=True)
def test_two_pictures_at_once_leave_one_of_them():
    """The primary key makes the second wait for the first, and then take its place."""
    from tests.races.threads import at_once

    person = make_investor("Ana")
    works = [lambda shade=shade: avatars.keep(person, shade, now=NOW) for shade in (b"one", b"two")]
    assert at_once(works) == [None, None]
    assert Avatar.objects.get().picture in {b"one", b"two"}
