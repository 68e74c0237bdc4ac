"""Statements as CSV, page by page in flat memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from typing import Final

from ledger import amounts, history, statements
from ledger.models import Account

PAGE: Final = 1000
COLUMNS: Final = (
    "booked_on",
    "value_date",
    "posted_at",
    "type",
    "kind",
    "memo",
    "in",
    "out",
    "balance",
    "currency",
    "transaction",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Echo:
    """A file that gives each row back as it is written."""

    def write(self, row: str) -> str:
        return row


def statement_csv(
    account: Account | None, currency: str, *, since: date | None = None, until: date | None = None
) -> Iterator[str]:
    """Write a statement, newest first; the running balance is carried from page to page."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    if account is None:
        return
    place: statements.Place | None = None
    while True:
        page = statements.page(account, limit=PAGE, after=place, since=since, until=until)
        for line in page.lines:
            yield writer.writerow(_row(line, currency))
        place = page.next
        if place is None:
            return


def plain_text(text: str) -> str:
    """Return text that a spreadsheet shows and doesn't run: a leading =, +, -, @ or control gets an apostrophe."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _row(line: statements.Line, currency: str) -> tuple[str, ...]:
    amount = amounts.format_amount(abs(line.amount), currency)
    return (
        line.booked_on.isoformat(),
        line.effective_on.isoformat(),
        line.posted_at.isoformat(),
        history.type_of(line.kind).value,
        line.kind,
        plain_text(line.memo),
        amount if line.amount > 0 else "",
        amount if line.amount < 0 else "",
        amounts.format_amount(line.balance, currency),
        currency,
        str(line.transaction_id),
    )
