"""Ciphertext is bound to where it stands, keys rotate, and nothing that can't be decrypted comes back."""

from __future__ import annotations

import base64
import secrets

import pytest
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.management import call_command
from django.db import connection

from oversight import encryption
from oversight.encryption import DecryptionFailed, blind_index, open_for, seal, seal_for, unseal
from oversight.models import PersonErased, PersonKey
from oversight.tests.conftest import NOW

ONE, TWO = secrets.token_bytes(32), secrets.token_bytes(32)


def text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


class TestSealing:
    def test_there_and_back(self):
        assert unseal((ONE,), seal(ONE, b"plain", context="a"), context="a") == b"plain"

    def test_twice_the_same_is_never_the_same(self):
        assert seal(ONE, b"plain", context="a") != seal(ONE, b"plain", context="a")

    def test_elsewhere_it_opens_nothing(self):
        with pytest.raises(DecryptionFailed, match="moved"):
            unseal((ONE,), seal(ONE, b"plain", context="a"), context="b")

    @pytest.mark.parametrize("place", range(0, 40, 3))
    def test_a_changed_byte_opens_nothing(self, place):
        sealed = bytearray(seal(ONE, b"a plain text", context="a"))
        sealed[place] ^= 1
        with pytest.raises(DecryptionFailed):
            unseal((ONE,), bytes(sealed), context="a")

    @pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 10, b"plain text"])
    def test_what_was_never_sealed_opens_nothing(self, sealed):
        with pytest.raises(DecryptionFailed):
            unseal((ONE,), sealed, context="a")

    def test_an_older_key_still_opens_and_the_first_one_seals(self, settings):
        settings.FIELD_KEYS = [text(ONE)]
        sealed = seal(encryption.master_keys()[0], b"plain", context="a")
        assert not encryption.needs_rotation(sealed)
        settings.FIELD_KEYS = [text(TWO), text(ONE)]
        assert unseal(encryption.master_keys(), sealed, context="a") == b"plain"
        assert encryption.needs_rotation(sealed)
        settings.FIELD_KEYS = [text(TWO)]
        with pytest.raises(DecryptionFailed, match="FIELD_KEYS"):
            unseal(encryption.master_keys(), sealed, context="a")

    @pytest.mark.parametrize("keys", [[], ["short"], ["!" * 44], [text(ONE)[:-4]]])
    def test_keys_that_are_none_stop_everything(self, settings, keys):
        settings.FIELD_KEYS = keys
        with pytest.raises(ImproperlyConfigured):
            encryption.master_keys()


class TestBlindIndex:
    def test_it_is_stable_keyed_and_of_32_bytes(self, settings):
        settings.BLIND_INDEX_KEY = text(ONE)
        index = blind_index("ana@example.com")
        assert (index, len(index)) == (blind_index("ana@example.com"), 32)
        assert index != blind_index("eve@example.com")
        settings.BLIND_INDEX_KEY = text(TWO)
        assert index != blind_index("ana@example.com")


@pytest.mark.django_db
class TestField:
    def stored(self, person) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT first_name FROM accounts_user WHERE id = %s", [person.pk])
            return cursor.fetchone()[0]

    def write(self, person, value: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_user SET first_name = %s WHERE id = %s", [value, person.pk])

    def test_the_database_holds_ciphertext(self, ana):
        assert "Ana" not in self.stored(ana)
        assert type(ana).objects.get(pk=ana.pk).first_name == "Ana"
        assert type(ana).objects.values_list("first_name", flat=True).get(pk=ana.pk) == "Ana"

    def test_unusual_and_long_texts_survive(self, ana):
        for name in ("", "Ω≈ç", "日本語", "x" * 10_000, "a\nb", "😀"):
            type(ana).objects.filter(pk=ana.pk).update(first_name=name)
            assert type(ana).objects.get(pk=ana.pk).first_name == name

    def test_an_empty_text_stays_empty(self, ana):
        type(ana).objects.filter(pk=ana.pk).update(first_name="")
        assert self.stored(ana) == ""

    @pytest.mark.parametrize("column", ["last_name", "email"])
    def test_a_ciphertext_of_another_column_raises(self, ana, column):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {column} FROM accounts_user WHERE id = %s", [ana.pk])
            self.write(ana, cursor.fetchone()[0])
        with pytest.raises(DecryptionFailed):
            type(ana).objects.get(pk=ana.pk)

    @pytest.mark.parametrize("value", ["Ana", "AAAA", "not base64 at all"])
    def test_plain_text_in_the_database_raises_and_is_never_returned(self, ana, value):
        self.write(ana, value)
        with pytest.raises(DecryptionFailed):
            type(ana).objects.get(pk=ana.pk)

    def test_it_cant_be_searched(self, ana):
        for lookup in ("first_name", "first_name__icontains", "first_name__in", "first_name__gt"):
            with pytest.raises(FieldError):
                type(ana).objects.filter(**{lookup: "Ana"}).exists()
        assert type(ana).objects.filter(first_name__isnull=False).exists()


@pytest.mark.django_db
class TestPersonKeys:
    def test_each_person_has_their_own(self, ana, eve):
        sealed = seal_for(ana.pk, b"plain", context="c")
        assert open_for(ana.pk, sealed, context="c") == b"plain"
        for person, context in ((eve, "c"), (ana, "d")):
            with pytest.raises(DecryptionFailed):
                open_for(person.pk, sealed, context=context)

    def test_one_key_a_person_wrapped_by_the_master_key(self, ana):
        seal_for(ana.pk, b"a")
        seal_for(ana.pk, b"b")
        assert PersonKey.objects.count() == 1
        assert len(bytes(PersonKey.objects.get().wrapped)) == 1 + 4 + 12 + 32 + 16

    def test_a_wrapped_key_opens_for_nobody_else(self, ana, eve):
        seal_for(ana.pk, b"a")
        seal_for(eve.pk, b"a")
        stolen = PersonKey.objects.get(pk=ana.pk).wrapped
        PersonKey.objects.filter(pk=eve.pk).update(wrapped=stolen)
        with pytest.raises(DecryptionFailed):
            seal_for(eve.pk, b"x")

    def test_without_the_key_the_data_is_gone_for_good(self, ana):
        sealed = seal_for(ana.pk, b"plain")
        PersonKey.objects.filter(pk=ana.pk).update(wrapped=None, destroyed_at=NOW)
        with pytest.raises(PersonErased):
            open_for(ana.pk, sealed)
        with pytest.raises(PersonErased):
            seal_for(ana.pk, b"more")

    def test_keys_are_wrapped_anew_when_the_master_key_changes(self, ana, eve, settings, capsys):
        old = settings.FIELD_KEYS
        sealed = seal_for(ana.pk, b"plain")
        seal_for(eve.pk, b"plain")
        settings.FIELD_KEYS = [text(TWO), *old]
        call_command("rotate_keys")
        assert "2 keys of persons wrapped anew" in capsys.readouterr().out
        call_command("rotate_keys")
        assert "0 keys of persons wrapped anew" in capsys.readouterr().out
        settings.FIELD_KEYS = [text(TWO)]
        assert open_for(ana.pk, sealed) == b"plain"
        assert type(ana).objects.get(pk=ana.pk).first_name == "Ana", "the fields were encrypted anew, too"
