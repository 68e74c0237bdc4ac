from uuid import UUID

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from accounts.models import Session, User, new_referral_code
from accounts.models.people import REFERRAL_ALPHABET
from tests.people import PASSWORD, make_investor, make_officer

pytestmark = pytest.mark.django_db


def test_a_person_has_an_id_in_order_of_time_and_a_readable_referral_code(ana, eve):
    assert ana.pk.version == 7
    assert ana.pk < eve.pk
    assert len(ana.referral_code) == 8
    assert set(ana.referral_code) <= set(REFERRAL_ALPHABET)
    assert ana.referral_code != eve.referral_code


def test_referral_codes_use_no_letters_that_look_alike():
    assert not set("0O1IL5S2Z8BV") & set(REFERRAL_ALPHABET)
    assert len({new_referral_code() for _ in range(1000)}) == 1000


class TestAHashOfOldSettings:
    """The hasher was changed since: whoever gives the password has it hashed anew."""

    @pytest.fixture(autouse=True)
    def hasher(self, ana, settings):
        settings.PASSWORD_HASHERS = [
            "django.contrib.auth.hashers.Argon2PasswordHasher",
            "django.contrib.auth.hashers.MD5PasswordHasher",
        ]

    def test_is_made_anew(self, ana):
        assert ana.password.startswith("md5$")
        assert not ana.check_password("not this one")
        assert ana.check_password(PASSWORD)
        again = User.objects.get(pk=ana.pk)
        assert again.password == ana.password
        assert again.password.startswith("argon2$")

    def test_brings_no_old_password_back(self, ana):
        """Its owner resets it while somebody logs in with the one of before."""
        stale = User.objects.get(pk=ana.pk)
        ana.set_password("another good phrase")
        ana.save(update_fields=["password"])
        assert stale.check_password(PASSWORD)
        assert User.objects.get(pk=ana.pk).password == ana.password


def test_identifiers_and_names_stand_encrypted(ana):
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(u)::text FROM accounts_user u WHERE id = %s", [ana.pk])
        row = cursor.fetchone()[0]
    for secret in ("ana@example.com", "example.com", "Ana", "Houngbo"):
        assert secret not in row
    again = User.objects.get(pk=ana.pk)
    assert (again.email, again.first_name, again.last_name) == ("ana@example.com", "Ana", "Houngbo")


@pytest.mark.parametrize("writing", ["97123456", "+22997123456", "+2290197123456", "٩٧١٢٣٤٥٦"])
def test_one_number_is_one_person_in_any_writing(writing):
    make_investor("Ana", phone="+229 01 97 12 34 56")
    with pytest.raises(IntegrityError, match="accounts_user_one_per_phone"), transaction.atomic():
        make_investor("Eve", phone=writing)
    assert User.objects.count() == 1


def test_one_address_is_one_person_in_any_case(ana):
    with pytest.raises(IntegrityError, match="accounts_user_one_per_email"), transaction.atomic():
        make_investor("Eve", email="ANA@Example.com")
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"kyc_level": 4}, "accounts_user_kyc_level_range"),
        ({"kyc_level": -1}, "accounts_user_kyc_level_range"),
        ({"vip_level": -1}, "accounts_user_vip_level_range"),
        ({"country": "bj"}, "accounts_user_country_code"),
        ({"email_index": None, "phone_index": None}, "accounts_user_can_be_reached"),
    ],
)
def test_the_database_refuses_what_no_person_is(ana, changes, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        User.objects.filter(pk=ana.pk).update(**changes)


def test_nobody_refers_or_blocks_themselves(ana):
    with pytest.raises(IntegrityError, match="accounts_user_not_own_referrer"), transaction.atomic():
        User.objects.create_user(pk=UUID(int=1), referrer_id=UUID(int=1), email="x@example.com", country="BJ")
    with pytest.raises(IntegrityError, match="accounts_user_blocked_by_another"), transaction.atomic():
        User.objects.filter(pk=ana.pk).update(blocked_at=timezone.now(), blocked_by=ana)


@pytest.mark.parametrize(
    "change", ["id = uuidv7()", "referral_code = 'AAAAAAAA'", "referrer_id = NULL", "is_superuser = true"]
)
def test_the_application_may_not_change_what_a_person_was_born_with(ana, change):
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE accounts_user SET {change} WHERE id = %s", [ana.pk])


def test_the_application_deletes_no_person(ana):
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        User.objects.filter(pk=ana.pk)._raw_delete(using="default")


def test_a_superuser_may_nothing():
    ana = make_investor("Ana", is_superuser=True, is_staff=True)
    assert ana.get_all_permissions() == set()
    assert not ana.has_perm("accounts.view_user")
    assert not ana.has_perms(["accounts.view_user"])
    assert not ana.has_module_perms("accounts")


def test_an_officer_may_what_the_role_may_and_loses_it_when_blocked(ada, lin):
    assert ada.has_perm("accounts.request_role")
    assert not ada.has_perm("accounts.request_kyc_level")
    assert ada.has_module_perms("accounts")
    for standing in ("blocked_at", "deleted_at"):
        User.objects.filter(pk=ada.pk).update(blocked_at=None, deleted_at=None)
        User.objects.filter(pk=ada.pk).update(**{standing: timezone.now()})
        gone = User.objects.get(pk=ada.pk)
        assert not gone.is_active
        assert not gone.has_perm("accounts.request_role")
        assert not gone.has_module_perms("accounts")


def test_a_right_given_to_one_person_past_the_roles_is_none(ana):
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        ana.user_permissions.add(Permission.objects.get(codename="request_role"))
    assert not User.objects.get(pk=ana.pk).has_perm("accounts.request_role")


def test_an_investor_needs_no_rights(ana):
    assert ana.get_all_permissions() == set()
    assert not ana.is_staff


def test_roles_have_the_rights_that_the_apps_give_them():
    from accounts import roles

    given = roles.permissions_of_roles()
    assert given["investor"] == set()
    for role, names in given.items():
        permissions = Permission.objects.filter(group=Group.objects.get(name=role)).select_related("content_type")
        assert {f"{p.content_type.app_label}.{p.codename}" for p in permissions} == names
    assert roles.check_role_permissions() == []


def test_a_session_says_why_it_ended(ana):
    now = timezone.now()
    session = Session.objects.create(user=ana, token_hash=b"x", created_at=now, last_used_at=now, expires_at=now)
    with pytest.raises(IntegrityError, match="accounts_session_revoked_for_a_reason"), transaction.atomic():
        Session.objects.filter(pk=session.pk).update(revoked_at=now)


def test_an_officer_is_an_officer(omar):
    assert omar.is_staff
    assert list(User.objects.officers()) == [omar]
    assert make_officer("Lin", "support").has_perm("accounts.view_user")
