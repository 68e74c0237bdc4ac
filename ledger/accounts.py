"""Find accounts, and open them when they are first needed. All functions are steps."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from uuid_utils.compat import uuid7

from core.errors import NotFound
from ledger import chart
from ledger.models import Account, Currency


class UnknownCurrency(NotFound):
    code = "unknown-currency"
    title = "This platform doesn't know that currency"


@dataclass(frozen=True, slots=True)
class Wallet:
    """The three accounts of one owner and currency."""

    available: Account
    locked: Account
    in_payout: Account


def open_account(
    kind: str, currency: str, *, owner: models.Model | None = None, subject: str = "", scope: str = ""
) -> Account:
    """Return the one account of these names; open it if it isn't there yet.

    Raises UnknownCurrency.
    """
    found = _find(kind, currency, owner=owner, subject=subject, scope=scope)
    if found is not None:
        return found
    require_currency(currency)
    account = Account(
        id=uuid7(),
        kind=kind,
        owner_id=owner.pk if owner else None,
        subject=subject,
        scope=scope,
        currency_id=currency,
    )
    insert_accounts([account])
    opened = _find(kind, currency, owner=owner, subject=subject, scope=scope)
    assert opened is not None
    return opened


def insert_accounts(accounts: list[Account]) -> None:
    """Open accounts in one statement; one that is there already stays as it is.

    Only the columns that the application's role may write are named.
    """
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO ledger_account (id, kind, owner_id, subject, scope, currency_id)
            SELECT * FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::text[])
            ON CONFLICT DO NOTHING
            """,
            [
                [a.id for a in accounts],
                [a.kind for a in accounts],
                [a.owner_id for a in accounts],
                [a.subject for a in accounts],
                [a.scope for a in accounts],
                [a.currency_id for a in accounts],
            ],
        )


def wallet(owner: models.Model, currency: str) -> Wallet:
    """Return the owner's wallet in a currency; open its accounts if need be."""
    names = {"owner_id": owner.pk, "subject": "", "scope": "", "currency_id": currency}
    found = {account.kind: account for account in Account.objects.wallets().filter(**names)}
    missing = [kind for kind in chart.WALLET if kind not in found]
    if missing:
        require_currency(currency)
        insert_accounts([Account(id=uuid7(), kind=kind, **names) for kind in missing])
        found = {account.kind: account for account in Account.objects.wallets().filter(**names)}
    return Wallet(found["available"], found["locked"], found["in_payout"])


def returns_due(product_scope: str, currency: str) -> list[Account]:
    """Return the 16 shards that a product's settlements are paid from, shard n at place n."""
    shards = [str(number) for number in range(chart.RETURNS_DUE_SHARDS)]
    names = {"kind": "returns_due", "scope": product_scope, "currency_id": currency}
    found = {account.subject: account for account in Account.objects.filter(**names)}
    if len(found) < len(shards):
        insert_accounts([Account(id=uuid7(), subject=shard, **names) for shard in shards if shard not in found])
        found = {account.subject: account for account in Account.objects.filter(**names)}
    return [found[shard] for shard in shards]


def require_currency(code: str) -> Currency:
    """Return the currency. Raises UnknownCurrency."""
    currency = Currency.objects.filter(pk=code).first()
    if currency is None:
        raise UnknownCurrency(currency=code[:8])
    return currency


def _find(kind: str, currency: str, *, owner: models.Model | None, subject: str, scope: str) -> Account | None:
    return Account.objects.filter(
        kind=kind, currency_id=currency, owner_id=owner.pk if owner else None, subject=subject, scope=scope
    ).first()
