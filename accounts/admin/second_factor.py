"""The console's second door: enrol a second factor, give it, look after it. Source: docs/rules/access.md §10."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import update_wrapper
from typing import Any
from uuid import UUID

import segno
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from accounts.errors import WrongPassword
from accounts.forms import FactorForm, PasskeyForm, PresentPasswordForm
from accounts.models import Passkey, RecoveryCode, Totp, User
from accounts.services import factors, passkeys, passwords, recovery, step_up
from accounts.sites import Site, site_of
from core.errors import DomainError
from oversight import second_factor
from oversight.console import factors as given

ASK, MINE, ENROL = "admin:second_factor", "admin:second_factor_mine", "admin:second_factor_enrol"
ENROLLING = "enrolling"
Page = Callable[..., HttpResponse]


def urls() -> list[URLPattern]:
    """The pages that an officer reaches with the password alone."""
    pages: list[tuple[str, Page, str]] = [
        ("", ask, "second_factor"),
        ("challenge/", challenge, "second_factor_challenge"),
        ("enrol/", enrol, "second_factor_enrol"),
        ("mine/", mine, "second_factor_mine"),
        ("app/", remove_app, "second_factor_app"),
        ("passkeys/options/", passkey_options, "second_factor_passkey_options"),
        ("passkeys/", add_passkey, "second_factor_passkeys"),
        ("passkeys/<uuid:passkey_id>/", remove_passkey, "second_factor_passkey"),
        ("recovery-codes/", renew_codes, "second_factor_codes"),
    ]
    return [path(f"second-factor/{route}", _for_officers(view), name=name) for route, view, name in pages]


def _for_officers(view: Page) -> Page:
    def guarded(request: HttpRequest, **arguments: Any) -> HttpResponse:
        user: Any = request.user
        if not (user.is_authenticated and user.is_active and user.is_staff):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        return view(request, user, **arguments)

    return update_wrapper(never_cache(csrf_protect(guarded)), view)


def ask(request: HttpRequest, officer: User) -> HttpResponse:
    """Ask for a code of the app, a recovery code or a passkey; who has none enrols one."""
    if not factors.has_factor(officer):
        return HttpResponseRedirect(f"{reverse(ENROL)}?{request.GET.urlencode()}")
    form = FactorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        try:
            step_up.prove_in_console(officer, _proof(request, form), now=now)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            given.claim(request, now=now)
            return HttpResponseRedirect(_next(request))
    has = {"has_app": factors.has_app(officer), "has_passkeys": factors.has_passkey(officer)}
    return _page(request, "ask", form=form, **has)


def _proof(request: HttpRequest, form: FactorForm) -> factors.Proof:
    answer = form.cleaned_data["passkey"]
    return passkeys.Assertion(answer, _site(request)) if answer else factors.Code(form.cleaned_data["code"])


@require_POST
def challenge(request: HttpRequest, officer: User) -> HttpResponse:
    """Give the browser what it needs to use a passkey."""
    return _json(lambda: passkeys.ask_to_prove(officer, site=_site(request), now=timezone.now()))


def enrol(request: HttpRequest, officer: User) -> HttpResponse:
    """Set up an authenticator app, or go on to a passkey. The first factor follows the password; others ask for it."""
    elsewhere = _before_enrolling(request, officer)
    if elsewhere is not None:
        return elsewhere
    form, now = FactorForm(request.POST if "code" in request.POST else None), timezone.now()
    try:
        if "draw" in request.POST:
            request.session[ENROLLING] = _mark(_draw(request, officer, now=now))
        elif form.is_bound and form.is_valid() and _pending(request, officer):
            codes = factors.confirm(officer, form.cleaned_data["code"], proved_at=given.given_at(request), now=now)
            return _enrolled(request, officer, codes, now=now)
    except DomainError as refusal:
        form.add_error(None, str(refusal)) if form.is_bound else messages.error(request, str(refusal))
    pending = _pending(request, officer)
    picture = segno.make(pending.uri, error="m").svg_data_uri(scale=5, border=2) if pending else ""
    more = {"has_app": factors.has_app(officer), "is_first": not factors.has_factor(officer)}
    asking = {f"{what}_password": PresentPasswordForm(auto_id=f"{what}_%s") for what in ("app", "passkey")}
    return _page(request, "enrol", form=form, pending=pending, picture=picture, naming=PasskeyForm(), **asking, **more)


def _draw(request: HttpRequest, officer: User, *, now: datetime) -> factors.Enrolment:
    proved_at = given.given_at(request)
    if not factors.has_factor(officer):
        return factors.draw_secret(officer, proved_at=proved_at, now=now)
    return factors.enrol(officer, password=_password(request), proved_at=proved_at, now=now)


def _password(request: HttpRequest) -> str:
    """Return the password that came with a wish for another factor: an open browser doesn't say who sits there.

    Raises WrongPassword for none.
    """
    form = PresentPasswordForm(request.POST)
    if not form.is_valid():
        raise WrongPassword
    password: str = form.cleaned_data["password"]
    return password


def _before_enrolling(request: HttpRequest, officer: User) -> HttpResponse | None:
    """Whoever has a factor gives it first; whoever has none gave the password since anything changed."""
    if factors.has_factor(officer):
        return None if _may_change(request) else given.ask_again(request, then=reverse(MINE))
    if given.password_counts(request):
        return None
    logout(request)
    return redirect_to_login(reverse(ENROL), reverse("admin:login"))


def _mark(drawn: factors.Enrolment) -> str:
    return hashlib.sha256(drawn.secret.encode()).hexdigest()


def _pending(request: HttpRequest, officer: User) -> factors.Enrolment | None:
    """The secret that this browser drew, unless another one was drawn since: nobody scans a stranger's."""
    mark, pending = request.session.get(ENROLLING), factors.pending_of(officer)
    if mark is None:
        return None
    if pending is None or _mark(pending) != mark:
        del request.session[ENROLLING]
        messages.warning(request, "Another secret was drawn for you meanwhile: set up the app again. Was it you?")
        return None
    return pending


