"""One person's way through the whole platform, over HTTP, with all that goes wrong on it."""

from __future__ import annotations

import socket
import time
from typing import Any

import pyotp

from accounts.tests.authenticator import Authenticator
from tests.faults.machine import until
from tests.logs.house import BROWSER, DATABASE, Open

API = "/api/v1"
TOKEN = r"^\s*([0-9A-Za-z_-]{20,}(?:\.[0-9A-Za-z_-]{20,})?)\s*$"
TOKEN_LINE = rf"(?m){TOKEN}"
ANA = {
    "email": "anais.zelie@journey.example",
    "phone": "+2290197888123",
    "password": "violet harbour lantern 88",
    "first_name": "Anaïs-Zélie",
    "last_name": "Houngbédji-Quenum",
    "country": "BJ",
}
NEW_EMAIL, NEW_PASSWORD = "zelie.new@journey.example", "copper meadow anchor 42"
PIN = "402917"


class Journey:
    """Ana, and what she holds at the moment."""

    def __init__(self, house: Open) -> None:
        self.house, self.access = house, ""
        self.password, self.email = ANA["password"], ANA["email"]
        house.secrets.known |= {house.client: "address", NEW_EMAIL: "new address", NEW_PASSWORD: "new password"}
        house.secrets.known[BROWSER] = "browser"

    def ask(self, status: int, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call as Ana; the answer must be of this status."""
        if self.access:
            headers.setdefault("Authorization", f"Bearer {self.access}")
        got, content = self.house.call(method, path if path.startswith("/h") else API + path, body, **headers)
        assert got == status, (method, path, got, content)
        return content

    def whole(self) -> None:
        for part in (self.signs_up, self.logs_in, self.shows_addresses, self.sets_a_pin, self.has_an_app):
            part()
        for part in (self.has_a_passkey, self.forgets_the_password, self.moves, self.invests, self.takes_all_of_it):
            part()
        for part in (self.says_it_in_wrong_places, self.meets_errors, self.meets_a_worker_that_fails):
            part()

    def signs_up(self) -> None:
        self.ask(201, "POST", "/auth/signup", ANA)
        self.ask(201, "POST", "/auth/signup", ANA)
        self.ask(400, "POST", "/auth/signup", {**ANA, "email": "no address of mine", "country": "ana@journey.example"})
        token = self.house.mail(self.email, TOKEN_LINE)
        self.ask(422, "POST", "/auth/verify-email", {"token": f"{token[:-4]}AAAA"})
        self.ask(204, "POST", "/auth/verify-email", {"token": token})

    def logs_in(self) -> None:
        self.ask(401, "POST", "/auth/login", {"identifier": "nobody@journey.example", "password": "guess number one"})
        self.ask(401, "POST", "/auth/login", {"identifier": self.email, "password": "guess number two"})
        first = self.ask(200, "POST", "/auth/login", {"identifier": ANA["phone"], "password": self.password})
        self.ask(200, "POST", "/auth/refresh", {"refresh": first["refresh"]})
        self.ask(401, "POST", "/auth/refresh", {"refresh": first["refresh"]})
        pair = self.ask(200, "POST", "/auth/login", {"identifier": self.email, "password": self.password})
        self.access = self.ask(200, "POST", "/auth/refresh", {"refresh": pair["refresh"]})["access"]

    def shows_addresses(self) -> None:
        code = self.house.sms(ANA["phone"])
        self.ask(422, "POST", "/auth/verify-otp", {"code": f"{(int(code) + 1) % 10**6:06}"})
        self.ask(204, "POST", "/auth/verify-otp", {"code": code})
        self.ask(409, "POST", "/auth/resend-otp", {"channel": "email"})
        self.ask(200, "GET", "/users/me")
        self.ask(200, "GET", "/users/me/sessions")

    def sets_a_pin(self) -> None:
        self.ask(422, "POST", "/auth/pin", {"pin": PIN, "password": "not the password"})
        self.ask(204, "POST", "/auth/pin", {"pin": PIN, "password": self.password})
        use = {"method": "PATCH", "path": "/api/v1/users/me"}
        self.ask(422, "POST", "/auth/pin/verify", {"pin": "739205", **use})
        self.ask(202, "POST", "/auth/pin/reset", {"channel": "email"})
        code = self.house.mail(self.email, r"(?m)^\s*(\d{6})\s*$")
        given = {"channel": "email", "password": self.password, "pin": "518340"}
        self.ask(204, "POST", "/auth/pin/reset/confirm", {**given, "code": code})
        self.ask(204, "POST", "/auth/pin", {"pin": PIN, "current_pin": "518340"})

    def has_an_app(self) -> None:
        drawn = self.ask(200, "POST", "/auth/mfa/totp", {"password": self.password})
        self.app = pyotp.TOTP(drawn["secret"])
        self.ask(422, "POST", "/auth/mfa/totp/confirm", {"code": "000000"})
        self.recovery = self.ask(200, "POST", "/auth/mfa/totp/confirm", {"code": self.code(-1)})["recovery_codes"]
        challenge = self.challenge()
        self.ask(422, "POST", "/auth/login/mfa", {"mfa_token": challenge, "code": "111111"})
        self.ask(200, "POST", "/auth/login/mfa", {"mfa_token": challenge, "code": self.code(0)})
        self.ask(200, "POST", "/auth/login/mfa", {"mfa_token": self.challenge(), "code": self.recovery[0]})
        renewed = self.ask(200, "POST", "/auth/mfa/recovery-codes", {"code": self.code(1)})
        self.recovery = renewed["recovery_codes"]

    def has_a_passkey(self) -> None:
        device, verify = Authenticator(origin="https://fiducia.example"), "/auth/mfa/verify"
        self.ask(200, "POST", verify, {"code": self.recovery[2]})
        options = self.ask(200, "POST", "/auth/mfa/passkeys/options", {"password": self.password})
        made = {"name": "Anaïs-Zélie's laptop", "passkey": device.make(options)}
        self.ask(201, "POST", "/auth/mfa/passkeys", made)
        self.ask(422, "POST", "/auth/mfa/passkeys", made)
        self.ask(
            422, "POST", verify, {"passkey": Authenticator().prove(self.ask(200, "POST", f"{verify}/options", {}))}
        )
        self.ask(200, "POST", verify, {"passkey": device.prove(self.ask(200, "POST", f"{verify}/options", {}))})
        challenge = self.challenge()
        given = device.prove(self.ask(200, "POST", "/auth/login/mfa/options", {"mfa_token": challenge}))
        self.ask(200, "POST", "/auth/login/mfa", {"mfa_token": challenge, "passkey": given})

    def code(self, steps: int) -> str:
        """The app's code of a step before, now or after: three codes, each good once, without a wait."""
        while steps < 0 and time.time() % 30 > 20:
            time.sleep(0.2)
        code = str(self.app.at(int(time.time()) + 30 * steps))
        self.house.secrets.known.setdefault(code, "code of the app")
        return code

    def challenge(self) -> str:
        answer = self.ask(200, "POST", "/auth/login", {"identifier": self.email, "password": self.password})
        return str(answer["mfa_token"])

    def forgets_the_password(self) -> None:
        self.ask(202, "POST", "/auth/password/reset", {"identifier": self.email})
        self.ask(202, "POST", "/auth/password/reset", {"identifier": "nobody@journey.example"})
        token = self.house.mail(self.email, rf"(?s)sets a new password.*?(?m:{TOKEN})")
        self.ask(422, "POST", "/auth/password/reset/confirm", {"token": "A" * 43, "new_password": NEW_PASSWORD})
        self.ask(204, "POST", "/auth/password/reset/confirm", {"token": token, "new_password": NEW_PASSWORD})
        self.password = NEW_PASSWORD
        given = {"mfa_token": self.challenge(), "code": self.recovery[0]}
        self.access = self.ask(200, "POST", "/auth/login/mfa", given)["access"]

    def pin_token(self, method: str, path: str) -> str:
        given = {"pin": PIN, "method": method, "path": API + path}
        return str(self.ask(200, "POST", "/auth/pin/verify", given)["pin_token"])

    def moves(self) -> None:
        self.ask(403, "PATCH", "/users/me", {"email": NEW_EMAIL}, X_Pin_Token="not-a-token-of-hers-at-all")
        token = self.pin_token("PATCH", "/users/me")
        self.ask(200, "PATCH", "/users/me", {"email": NEW_EMAIL}, X_Pin_Token=token)
        self.ask(204, "POST", "/auth/verify-email", {"token": self.house.mail(NEW_EMAIL, TOKEN_LINE)})
        self.email = NEW_EMAIL

    def invests(self) -> None:
        me = self.ask(200, "GET", "/users/me")["id"]
        self.house.house.run("-m", "tests.logs.world", "ready", me, database=DATABASE)
        deposit = {"amount": "25.00", "currency": "USD", "method": "bank_transfer"}
        self.ask(201, "POST", "/deposits", deposit, Idempotency_Key="first")
        self.ask(201, "POST", "/deposits", deposit, Idempotency_Key="first")
        self.ask(400, "POST", "/deposits", {**deposit, "amount": "anais.zelie"}, Idempotency_Key="second")
        products = self.ask(200, "GET", "/investment/products")["results"]
        basic = next(each for each in products if each["minimum_deposit"] and each["currency"] == "USD")
        taken = {"product": basic["id"], "amount": "100.00", "disclosure_version": basic["disclosure_version"]}
        self.ask(201, "POST", "/investment/accounts", taken, Idempotency_Key="third")
        self.ask(404, "GET", f"/deposits/{me}")

    def takes_all_of_it(self) -> None:
        token = self.pin_token("GET", "/users/me/export")
        assert self.ask(200, "GET", "/users/me/export", X_Pin_Token=token)[:2] == b"PK"

    def says_it_in_wrong_places(self) -> None:
        """Tokens, addresses and passwords in queries, paths, bodies and headers where nobody asked for them."""
        known, token = self.house.secrets.known, self.access
        known["Basic YW5haXM6aHVudGVyMg=="] = "basic"
        for path in (f"/wallets?access={token}", f"/wallets?email={NEW_EMAIL}&password=hunter2-hunter2"):
            self.ask(400, "GET", path)
        known["hunter2-hunter2"] = "password in a query"
        self.ask(404, "GET", f"/users/{NEW_EMAIL}")
        self.ask(404, "GET", f"/reset/{token}")
        self.ask(404, "DELETE", "/devices/a-push-token-of-hers-1234567890")
        known["a-push-token-of-hers-1234567890"] = "token in a path"
        self.ask(400, "POST", "/auth/login", f'{{"password": "{NEW_PASSWORD}", }}'.encode())
        self.ask(415, "POST", "/auth/login", f"password={NEW_PASSWORD}".encode(), Content_Type="text/plain")
        self.ask(401, "GET", "/users/me", Authorization=f"Bearer {token} {NEW_EMAIL}")
        self.ask(401, "GET", "/users/me", Authorization=f"Bearer {token[:-3]}")
        self.ask(401, "GET", "/users/me", Authorization="Basic YW5haXM6aHVudGVyMg==")
        self.ask(
            200, "GET", "/users/me", X_Request_ID=NEW_EMAIL, X_Correlation_ID=token, Referer=f"https://x/?t={token}"
        )
        self.ask(400, "GET", "/users/me", Host=NEW_EMAIL)
        self.ask(400, "POST", "/deposits", {"amount": "1", "password": NEW_PASSWORD}, Idempotency_Key="fourth")
        for line in (
            f"Authorization : Bearer {token}",
            f"Bearer {token}",
            f"X-{NEW_EMAIL}: x",
            f"Cookie: a={token}\x00",
        ):
            self.raw(f"GET /api/v1/users/me HTTP/1.1\r\nHost: fiducia.example\r\n{line}\r\n\r\n")
        self.raw(f"GET /api/v1/wallets?access={token} HTTP/9.9\r\n\r\n")
        self.raw(f"{token}\r\n\r\n")

    def raw(self, content: str) -> None:
        """Send what no client should."""
        with socket.create_connection(("127.0.0.1", self.house.port), timeout=10) as connection:
            connection.sendall(content.encode())
            assert connection.recv(64).startswith(b"HTTP/1.1 400")

    def meets_errors(self) -> None:
        """A table that may not be written, and a row that a constraint refuses: with everything of a log-in at hand."""
        given = {"identifier": self.email, "password": self.password}
        with self.house.house.admin(DATABASE) as admin:
            admin.execute("REVOKE SELECT ON accounts_totp FROM fiducia_app")
            self.ask(500, "POST", "/auth/login", given)
            admin.execute("GRANT SELECT ON accounts_totp TO fiducia_app")
            admin.execute("ALTER TABLE accounts_session ADD CONSTRAINT forced CHECK (ip <> '203.0.113.77') NOT VALID")
            factor = {"mfa_token": self.challenge(), "code": self.recovery[1]}
            self.ask(409, "POST", "/auth/login/mfa", factor)
            admin.execute("ALTER TABLE accounts_session DROP CONSTRAINT forced")

    def meets_a_worker_that_fails(self) -> None:
        """A mail server that names whom it refuses, and a row that the database refuses to the worker."""
        worker = self.house.processes["worker"]
        refused = {**ANA, "email": "bia@refused.example", "phone": "+2290197888124", "first_name": "Bía-Refusée"}
        self.ask(201, "POST", "/auth/signup", refused)
        until(lambda: "SMTPRecipientsRefused" in worker.said(), "no mail was refused", worker, seconds=30)
        with self.house.house.admin(DATABASE) as admin:
            admin.execute(
                "ALTER TABLE accounts_verificationcode ADD CONSTRAINT forced CHECK (secret_hash IS NULL) NOT VALID"
            )
            given = {**ANA, "email": "cleo@journey.example", "phone": "+2290197888125", "first_name": "Cléo-Refusée"}
            self.ask(201, "POST", "/auth/signup", given)
            until(lambda: "IntegrityError" in worker.said(), "no row was refused", worker, seconds=30)
            admin.execute("ALTER TABLE accounts_verificationcode DROP CONSTRAINT forced")
