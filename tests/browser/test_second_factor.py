"""An officer enrols a second factor, enters with it, and is asked again before approving; then with a passkey."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyotp
import pytest
from django.contrib.sessions.models import Session as BrowserSession
from django.utils import timezone

from accounts import services
from accounts.models import Passkey, User
from accounts.services import factors
from backoffice.tests.conftest import Platform
from oversight.console.factors import CLAIM
from tests.browser.conftest import app_of
from tests.people import PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(live_server: Any, browser: Any) -> Any:
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(10_000)
    return context.new_page()


def knock(tab: Any, officer: User) -> None:
    tab.goto("/admin/")
    tab.get_by_label("E-mail address or phone number").fill(officer.email)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Log in").click()
    tab.wait_for_load_state()


def give_authenticator(tab: Any) -> None:
    """The device makes passkeys, and makes sure of its owner."""
    device = tab.context.new_cdp_session(tab)
    device.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasUserVerification": True, "isUserVerified": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": {**kind, "automaticPresenceSimulation": True}})


def let_pass(minutes: int) -> None:
    """The officers' factors were given so much longer ago."""
    for row in BrowserSession.objects.all():
        store = row.get_session_store_class()(row.session_key)
        if CLAIM in store:
            store[CLAIM] = (timezone.now() - timedelta(minutes=minutes)).isoformat()
            store.save()
    User.objects.update(access_changed_at=None)


def test_an_officer_enrols_enters_and_is_asked_again_before_approving(platform: Platform, tab: Any) -> None:
    lin, ana = platform.lin, platform.investor("Ana").owner
    asked = services.request_kyc_level(ana.pk, level=2, by=platform.omar, now=timezone.now(), reason="Papers seen")

    knock(tab, lin)
    tab.get_by_role("button", name="Set up an app").click()
    secret = tab.locator("[data-secret]").inner_text()
    assert tab.get_by_alt_text("QR code of the secret").bounding_box()["width"] > 100
    past = timezone.now() - timedelta(seconds=30)
    tab.get_by_label("Code").fill(pyotp.TOTP(secret).at(past))
    tab.get_by_role("button", name="Confirm the app").click()
    assert tab.locator("li").count() == 10
    tab.get_by_role("link", name="I have them").click()
    tab.wait_for_url("**/admin/")

    tab.context.clear_cookies()
    knock(tab, lin)
    tab.get_by_label("Code").fill(app_of(lin).now())
    tab.get_by_role("button", name="Go on").click()
    tab.wait_for_url("**/admin/")

    let_pass(minutes=16)
    tab.goto(f"/admin/oversight/approvalrequest/{asked.pk}/change/")
    tab.get_by_role("link", name="Approve").click()
    tab.wait_for_url("**/second-factor/**")
    tab.get_by_label("Code").fill(pyotp.TOTP(secret).at(timezone.now() + timedelta(seconds=30)))
    tab.get_by_role("button", name="Go on").click()
    tab.get_by_role("button", name="See what will happen").click()
    tab.get_by_role("button", name="Approve").click()
    tab.get_by_text("approved and carried out").wait_for()
    assert User.objects.get(pk=ana.pk).kyc_level == 2


def test_a_passkey_of_the_device_opens_the_console(platform: Platform, tab: Any) -> None:
    lin = platform.lin
    give_authenticator(tab)
    knock(tab, lin)
    tab.get_by_label("Name of the passkey").fill("laptop")
    tab.get_by_role("button", name="Add a passkey").click()
    tab.get_by_role("link", name="I have them").click()
    tab.wait_for_url("**/admin/")
    assert Passkey.objects.get(user=lin).name == "laptop"

    tab.context.clear_cookies()
    knock(tab, lin)
    tab.get_by_role("button", name="Use a passkey").click()
    tab.wait_for_url("**/admin/")
    assert Passkey.objects.get(user=lin).last_used_at is not None


def test_another_factor_takes_the_password_once_more(platform: Platform, tab: Any) -> None:
    lin, past = platform.lin, timezone.now() - timedelta(seconds=60)
    app = pyotp.TOTP(services.enrol(lin, password=PASSWORD, now=past).secret)
    factors.confirm(lin, app.at(past), now=past)
    give_authenticator(tab)
    knock(tab, lin)
    tab.get_by_label("Code").fill(app.now())
    tab.get_by_role("button", name="Go on").click()
    tab.wait_for_url("**/admin/")
    tab.goto("/admin/second-factor/enrol/")
    tab.get_by_label("Name of the passkey").fill("laptop")
    for password in ("not this one", PASSWORD):
        assert not Passkey.objects.filter(user=lin).exists()
        tab.get_by_label("Your password").fill(password)
        tab.get_by_role("button", name="Add a passkey").click()
        if password != PASSWORD:
            tab.get_by_text("The current password is not this one").wait_for()
    tab.wait_for_url("**/second-factor/mine/")
    assert Passkey.objects.get(user=lin).name == "laptop"
