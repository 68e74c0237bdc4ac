"""What accounts refuses. No refusal says whether somebody has an account."""

from __future__ import annotations

from core.errors import DomainError, Forbidden, NotFound


class WrongCredentials(DomainError):
    """Unknown identifier or wrong password: one answer for both."""

    code = "wrong-credentials"
    title = "This identifier and password don't belong together"
    status = 401


class TokenRefused(DomainError):
    code = "token-refused"
    title = "This token is not, or no longer, good: log in again"
    status = 401


class LockedOut(DomainError):
    """Too many wrong passwords; `facts["retry_after"]` is in seconds."""

    code = "locked-out"
    title = "Too many wrong passwords: wait before the next attempt"
    status = 429

    @property
    def wait(self) -> int:
        """Seconds, for the Retry-After header."""
        return int(self.facts["retry_after"])


class TooSoon(DomainError):
    """Another code may be sent later; `facts["retry_after"]` is in seconds."""

    code = "too-soon"
    title = "A code was sent: wait before the next one"
    status = 429

    @property
    def wait(self) -> int:
        """Seconds, for the Retry-After header."""
        return int(self.facts["retry_after"])


class SmsCapped(TooSoon):
    code = "sms-capped"
    title = "No more messages go there today"


class NothingToVerify(DomainError):
    code = "nothing-to-verify"
    title = "There is no such address, or it is verified already"
    status = 409


class PinMissing(DomainError):
    code = "pin-missing"
    title = "There is no PIN yet: set one"
    status = 409


class WrongPin(DomainError):
    code = "wrong-pin"
    title = "This isn't the PIN"
    status = 422


class PinLocked(TooSoon):
    code = "pin-locked"
    title = "Too many wrong PINs: wait before the next try"


class PinSpent(DomainError):
    code = "pin-spent"
    title = "Too many wrong PINs: set a new one with a code"
    status = 409


class PinStands(DomainError):
    code = "pin-stands"
    title = "You have a PIN: change it with the present one, or reset it"
    status = 409


class OtherChannelNeeded(DomainError):
    code = "other-channel-needed"
    title = "Your password was set by mail: set the PIN with a code that goes to your number"
    status = 409


class GuessablePin(DomainError):
    code = "guessable-pin"
    title = "This PIN is among the first that anybody tries: choose another"
    status = 422


class PinTokenRefused(Forbidden):
    """Missing, spent, expired, or given for another request: one answer for all."""

    code = "pin-token-refused"
    title = "This needs the X-Pin-Token of a PIN given for this request: verify the PIN"


class WrongFactor(DomainError):
    """Wrong, used, or of a factor that isn't there: one answer for all."""

    code = "wrong-factor"
    title = "This code is not, or no longer, good"
    status = 422


class FactorMissing(DomainError):
    code = "factor-missing"
    title = "There is no second factor to do that with"
    status = 409


class LastFactor(DomainError):
    code = "last-factor"
    title = "Officers keep a second factor: add another one before this one goes"
    status = 409


class TooMany(DomainError):
    code = "too-many"
    title = "There are as many of these as one may have"
    status = 409


class CodeRefused(DomainError):
    """Wrong, used, expired, tried too often, or sent to another address: one answer for all."""

    code = "code-refused"
    title = "This code is not, or no longer, good: ask for a new one"
    status = 422


class AccountBlocked(Forbidden):
    """Said only to somebody who gave the right password."""

    code = "account-blocked"
    title = "This account is blocked: write to support"


class WrongPassword(DomainError):
    code = "wrong-password"
    title = "The current password is not this one"
    status = 422


class ResetTokenRefused(DomainError):
    code = "reset-token-refused"
    title = "This link was used, has expired or never was: ask for a new one"
    status = 422


class UnknownReferralCode(DomainError):
    code = "unknown-referral-code"
    title = "Nobody has this referral code"
    status = 422


class NameIsVerified(DomainError):
    code = "name-is-verified"
    title = "The name was verified with a document: support can change it"
    status = 409


class OwnAccount(Forbidden):
    code = "own-account"
    title = "Nobody acts on their own account"


class AlreadySo(DomainError):
    code = "already-so"
    title = "It already is as requested"
    status = 409


class UnknownRole(DomainError):
    code = "unknown-role"
    title = "There is no such role"
    status = 422


class LastAdministrator(DomainError):
    code = "last-administrator"
    title = "The last administrator stays"
    status = 409


class OfficersExist(DomainError):
    code = "officers-exist"
    title = "There are administrators already: they grant roles to others"
    status = 409


class OfficerIsBlockedByTwo(DomainError):
    code = "officer-is-blocked-by-two"
    title = "An officer is blocked by two: request it"
    status = 409


class LevelOutOfRange(DomainError):
    code = "level-out-of-range"
    title = "There is no such level"
    status = 422


class PersonDeleted(DomainError):
    code = "person-deleted"
    title = "This person was deleted: restore them first"
    status = 409


class OfficerKeepsRoles(DomainError):
    code = "officer-keeps-roles"
    title = "An officer is deleted once their roles were taken"
    status = 409


class SomethingStands(DomainError):
    """`facts["obstacles"]` are the codes of what the person would lose."""

    code = "something-stands"
    title = "Something of theirs still stands"
    status = 409


class IdentifiersTaken(DomainError):
    code = "identifiers-taken"
    title = "Somebody else has their address and number by now: nothing is left to log in with"
    status = 409


class UnknownSocialProvider(NotFound):
    code = "unknown-social-provider"
    title = "Nobody logs in this way here"


class KeysUnavailable(DomainError):
    """The provider doesn't say what it signs with; nothing is believed meanwhile."""

    code = "provider-unavailable"
    title = "The provider can't be asked at the moment: try again"
    status = 503
    wait = 60


class IdTokenRefused(DomainError):
    """Wrong, for somebody else, too early, too late, or used: one answer for all."""

    code = "id-token-refused"
    title = "This identity token is not, or no longer, good: ask the provider for a new one"
    status = 401


class SocialAddressMissing(DomainError):
    code = "social-address-missing"
    title = "The provider gave no verified e-mail address: sign up with an address or a number"
    status = 422


class ProfileNeeded(DomainError):
    """A new person says what the token doesn't; `facts["errors"]` point at it."""

    code = "profile-needed"
    title = "You are new here: some things are needed to open an account"
    status = 422


class AddressUnverified(DomainError):
    """Somebody signed up with the caller's address and never showed that it is theirs: it may be an impostor."""

    code = "address-unverified"
    title = "An account has this address, and nobody has shown that it is theirs"
    status = 409


class SocialLogInClosed(Forbidden):
    code = "social-log-in-closed"
    title = "The account with this address can't be used: write to support"


class OfficerLogInsOnly(Forbidden):
    code = "officers-log-in-otherwise"
    title = "Officers log in with their password and second factor alone"


class IdentityTaken(DomainError):
    code = "identity-taken"
    title = "This log-in belongs to an account already"
    status = 409


class LastWayIn(DomainError):
    code = "last-way-in"
    title = "Nothing else would log you in: set a password first"
    status = 409


class PictureRefused(DomainError):
    code = "picture-refused"
    title = "This picture isn't taken"
    status = 422


class PicturesBusy(DomainError):
    code = "pictures-busy"
    title = "Others' pictures are being read: try again"
    status = 503
    wait = 5


class PictureTooLarge(DomainError):
    code = "too-large"
    title = "A picture has up to 5 MB"
    status = 413
