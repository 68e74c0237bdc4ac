import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail

from accounts import rules, services, tokens
from accounts.errors import (
    AccountBlocked,
    LockedOut,
    NameIsVerified,
    ResetTokenRefused,
    TokenRefused,
    UnknownReferralCode,
    WrongCredentials,
    WrongPassword,
)
from accounts.models import LoginFailure, PasswordResetToken, Session, User
from accounts.services import people
from notifications.models import Notification
from oversight import audit, trace
from oversight.encryption import blind_index
from oversight.models import AuditEvent
from tests.people import PASSWORD, make_investor

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DEVICE = services.Device(user_agent="Ana's phone", ip="192.0.2.7")
ANA = {
    "email": "Ana@Example.com",
    "phone": "97123456",
    "password": PASSWORD,
    "first_name": "Ana",
    "last_name": "Houngbo",
    "country": "BJ",
}


@pytest.fixture(autouse=True)
def clock():
    """Signed tokens expire by the clock."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


def log_in(identifier: str = "ana@example.com", password: str = PASSWORD, now: datetime = NOW) -> tokens.TokenPair:
    return services.log_in(identifier, password, device=DEVICE, now=now)


def guess(identifier: str, times: int, now: datetime = NOW) -> None:
    for _ in range(times):
        with pytest.raises(WrongCredentials):
            log_in(identifier, "wrong", now)


@pytest.mark.django_db(transaction=True)
class TestSignUp:
    def test_makes_an_investor_with_normalised_identifiers(self):
        services.sign_up(**ANA, now=NOW)
        ana = User.objects.get()
        assert (ana.email, ana.phone, ana.first_name, ana.country) == ("ana@example.com", "+2290197123456", "Ana", "BJ")
        assert [group.name for group in ana.groups.all()] == ["investor"]
        assert (ana.kyc_level, ana.vip_level, ana.is_staff, ana.referrer, ana.created_at) == (0, 0, False, None, NOW)
        assert ana.check_password(PASSWORD)
        assert actions() == ["accounts.signed_up"]
        assert [m.subject for m in mail.outbox] == ["Welcome to Fiducia", "Is this address yours?"]
        assert mail.outbox[0].to == ["ana@example.com"]

    def test_with_a_referral_code_remembers_who_sent_them(self):
        eve = make_investor("Eve")
        services.sign_up(**ANA, referral_code=eve.referral_code, now=NOW)
        assert User.objects.get(first_name__isnull=False, referrer=eve).email == "ana@example.com"

    def test_with_a_code_that_nobody_has_is_refused(self):
        with pytest.raises(UnknownReferralCode):
            services.sign_up(**ANA, referral_code="AAAAAAAA", now=NOW)
        assert User.objects.count() == 0

    @pytest.mark.parametrize(
        "same",
        [
            {"email": "ANA@EXAMPLE.COM", "phone": ""},
            {"email": "", "phone": "+22997123456"},
            {"email": "new@example.com", "phone": "+2290197123456"},
        ],
    )
    def test_of_somebody_known_changes_nothing_and_writes_to_them_alone(self, same):
        services.sign_up(**ANA, now=NOW)
        mail.outbox.clear()
        before = User.objects.values().get()
        assert services.sign_up(**(ANA | same | {"password": "another good password"}), now=NOW) is None
        assert User.objects.values().get() == before
        assert [(m.subject, m.to) for m in mail.outbox] == [
            ("Somebody tried to sign up with your address", ["ana@example.com"])
        ]
        assert actions() == ["accounts.signed_up"]

    def test_draws_another_referral_code_when_one_is_taken(self, monkeypatch):
        eve = make_investor("Eve")
        codes = iter(["ACDEFGHJ"])
        monkeypatch.setattr(people, "new_referral_code", lambda: next(codes))
        monkeypatch.setattr(User._meta.get_field("referral_code"), "default", eve.referral_code)
        monkeypatch.delitem(User._meta.get_field("referral_code").__dict__, "_get_default", raising=False)
        services.sign_up(**ANA, now=NOW)
        assert User.objects.exclude(pk=eve.pk).get().referral_code == "ACDEFGHJ"


class TestLogIn:
    @pytest.mark.parametrize(
        "identifier",
        ["ana@example.com", " ANA@example.com ", "97123456", "+22997123456", "+2290197123456", "٩٧١٢٣٤٥٦"],
    )
    def test_by_any_writing_of_either_identifier(self, identifier):
        ana = make_investor("Ana", phone="+2290197123456")
        pair = log_in(identifier)
        session = Session.objects.get()
        assert (session.user, session.user_agent, session.ip) == (ana, "Ana's phone", "192.0.2.7")
        assert bytes(session.token_hash) == tokens.digest(pair.refresh)
        assert pair.refresh.encode() not in bytes(session.token_hash)
        assert tokens.read(pair.access, tokens.ACCESS) == tokens.Claims(session.pk, ana.pk)
        assert User.objects.get().last_login == NOW
        assert actions() == ["accounts.logged_in"]

    def test_refuses_a_wrong_password_and_an_unknown_identifier_in_the_same_words(self, ana):
        refusals = []
        for identifier in ("ana@example.com", "nobody@example.com", "+2290197000000", "neither"):
            with pytest.raises(WrongCredentials) as refusal:
                log_in(identifier, "wrong")
            refusals.append((str(refusal.value), refusal.value.facts))
        assert len({str(said) for said in refusals}) == 1
        assert Session.objects.count() == 0

    def test_costs_one_hash_for_the_known_and_the_unknown(self, ana, monkeypatch):
        from django.contrib.auth.hashers import MD5PasswordHasher

        hashes = []
        encode = MD5PasswordHasher.encode

        def counted(*args, **kwargs):
            hashes.append(1)
            return encode(*args, **kwargs)

        monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
        costs = []
        for identifier in ("ana@example.com", "nobody@example.com", "neither"):
            hashes.clear()
            with pytest.raises(WrongCredentials):
                log_in(identifier, "wrong")
            costs.append(len(hashes))
        assert costs == [1, 1, 1]

    @pytest.mark.parametrize("identifier", ["ana@example.com", "nobody@example.com", "neither"])
    def test_locks_after_five_wrong_passwords_known_or_not(self, ana, identifier):
        guess(identifier, 5)
        with pytest.raises(LockedOut) as refusal:
            log_in(identifier, PASSWORD)
        assert refusal.value.facts == {"retry_after": 900}
        assert LoginFailure.objects.get().locked_until == NOW + timedelta(minutes=15)
        assert Session.objects.count() == 0

    def test_after_the_lock_the_right_password_opens_and_forgets(self, ana):
        guess("ana@example.com", 5)
        log_in(now=NOW + timedelta(minutes=15))
        assert LoginFailure.objects.count() == 0

    def test_after_the_lock_there_are_five_more_attempts(self, ana):
        guess("ana@example.com", 5)
        later = NOW + timedelta(minutes=15)
        guess("ana@example.com", 5, later)
        with pytest.raises(LockedOut):
            log_in(now=later)

    def test_a_right_password_forgets_the_wrong_ones_before(self, ana):
        guess("ana@example.com", 4)
        log_in()
        assert LoginFailure.objects.count() == 0
        guess("ana@example.com", 4)
        assert LoginFailure.objects.get().failures == 4
        log_in()
        assert Session.objects.count() == 2

    def test_wrong_passwords_long_ago_do_not_count(self, ana):
        guess("ana@example.com", 4)
        guess("ana@example.com", 4, NOW + timedelta(minutes=16))
        assert LoginFailure.objects.get().failures == 4
        log_in(now=NOW + timedelta(minutes=17))
        assert Session.objects.count() == 1

    def test_guesses_from_elsewhere_never_lock_a_known_address(self, ana):
        home, elsewhere = (trace.Trace(ip=ip) for ip in ("192.0.2.1", "198.51.100.7"))
        with trace.following(home):
            log_in()
        for minute in (1, 20, 40):
            with trace.following(elsewhere):
                guess("ana@example.com", 5, NOW + timedelta(minutes=minute))
            with trace.following(home):
                log_in(now=NOW + timedelta(minutes=minute))
            with trace.following(elsewhere), pytest.raises(LockedOut):
                log_in(now=NOW + timedelta(minutes=minute))

    def test_nor_a_known_network(self, ana):
        """A phone gets another address of its provider; whoever guesses from that network locks it, and it alone."""
        home, near, elsewhere = (trace.Trace(ip=ip) for ip in ("41.85.160.7", "41.85.3.9", "198.51.100.7"))
        with trace.following(home):
            log_in()
        with trace.following(elsewhere):
            guess("ana@example.com", 5)
        with trace.following(near):
            log_in()
            guess("ana@example.com", 5, NOW + timedelta(days=29))
        with trace.following(trace.Trace(ip="41.85.77.1")):
            guess("ana@example.com", 5, NOW + timedelta(days=29))
            with pytest.raises(LockedOut):
                log_in(now=NOW + timedelta(days=29))
        with trace.following(home):
            log_in(now=NOW + timedelta(days=29))

    @pytest.mark.parametrize(
        ("home", "near", "far"),
        [("2001:db8:1::7", "2001:db8:ffff::9", "2001:db9::7"), ("41.85.160.7", "41.85.0.1", "41.86.160.7")],
    )
    def test_a_network_is_the_first_bits_of_an_address(self, ana, home, near, far):
        with trace.following(trace.Trace(ip=home)):
            log_in()
        guess("ana@example.com", 5)
        with trace.following(trace.Trace(ip=near)):
            log_in()
        with trace.following(trace.Trace(ip=far)), pytest.raises(LockedOut):
            log_in()

    def test_who_sets_a_password_by_mail_comes_in_from_there_whoever_guesses(self, ana):
        """The reset lifts the lock, and guesses put it back at once: not at the address that the link was used from."""
        services.request_reset(blind_index("ana@example.com"), now=NOW)
        link = re.search(r"^[\w-]{40,}$", mail.outbox[0].body, re.MULTILINE).group()
        away = trace.Trace(ip="102.64.1.1")
        with trace.following(away):
            services.confirm_reset(link, new="a brand new secret", now=NOW)
        guess("ana@example.com", 5)
        with trace.following(away):
            log_in(password="a brand new secret")

    def test_a_known_address_is_locked_by_its_own_guesses(self, ana):
        with trace.following(trace.Trace(ip="192.0.2.1")):
            log_in()
            guess("ana@example.com", 5)
            with pytest.raises(LockedOut):
                log_in()
        with trace.following(trace.Trace(ip="198.51.100.7")):
            log_in()

    def test_an_address_is_known_to_its_person_alone_and_for_thirty_days(self, ana, eve):
        with trace.following(trace.Trace(ip="192.0.2.1")):
            log_in("eve@example.com")
        guess("ana@example.com", 5)
        guess("eve@example.com", 5, NOW + timedelta(days=31))
        with trace.following(trace.Trace(ip="192.0.2.1")):
            for identifier, now in (("ana@example.com", NOW), ("eve@example.com", NOW + timedelta(days=31))):
                with pytest.raises(LockedOut):
                    log_in(identifier, now=now)

    def test_one_writing_locks_all_writings(self):
        make_investor("Ana", phone="+2290197123456")
        for writing in ("97123456", "+22997123456", "+2290197123456", "٩٧١٢٣٤٥٦", "0197123456"):
            guess(writing, 1)
        with pytest.raises(LockedOut):
            log_in("tel:+2290197123456")

    def test_a_blocked_person_hears_so_only_with_the_right_password(self, ana, eve):
        User.objects.filter(pk=ana.pk).update(blocked_at=NOW)
        with pytest.raises(WrongCredentials):
            log_in(password="wrong")
        with pytest.raises(AccountBlocked):
            log_in()
        assert Session.objects.count() == 0

    def test_a_deleted_person_is_unknown(self, ana):
        User.objects.filter(pk=ana.pk).update(deleted_at=NOW)
        with pytest.raises(WrongCredentials):
            log_in()

    def test_a_password_that_changed_meanwhile_opens_nothing(self, ana):
        from accounts.services import login

        User.objects.filter(pk=ana.pk).update(password="another")
        with pytest.raises(WrongCredentials):
            login.open_session(ana, device=DEVICE, now=NOW)
        assert Session.objects.count() == 0


class TestRefresh:
    def test_gives_a_new_pair_of_the_same_family(self, ana, clock):
        first = log_in()
        clock.shift(timedelta(minutes=1))
        second = services.refresh(first.refresh, now=NOW + timedelta(minutes=1))
        session = Session.objects.get()
        assert second.refresh != first.refresh
        assert bytes(session.token_hash) == tokens.digest(second.refresh)
        assert (session.created_at, session.last_used_at) == (NOW, NOW + timedelta(minutes=1))
        assert session.expires_at == NOW + timedelta(minutes=1, days=30)
        services.refresh(second.refresh, now=NOW + timedelta(minutes=2))

    def test_an_old_token_ends_the_family_with_its_newest_token(self, ana):
        first = log_in()
        second = services.refresh(first.refresh, now=NOW)
        with pytest.raises(TokenRefused):
            services.refresh(first.refresh, now=NOW)
        session = Session.objects.get()
        assert (session.revoked_at, session.revoke_reason) == (NOW, "reused")
        with pytest.raises(TokenRefused):
            services.refresh(second.refresh, now=NOW)
        assert actions() == ["accounts.logged_in", "accounts.refresh_token_reused"]
        told = Notification.objects.get(kind="token_reused")
        assert (told.user, told.facts) == (ana, {"session": str(session.pk)})

    def test_an_old_token_ends_only_its_own_family(self, ana):
        stolen, other = log_in(), log_in()
        services.refresh(stolen.refresh, now=NOW)
        with pytest.raises(TokenRefused):
            services.refresh(stolen.refresh, now=NOW)
        services.refresh(other.refresh, now=NOW)

    def test_is_refused_after_thirty_days_unused(self, ana, clock):
        pair = log_in()
        clock.shift(timedelta(days=30))
        with pytest.raises(TokenRefused):
            services.refresh(pair.refresh, now=NOW + timedelta(days=30))

    def test_is_refused_to_the_blocked(self, ana):
        pair = log_in()
        User.objects.filter(pk=ana.pk).update(blocked_at=NOW)
        with pytest.raises(TokenRefused):
            services.refresh(pair.refresh, now=NOW)

    def test_an_access_token_refreshes_nothing(self, ana):
        pair = log_in()
        with pytest.raises(TokenRefused):
            services.refresh(pair.access, now=NOW)
        services.refresh(pair.refresh, now=NOW)


class TestLogOut:
    def test_ends_the_family_once_and_says_so_twice(self, ana):
        pair = log_in()
        services.log_out(pair.refresh, now=NOW)
        services.log_out(pair.refresh, now=NOW + timedelta(minutes=1))
        session = Session.objects.get()
        assert (session.revoked_at, session.revoke_reason) == (NOW, "log_out")
        assert actions() == ["accounts.logged_in", "accounts.logged_out"]
        with pytest.raises(TokenRefused):
            services.refresh(pair.refresh, now=NOW)


@pytest.mark.django_db(transaction=True)
class TestPassword:
    def test_change_ends_every_other_session_and_writes_a_mail(self, ana):
        log_in(), log_in()
        mine, other = Session.objects.order_by("pk")
        services.change_password(ana, session_id=mine.pk, current=PASSWORD, new="a brand new secret", now=NOW)
        mine.refresh_from_db()
        other.refresh_from_db()
        assert (mine.revoked_at, other.revoke_reason) == (None, "password")
        assert [m.subject for m in mail.outbox] == ["Your password was changed"]
        with pytest.raises(WrongCredentials):
            log_in()
        log_in(password="a brand new secret")

    def test_change_with_a_wrong_current_one_is_refused_and_counted(self, ana):
        log_in()
        session = Session.objects.get()
        for _ in range(5):
            with pytest.raises(WrongPassword):
                services.change_password(ana, session_id=session.pk, current="wrong", new="a brand new one", now=NOW)
        with pytest.raises(LockedOut):
            services.change_password(ana, session_id=session.pk, current=PASSWORD, new="a brand new one", now=NOW)
        assert User.objects.get().check_password(PASSWORD)
        log_in()  # log-in counts apart

    def reset(self, now: datetime = NOW) -> str:
        mail.outbox.clear()
        services.request_reset(blind_index("ana@example.com"), now=now)
        return mail.outbox[0].body.split("\n\n")[2].strip()

    def test_reset_sets_it_once_and_ends_all_sessions(self, ana):
        log_in()
        guess("ana@example.com", 5)
        token = self.reset()
        assert token not in str(list(PasswordResetToken.objects.values()))
        services.confirm_reset(token, new="a brand new secret", now=NOW)
        assert Session.objects.get().revoke_reason == "password"
        log_in(password="a brand new secret")  # the lock-out is lifted, too
        with pytest.raises(ResetTokenRefused):
            services.confirm_reset(token, new="a third secret", now=NOW)
        assert User.objects.get().check_password("a brand new secret")

    def test_reset_lifts_the_lock_of_a_known_place_and_of_what_is_tried_inside(self, ana):
        home = trace.Trace(ip="192.0.2.1")
        with trace.following(home):
            log_in()
            guess("ana@example.com", 5)
            with pytest.raises(LockedOut):
                log_in()
        for _ in range(5):
            with pytest.raises(WrongPassword):
                services.check_current_password(ana, "wrong", now=NOW)
        services.confirm_reset(self.reset(), new="a brand new secret", now=NOW)
        assert not LoginFailure.objects.exists()
        with trace.following(home):
            log_in(password="a brand new secret")

    def test_reset_of_nobody_writes_to_nobody(self, ana):
        services.request_reset(blind_index("nobody@example.com"), now=NOW)
        assert mail.outbox == []
        assert PasswordResetToken.objects.count() == 0

    def test_whoever_asks_for_more_links_takes_none_away(self, ana):
        """Each is good until one was used: then none is."""
        first, second = self.reset(), self.reset()
        services.confirm_reset(first, new="a brand new secret", now=NOW)
        with pytest.raises(ResetTokenRefused):
            services.confirm_reset(second, new="a third secret", now=NOW)

    def test_no_more_than_five_go_out_in_a_quarter_of_an_hour(self, ana):
        """So that a stranger who asks on and on leaves the owner without one for no longer than that."""
        links = [self.reset() for _ in range(rules.RESETS_AT_ONCE)]
        mail.outbox.clear()
        for late in (timedelta(0), timedelta(minutes=14, seconds=59)):
            services.request_reset(blind_index("ana@example.com"), now=NOW + late)
        assert mail.outbox == []
        assert PasswordResetToken.objects.count() == rules.RESETS_AT_ONCE
        assert self.reset(NOW + timedelta(minutes=15)) not in links
        services.confirm_reset(links[0], new="a brand new secret", now=NOW + timedelta(minutes=59))

    @pytest.mark.parametrize("late", [timedelta(hours=1), timedelta(days=1)])
    def test_a_reset_an_hour_later_is_refused(self, ana, late):
        token = self.reset()
        with pytest.raises(ResetTokenRefused):
            services.confirm_reset(token, new="a brand new secret", now=NOW + late)
        assert User.objects.get().check_password(PASSWORD)

    def test_a_made_up_token_is_refused(self, ana):
        for token in ("", "x", "A" * 43):
            with pytest.raises(ResetTokenRefused):
                services.confirm_reset(token, new="a brand new secret", now=NOW)


class TestProfile:
    def test_changes_are_audited_under_the_persons_own_key(self, ana):
        services.change_profile(ana, first_name="Anna", language="fr", now=NOW)
        assert (User.objects.get().first_name, User.objects.get().language) == ("Anna", "fr")
        event = AuditEvent.objects.get()
        assert (event.action, event.before, event.after) == ("accounts.profile_changed", None, None)
        assert audit.personal_of(event) == {
            "before": {"first_name": "Ana", "language": "en"},
            "after": {"first_name": "Anna", "language": "fr"},
        }

    def test_a_verified_name_stays(self, ana):
        User.objects.filter(pk=ana.pk).update(kyc_level=1)
        with pytest.raises(NameIsVerified):
            services.change_profile(ana, last_name="Other", time_zone="Europe/Paris", now=NOW)
        assert (User.objects.get().last_name, User.objects.get().time_zone) == ("Houngbo", "UTC")
        services.change_profile(ana, time_zone="Europe/Paris", now=NOW)

    @pytest.mark.parametrize("writing", ["ANA@example.com", "+22997123456", "97123456"])
    def test_people_are_found_by_an_exact_identifier(self, writing):
        ana = make_investor("Ana", phone="+2290197123456")
        assert people.find(writing) == ana
        assert people.find(ana.referral_code.lower()) == ana
        assert people.find(str(ana.pk)) == ana
        assert people.find("ana@") is None
        assert people.find("") is None