@require_POST
def passkey_options(request: HttpRequest, officer: User) -> HttpResponse:
    """Give the browser what it needs to make a passkey."""
    if _before_enrolling(request, officer) is not None:
        return JsonResponse({"detail": "Load this page again: something has to be given first."}, status=403)
    about: dict[str, Any] = {"site": _site(request), "proved_at": given.given_at(request), "now": timezone.now()}
    if not factors.has_factor(officer):
        return _json(lambda: passkeys.ask_to_register(officer, **about))
    return _json(lambda: passkeys.enrol(officer, password=_password(request), **about))


@require_POST
def add_passkey(request: HttpRequest, officer: User) -> HttpResponse:
    """Take the passkey that the browser made."""
    elsewhere = _before_enrolling(request, officer)
    if elsewhere is not None:
        return elsewhere
    form, now = PasskeyForm(request.POST), timezone.now()
    if not form.is_valid():
        messages.error(request, "Give the passkey a name, and let the browser make it.")
        return HttpResponseRedirect(reverse(ENROL))
    about = {"name": form.cleaned_data["name"], "site": _site(request), "proved_at": given.given_at(request)}
    try:
        added = passkeys.register(officer, form.cleaned_data["passkey"], **about, now=now)
    except DomainError as refusal:
        messages.error(request, f"The passkey wasn't added: {refusal}")
        return HttpResponseRedirect(reverse(ENROL))
    return _enrolled(request, officer, added.recovery_codes, now=now)


def _enrolled(request: HttpRequest, officer: User, codes: list[str], *, now: datetime) -> HttpResponse:
    """Enrolling proves the factor: the console opens. Codes are shown in this answer alone."""
    step_up.note_entry(officer.pk, now=now)
    given.claim(request, now=now)
    request.session.pop(ENROLLING, None)
    if codes:
        return _page(request, "codes", codes=codes)
    messages.success(request, "Added.")
    return HttpResponseRedirect(reverse(MINE))


def mine(request: HttpRequest, officer: User) -> HttpResponse:
    """Show an officer what they have, to look after it."""
    if not given.is_fresh(request, within=second_factor.FOR_STAFF):
        return given.ask_again(request, then=reverse(MINE))
    left = RecoveryCode.objects.filter(user=officer, used_at=None).count()
    app = Totp.objects.confirmed().filter(pk=officer.pk).first()
    keys, asking = Passkey.objects.filter(user=officer), PresentPasswordForm()
    return _page(request, "mine", app=app, passkeys=keys, codes_left=left, asking=asking)


@require_POST
def remove_passkey(request: HttpRequest, officer: User, passkey_id: UUID) -> HttpResponse:
    """Give a passkey up."""
    return _change(request, lambda now: passkeys.remove_proved(officer, passkey_id, now=now))


@require_POST
def remove_app(request: HttpRequest, officer: User) -> HttpResponse:
    """Give the app up."""
    return _change(request, lambda now: factors.remove_proved(officer, now=now))


@require_POST
def renew_codes(request: HttpRequest, officer: User) -> HttpResponse:
    """Draw other recovery codes, with the password: each of them is a factor."""
    if not _may_change(request):
        return given.ask_again(request, then=reverse(MINE))
    now = timezone.now()
    try:
        passwords.check_current_password(officer, _password(request), now=now)
        codes = recovery.renew(officer, now=now)
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse(MINE))
    return _page(request, "codes", codes=codes)


def _change(request: HttpRequest, change: Callable[[datetime], Any]) -> HttpResponse:
    """Change a factor for whoever proved one just now; then one of those that are left is asked for."""
    if not _may_change(request):
        return given.ask_again(request, then=reverse(MINE))
    try:
        change(timezone.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Removed.")
    return HttpResponseRedirect(reverse(MINE))


def _may_change(request: HttpRequest) -> bool:
    return given.is_fresh(request, within=second_factor.FOR_APPROVALS)


def _site(request: HttpRequest) -> Site:
    return site_of(request, visit=f"console {request.session.session_key}")


def _next(request: HttpRequest) -> str:
    address = request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if safe else reverse("admin:index")


def _json(ask: Callable[[], dict[str, Any]]) -> JsonResponse:
    try:
        return JsonResponse(ask())
    except DomainError as refusal:
        return JsonResponse({"detail": str(refusal)}, status=refusal.status)


def _page(request: HttpRequest, name: str, **context: Any) -> TemplateResponse:
    context = {**admin.site.each_context(request), "next": _next(request), **context}
    return TemplateResponse(request, f"admin/second_factor/{name}.html", context)
