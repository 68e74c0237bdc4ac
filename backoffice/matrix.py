"""Who may open what: every page and deed of the console, every endpoint, every verb of two, by role.

Written to docs/rules/roles.md by `manage.py write_roles`. Each line is what code declares; `tests/test_roles.py` knocks
at every door as every role and compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import AllowAny, IsAuthenticated

from accounts import roles
from api.permissions import IsInvestor, IsOfficer
from oversight import verbs
from oversight.console import ActionPage, ListPage

API: Final = "api/v1/"
OFFICER: Final = "any officer"
EVERYBODY: Final = tuple(roles.ROLES)
OFFICERS: Final = roles.OFFICER_ROLES
HasPerm = Callable[[str], bool]

# Pages that belong to no model's list: what they are called, and the permission that each asks for, or OFFICER.
OTHER_PAGES: Final[Mapping[str | None, tuple[str, str]]] = {
    "index": ("Dashboard", OFFICER),
    "search": ("Search, among what one sees", OFFICER),
    "password_change": ("Change one's password", OFFICER),
    "password_change_done": ("Change one's password: done", OFFICER),
    "jsi18n": ("Words for scripts", OFFICER),
    "backoffice_returns": ("Returns by day and product", "investments.view_settlementrun"),
    "backoffice_pools": ("Pools", "treasury.view_productcoverage"),
    "backoffice_endofdayproblem_close": ("End-of-day runs: close a problem", "backoffice.close_problem"),
    "ledger_funds": ("Accounts: funds", "ledger.view_fund"),
    "ledger_evidence_file": ("Evidences: the file", "ledger.view_evidence"),
    "notifications_messages": ("Messages: every kind", "notifications.preview_message"),
    "notifications_message": ("Messages: one as it is written", "notifications.preview_message"),
    "oversight_approvalrequest_document": ("Approval requests: the document", "oversight.view_approvalrequest"),
}
# What isn't a page of its own: doors before the second factor, Django's plumbing, and lists of what one sees anyway.
NO_PAGES: Final = frozenset(
    {"login", "logout", "autocomplete", "view_on_site", "app_list", None}
    | {f"second_factor{name}" for name in ("", "_challenge", "_enrol", "_mine", "_app", "_passkey_options")}
    | {f"second_factor{name}" for name in ("_passkeys", "_passkey", "_codes")}
)
SHOWN: Final = ("changelist", "change")
SHUT: Final = ("add", "delete")


@dataclass(frozen=True, slots=True)
class Line:
    """One door: what it is called, its address (with placeholders), and the roles that it opens to."""

    title: str
    address: str
    opens_to: tuple[str, ...]


class UnknownPage(Exception):
    """A page of the console that nobody has said who may open it of: name it in OTHER_PAGES."""


def console() -> list[Line]:
    """Every page and deed of the console, by address."""
    return sorted(_console(), key=lambda line: line.address)


def _console() -> Iterator[Line]:
    deeds = {page.url_name(each): (each, page) for each in admin.site._registry.values() for page in _pages_of(each)}
    models = {f"{each.opts.app_label}_{each.opts.model_name}_": each for each in admin.site._registry.values()}
    for address, name in _addresses(admin.site.urls[0], "/admin/"):
        model, _, kind = (name or "").rpartition("_")
        if name in NO_PAGES:
            continue
        if name in deeds:
            each, page = deeds[name]
            yield Line(f"{_plural(each)}: {page.title.lower()}", address, _open_to(each, page))
        elif f"{model}_" in models and kind in (*SHOWN, *SHUT, "history"):
            yield _of_model(models[f"{model}_"], kind, address)
        elif name in OTHER_PAGES:
            title, needs = OTHER_PAGES[name]
            yield Line(title, address, OFFICERS if needs == OFFICER else holding(needs))
        else:
            raise UnknownPage(name)


def _pages_of(model_admin: Any) -> Iterable[type[ActionPage] | type[ListPage]]:
    return getattr(model_admin, "pages", ())


def _plural(model_admin: Any) -> str:
    words = str(model_admin.opts.verbose_name_plural)
    return words[:1].upper() + words[1:]


def _view(model_admin: Any) -> str:
    return f"{model_admin.opts.app_label}.view_{model_admin.opts.model_name}"


def _open_to(model_admin: Any, page: type[ActionPage]) -> tuple[str, ...]:
    """A deed takes the model's view permission and its own; a decision, that of some verb."""
    needs = [page.permission] if page.permission else [verb.approve_permission for verb in verbs.every()]
    return holders(lambda has: has(_view(model_admin)) and any(map(has, needs)))


def _of_model(model_admin: Any, kind: str, address: str) -> Line:
    title = _plural(model_admin)
    if kind in SHUT:
        return Line(f"{title}: {kind}", address, ())
    if kind == "history":
        return Line(f"{title}: audit trail", address, holding("oversight.view_auditevent"))
    return Line(f"{title}: {'one' if kind == 'change' else 'list'}", address, holding(_view(model_admin)))


