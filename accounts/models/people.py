"""Who people are."""

from __future__ import annotations

import secrets
from datetime import UTC
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import identifiers
from core import columns
from oversight.encryption import EncryptedTextField, blind_index

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# No 0/O, 1/I/L, 5/S, 2/Z, 8/B, U/V: a code is read out over the phone.
REFERRAL_ALPHABET = "ACDEFGHJKMNPQRTUWXY34679"
REFERRAL_LENGTH = 8
KYC_LEVELS = (0, 3)
VIP_LEVELS = (0, 20)


def new_referral_code() -> str:
    """Draw a referral code: eight unambiguous characters, 10^11 of them."""
    return "".join(secrets.choice(REFERRAL_ALPHABET) for _ in range(REFERRAL_LENGTH))


class UserQuerySet(models.QuerySet["User"]):
    """Questions over people."""

    def lock(self, user_id: UUID) -> User:
        """Lock one person's row until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True).get(pk=user_id)

    def with_index(self, index: bytes) -> UserQuerySet:
        """People whose e-mail address or phone number has this blind index: one or none."""
        return self.filter(Q(email_index=index) | Q(phone_index=index))

    def present(self) -> UserQuerySet:
        """People who are neither blocked nor deleted."""
        return self.filter(blocked_at=None, deleted_at=None)

    def officers(self) -> UserQuerySet:
        """People who may enter the console."""
        return self.present().filter(is_staff=True)


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Makes people; `accounts.services` is what commands call."""

    def create_user(self, *, email: str = "", phone: str = "", password: str | None = None, **fields: Any) -> User:
        """Create a person from identifiers in any writing; without a password nobody can log in.

        Raises InvalidIdentifier, IntegrityError when an identifier is taken.
        """
        user: User = self.model(**fields)
        user.identify(email=email, phone=phone)
        user.set_password(password)
        user.save(using=self._db, force_insert=True)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person: investor, officer or both.

    Names and identifiers are encrypted; `email_index` and `phone_index` (HMAC) make them unique and findable.
    Roles are groups. `is_superuser` exists because Django's mixin has it, and opens nothing.
    """

    id = columns.identifier()
    email = EncryptedTextField(blank=True, default="")
    email_index = models.BinaryField(null=True, editable=False)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    phone = EncryptedTextField(blank=True, default="")
    phone_index = models.BinaryField(null=True, editable=False)
    phone_verified_at = models.DateTimeField(null=True, blank=True)
    first_name = EncryptedTextField(blank=True, default="")
    last_name = EncryptedTextField(blank=True, default="")
    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2")
    time_zone = models.CharField(max_length=64, default="UTC", help_text="a name of the tz database")
    language = models.CharField(max_length=16, default="en", help_text="BCP 47")
    referral_code = models.CharField(max_length=REFERRAL_LENGTH, unique=True, default=new_referral_code)
    referrer = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="referred", editable=False
    )
    kyc_level = models.SmallIntegerField(default=0)
    vip_level = models.SmallIntegerField(default=0)
    access_changed_at = models.DateTimeField(
        null=True, editable=False, help_text="payouts are held for a day from then"
    )
    console_ended_at = models.DateTimeField(
        null=True, editable=False, help_text="whoever was logged in at the console before isn't any more"
    )
    is_staff = models.BooleanField("may enter the console", default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    blocked_at = models.DateTimeField(null=True, blank=True)
    blocked_by = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "referral_code"  # the name for logs and page titles: it says nothing about the person
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("see_identifiers", "Can see e-mail addresses and phone numbers in full"),
            ("request_role", "Can ask for a role to be granted or taken"),
            ("approve_role", "Can approve a role"),
            ("request_kyc_level", "Can ask for a KYC level to be set"),
            ("approve_kyc_level", "Can approve a KYC level"),
            ("request_block", "Can ask for a person to be blocked or unblocked"),
            ("approve_block", "Can approve that a person is blocked or unblocked"),
            ("block_user", "Can block an investor at once"),
            ("request_reset_of_factors", "Can ask for somebody's second factors to be taken away"),
            ("approve_reset_of_factors", "Can approve that second factors are taken away"),
            ("request_deletion", "Can ask for a person to be deleted or restored"),
            ("approve_deletion", "Can approve that a person is deleted or restored"),
            ("revoke_session", "Can end a person's sessions"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["email_index"], name="accounts_user_one_per_email"),
            models.UniqueConstraint(fields=["phone_index"], name="accounts_user_one_per_phone"),
            models.CheckConstraint(
                condition=Q(email_index__isnull=False) | Q(phone_index__isnull=False) | Q(deleted_at__isnull=False),
                name="accounts_user_can_be_reached",
            ),
            models.CheckConstraint(
                condition=Q(kyc_level__gte=KYC_LEVELS[0], kyc_level__lte=KYC_LEVELS[1]),
                name="accounts_user_kyc_level_range",
            ),
            models.CheckConstraint(
                condition=Q(vip_level__gte=VIP_LEVELS[0], vip_level__lte=VIP_LEVELS[1]),
                name="accounts_user_vip_level_range",
            ),
            models.CheckConstraint(condition=~Q(referrer=F("id")), name="accounts_user_not_own_referrer"),
            models.CheckConstraint(
                condition=Q(blocked_by__isnull=True) | Q(blocked_at__isnull=False) & ~Q(blocked_by=F("id")),
                name="accounts_user_blocked_by_another",
            ),
            models.CheckConstraint(condition=Q(country__regex=r"^[A-Z]{2}$"), name="accounts_user_country_code"),
            models.CheckConstraint(
                condition=Q(referral_code__regex=rf"^[{REFERRAL_ALPHABET}]{{{REFERRAL_LENGTH}}}$"),
                name="accounts_user_referral_code_alphabet",
            ),
        ]

    def __str__(self) -> str:
        """An officer's name, since colleagues answer for what they did; of anybody else the referral code."""
        return (self.is_staff and self.get_full_name()) or self.referral_code

    def identify(self, *, email: str = "", phone: str = "") -> None:
        """Set the identifiers, normalised, with their indexes; an empty one is taken away.

        Raises InvalidIdentifier.
        """
        self.email = identifiers.normalise_email(email) if email else ""
        self.email_index = blind_index(self.email) if email else None
        self.phone = identifiers.normalise_phone(phone, region=self.country or identifiers.HOME_REGION) if phone else ""
        self.phone_index = blind_index(self.phone) if phone else None

    def check_password(self, raw_password: str | None) -> bool:
        """Answer whether this is the password. One that is hashed by older settings is hashed anew.

        Django's own would write over a password that came meanwhile, and bring the old one back.
        """

        def hash_anew(password: str) -> None:
            encoded = make_password(password)
            if type(self).objects.filter(pk=self.pk, password=self.password).update(password=encoded):
                self.password = encoded

        return check_password(raw_password, self.password, hash_anew)

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """Neither blocked nor deleted."""
        return not self.is_blocked and self.deleted_at is None

    @property
    def is_blocked(self) -> bool:
        return self.blocked_at is not None

    def get_session_auth_hash(self) -> str:
        """What Django keeps in a session of the console and compares: of the password, and of the end of them all."""
        return self._with_end(super().get_session_auth_hash(), key=settings.SECRET_KEY)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same by each key of before: a session that was opened with one stays open, if it wasn't ended."""
        of_password = super().get_session_auth_fallback_hash()
        for key, found in zip(settings.SECRET_KEY_FALLBACKS, of_password, strict=True):
            yield self._with_end(found, key=key)

    def _with_end(self, of_password: str, *, key: str | bytes) -> str:
        if self.console_ended_at is None:
            return of_password
        ended = self.console_ended_at.astimezone(UTC).isoformat()
        return salted_hmac("accounts.console", f"{of_password} {ended}", secret=key, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def get_short_name(self) -> str:
        return self.first_name or self.referral_code

    @property
    def masked_email(self) -> str:
        return identifiers.mask(self.email)

    @property
    def masked_phone(self) -> str:
        return identifiers.mask(self.phone)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Answer from roles alone: no super-user, and nothing for the blocked and the deleted."""
        return perm in self.get_all_permissions(obj)

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        return self.get_all_permissions(obj).issuperset(perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return any(permission.startswith(f"{app_label}.") for permission in self.get_all_permissions())
