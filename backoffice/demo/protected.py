"""What investors of the demo do before they invest: read, answer, declare, and confirm a warning where one is due."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from accounts.models import User
from backoffice.demo import cast
from investments.models import Product
from protection import services
from protection.models import Disclosure, KnowledgeTest
from protection.rules import Figures

MEANS = {"USD": Decimal(120_000), "XOF": Decimal(60_000_000), "USDT": Decimal(100_000)}
"""What everybody declares beside forty times the sum that they invest."""

BOLD = ("professional", "investor", "vip1", "vip2")
"""Products of which some take far more than a twentieth of what they declare."""


def get_ready(investor: cast.Investor, person: User, product: Product, *, now: datetime) -> None:
    """Accept the sheet, pass the test (every ninth at the second try), simulate losses, confirm a warning."""
    accept_sheet(person, product, now=now)
    if investor.number % 9 == 8:
        take_test(person, wrong=3, now=now)
    take_test(person, wrong=investor.number % 3, now=now)
    is_bold = investor.product in BOLD and investor.number % 5 == 0
    figures = means(investor.amount, product.currency, is_bold=is_bold)
    services.simulate_losses(investor=person, figures=figures, currency=product.currency, now=now)
    if is_bold:
        warning = services.show_warning(
            investor=person, subject=product.scope, amount=investor.amount, currency=product.currency, now=now
        )
        services.confirm_warning(warning.pk, investor=person, now=now)


def accept_sheet(person: User, product: Product, *, now: datetime) -> None:
    """Accept the key information sheet of a product's active version."""
    accept(person, product.scope, product.versions.active().get().disclosure_version, now=now)


def accept(person: User, subject: str, version: str, *, now: datetime) -> None:
    """Accept a key information sheet."""
    sheet = Disclosure.objects.get(subject=subject, version=version)
    services.accept_disclosure(sheet.pk, investor=person, now=now)


def simulate(person: User, income: Decimal, currency: str, *, now: datetime) -> None:
    """Declare means in one more currency."""
    figures = Figures(income=income, assets=income, commitments=income / 2)
    services.simulate_losses(investor=person, figures=figures, currency=currency, now=now)


def take_test(person: User, *, wrong: int, now: datetime) -> None:
    """Answer the knowledge test, the first `wrong` questions wrongly."""
    test = KnowledgeTest.objects.present()
    answers = {one.id: one.answer for one in test.asked()}
    for one in test.asked()[:wrong]:
        answers[one.id] = (one.answer + 1) % len(one.choices)
    services.take_test(investor=person, test=test.pk, answers=answers, now=now)


def means(amount: Decimal, currency: str, *, is_bold: bool) -> Figures:
    """Declare a year's means: eight times what is invested, or forty times and more."""
    if is_bold:
        return Figures(income=amount * 3, assets=amount * 6, commitments=amount)
    return Figures(income=amount * 10, assets=amount * 40 + MEANS[currency], commitments=amount * 10)