def actions() -> list[Line]:
    """What is done with several rows of a list at once, by address: no page of its own, a POST to the list."""
    every: list[Any] = [*admin.site._registry.values()]
    return sorted((_action(each, name) for each in every for name in each.actions), key=lambda line: line.address)


def _action(model_admin: Any, name: str) -> Line:
    deed, opts = getattr(model_admin, name), model_admin.opts
    needs = [getattr(model_admin, f"has_{each}_permission") for each in deed.allowed_permissions]

    def may(has: HasPerm) -> bool:
        officer = SimpleNamespace(user=SimpleNamespace(has_perm=has))
        return has(_view(model_admin)) and all(each(officer) for each in needs)

    address = f"/admin/{opts.app_label}/{opts.model_name}/?action={name}"
    return Line(f"{_plural(model_admin)}: {deed.short_description.lower()}", address, holders(may))


def endpoints() -> list[Line]:
    """Every method of every endpoint below the prefix, by address; `title` is the method."""
    return sorted(_endpoints(), key=lambda line: (line.address, line.title))


def _endpoints() -> Iterator[Line]:
    for address, callback in _views(get_resolver().url_patterns):
        view = getattr(callback, "cls", None)
        if not address.startswith(API) or view is None:
            continue
        for method in ("get", "post", "put", "patch", "delete"):
            if hasattr(view, method):
                path = f"/{address.removeprefix(API)}".replace("<uuid:", "{").replace("<str:", "{")
                yield Line(method.upper(), path.replace("<", "{").replace(">", "}"), _callers(view, method))


def _callers(view: Any, method: str) -> tuple[str, ...]:
    """The roles that a view's permission classes let in; "nobody in particular" stands for no log-in at all."""
    (needed,) = view.permission_classes
    if needed is AllowAny:
        return (ANYBODY, *EVERYBODY)
    if issubclass(needed, IsOfficer):
        return holders(lambda has: needed.opens_to(method, has))
    if needed in (IsAuthenticated, IsInvestor):
        return EVERYBODY
    raise UnknownPage(f"{view.__name__}: {needed}")


ANYBODY: Final = "not logged in"


def holders(may: Callable[[HasPerm], bool]) -> tuple[str, ...]:
    """The roles whose permissions suffice."""
    given = roles.permissions_of_roles()
    return tuple(role for role in OFFICERS if may(given[role].__contains__))


def holding(permission: str) -> tuple[str, ...]:
    """The roles that hold this permission."""
    return holders(lambda has: has(permission))


def _addresses(patterns: Iterable[Any], prefix: str) -> Iterator[tuple[str, str | None]]:
    for pattern in patterns:
        here = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern.url_patterns, here)
        else:
            yield here, pattern.name


def _views(patterns: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        here = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern):
            yield here, pattern.callback


def render() -> str:
    """The whole page, in Markdown."""
    return "\n".join([*_head(), *_of_two(), *_table_of_console(), *_table_of_endpoints(), *_permissions()]) + "\n"


def _head() -> Iterator[str]:
    yield "# Roles: who may open what\n"
    yield "Written by `manage.py write_roles` from the code, not by hand; `tests/test_roles.py` knocks at every door as"
    yield "every role. Beside a role nothing gives a right (access.md §5); officers need a second factor, too (§10).\n"
    yield "| role | for |\n| --- | --- |"
    yield from (f"| {role} | {what} |" for role, what in roles.ROLES.items())


def _of_two() -> Iterator[str]:
    yield "\n## What takes two\n| verb | asks | approves |\n| --- | --- | --- |"
    for verb in verbs.every():
        asks = _names(holding(verb.request_permission)) if verb.request_permission else "—"
        approves = _names(holding(verb.approve_permission))
        yield f"| {verb.title} (`{verb.name}`) | {asks} | {approves} |"


def _table_of_console() -> Iterator[str]:
    yield "\n## The console\nRows are added and deleted by nobody; the pages that would do it are shut to all.\n"
    lines = sorted([*console(), *actions()], key=lambda line: line.address)
    yield from _crossed("page", OFFICERS, ((line.title, line.opens_to) for line in lines if line.opens_to))


def _table_of_endpoints() -> Iterator[str]:
    yield "\n## The API\nWhat is somebody's own answers them alone: another's is as unknown as what isn't there.\n"
    lines = ((f"{line.title} `{line.address}`", line.opens_to) for line in endpoints())
    yield from _crossed("endpoint", (ANYBODY, *EVERYBODY), lines)


def _crossed(what: str, columns: tuple[str, ...], rows: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[str]:
    yield f"| {what} | {' | '.join(columns)} |\n| --- |{' --- |' * len(columns)}"
    for title, opens_to in rows:
        yield f"| {title} | {' | '.join('●' if column in opens_to else '' for column in columns)} |"


def _permissions() -> Iterator[str]:
    yield "\n## Permissions"
    for role, given in roles.permissions_of_roles().items():
        yield f"- **{role}**: {', '.join(f'`{name}`' for name in sorted(given)) or 'none'}"


def _names(found: tuple[str, ...]) -> str:
    return ", ".join(found) or "nobody"
