"""The payments desk in the console: a form, the figures, then a request that another officer approves."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from oversight.models import ApprovalRequest
from payments.models import BankCredit, Deposit
from payments.tests.conftest import Desk, books
from tests.people import enter, make_officer

DEPOSITS = "/admin/payments/deposit/"
CREDITS = "/admin/payments/bankcredit/"


@pytest.fixture
def omar_at(client: Client, desk: Desk) -> Client:
    enter(client, desk.omar)
    return client


def credit_form(**changes: Any) -> dict[str, Any]:
    return {
        "amount": "100.00",
        "currency": "USD",
        "bank_reference": "bank-0001",
        "value_on": "2026-06-01",
        "reason": "on the statement of today",
        "document": SimpleUploadedFile("advice.pdf", b"%PDF-1.7 advice"),
        **changes,
    }


def hidden(page: str) -> dict[str, str]:
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    fields += [(name, value) for value, name in re.findall(r'value="([^"]*)" name="([^"]+)" type="hidden"', page)]
    return dict(fields)


def walk(client: Client, address: str, form: dict[str, Any]) -> tuple[str, Any]:
    """Send the form, read the figures, confirm; return the page of figures and the last answer."""
    figures = client.post(address, form)
    page = figures.content.decode()
    if "_seen" not in page:
        return page, figures
    kept = {name: value for name, value in form.items() if name != "document"}
    return page, client.post(address, {**kept, **hidden(page), "_step": "confirm"})


def record(client: Client, deposit: Deposit, **changes: Any) -> tuple[str, Any]:
    return walk(client, f"{DEPOSITS}{deposit.pk}/do/record-credit/", credit_form(**changes))


def test_an_officer_records_the_credit_and_sees_the_figures_first(omar_at: Client, desk: Desk) -> None:
    deposit = desk.announce()
    assert omar_at.get(f"{DEPOSITS}{deposit.pk}/do/record-credit/").status_code == 200
    page, answer = record(omar_at, deposit)
    assert "credit the investor&#x27;s available balance: 100.00 USD" in page
    assert "another officer must approve it" in page
    assert answer.status_code == 302
    request = ApprovalRequest.objects.get()
    assert (request.requested_by, request.status) == (desk.omar, "requested")
    assert request.payload["bank_reference"] == "BANK-0001"
    desk.approve(request)
    deposit.refresh_from_db()
    assert (deposit.status, desk.available()) == ("confirmed", 100)


def test_the_figures_alone_change_nothing(omar_at: Client, desk: Desk) -> None:
    deposit = desk.announce()
    before = books()
    omar_at.post(f"{DEPOSITS}{deposit.pk}/do/record-credit/", credit_form())
    assert books() == before


def test_another_amount_is_said_to_go_to_suspense(omar_at: Client, desk: Desk) -> None:
    page, _ = record(omar_at, desk.announce(), amount="80.00")
    assert "debit cash, credit suspense: 80.00 USD" in page
    assert "exactly what was asked" in page


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "1e2"},
        {"amount": "١٠٠"},
        {"amount": "-5"},
        {"amount": "0"},
        {"amount": "NaN"},
        {"amount": "100.005"},
        {"amount": "100.0", "currency": "XOF"},
        {"amount": ""},
        {"currency": "ZZZ"},
        {"bank_reference": "x"},
        {"bank_reference": "=1+1"},
        {"value_on": "2999-01-01"},
        {"value_on": "yesterday"},
        {"reason": " "},
        {"document": SimpleUploadedFile("advice.exe", b"MZ")},
        {"document": SimpleUploadedFile("advice.pdf", b"")},
        {"document": ""},
    ],
)
def test_what_is_wrong_stays_on_the_page(omar_at: Client, desk: Desk, changes: dict[str, Any]) -> None:
    deposit = desk.announce()
    before = books()
    _, answer = record(omar_at, deposit, **changes)
    assert answer.status_code in {200, 422}
    assert books() == before


def test_a_reference_that_was_used_is_refused_on_the_page(omar_at: Client, desk: Desk) -> None:
    desk.confirm(desk.announce())
    before = books()
    _, answer = record(omar_at, desk.announce())
    assert (answer.status_code, books()[4]) == (409, before[4])
    assert "recorded before" in answer.content.decode()


@pytest.mark.parametrize("page", ["record-credit", "reverse-deposit"])
def test_only_finance_asks(client: Client, desk: Desk, page: str) -> None:

    deposit = desk.announce()
    address = f"{DEPOSITS}{deposit.pk}/do/{page}/"
    before = books()
    enter(client, make_officer("Sam", "support"))
    assert client.get(DEPOSITS).status_code == 200
    assert client.get(address).status_code == 403
    assert client.post(address, credit_form()).status_code == 403
    enter(client, desk.eve)
    assert client.get(address).status_code in {302, 403}
    assert books() == before


def test_the_queue_shows_what_waits(omar_at: Client, desk: Desk) -> None:
    waiting, done = desk.announce(), desk.confirm(desk.announce())
    page = omar_at.get(DEPOSITS).content.decode()
    assert waiting.shown_reference in page
    assert done.shown_reference not in page
    found = omar_at.get(f"{DEPOSITS}?q={done.shown_reference.lower()}").content.decode()
    assert done.shown_reference in found
    assert waiting.shown_reference not in found


def test_a_deposits_page_shows_its_course(omar_at: Client, desk: Desk) -> None:
    deposit = desk.confirm(desk.announce(), "80.00")
    page = omar_at.get(f"{DEPOSITS}{deposit.pk}/change/").content.decode()
    assert "100.00 USD" in page
    assert "80.00 USD, in suspense" in page
    assert "Confirm a deposit" in page
    assert "Record the bank credit" in page
    assert "Reverse this deposit" not in page


def test_suspense_is_allotted_sent_back_and_reversed_from_its_page(omar_at: Client, desk: Desk) -> None:
    for number in range(3):
        desk.approve(desk.record_unmatched("70.00", reference=f"BANK-{number}001"))
    allotted, returned, wrong = BankCredit.objects.order_by("bank_reference")
    deposit = desk.announce("75.00")
    page, _ = walk(
        omar_at,
        f"{CREDITS}{allotted.pk}/do/allot-credit/",
        {"deposit": deposit.shown_reference.lower(), "reason": "wrote to us"},
    )
    assert "debit suspense, credit the investor&#x27;s available balance: 70.00 USD" in page
    walk(
        omar_at,
        f"{CREDITS}{returned.pk}/do/return-credit/",
        {
            "bank_reference": "OUT-0001",
            "reason": "unknown payer",
            "document": SimpleUploadedFile("advice.pdf", b"%PDF out"),
        },
    )
    walk(omar_at, f"{CREDITS}{wrong.pk}/do/reverse-credit/", {"reason": "typed twice"})
    for request in ApprovalRequest.objects.filter(status="requested"):
        desk.approve(request)
    statuses = BankCredit.objects.order_by("bank_reference").values_list("status", flat=True)
    assert list(statuses) == ["credited", "returned", "reversed"]
    assert (desk.available(), desk.suspense(), desk.cash()) == (70, 0, 70)


@pytest.mark.parametrize("written", ["AAAAAAAACA", "", "💶", "AAAAA-AAACR"])
def test_a_wrong_reference_stays_on_the_page(omar_at: Client, desk: Desk, written: str) -> None:
    desk.approve(desk.record_unmatched("70.00"))
    credit = BankCredit.objects.get()
    before = books()
    _, answer = walk(omar_at, f"{CREDITS}{credit.pk}/do/allot-credit/", {"deposit": written, "reason": "?"})
    assert (answer.status_code, books()) == (200, before)


def test_an_unmatched_credit_is_recorded_above_the_list(omar_at: Client, desk: Desk) -> None:
    assert "Record an unmatched credit" in omar_at.get(CREDITS).content.decode()
    _, answer = walk(omar_at, f"{CREDITS}do/record-unmatched-credit/", credit_form(cash_scope="bank"))
    assert answer.status_code == 302
    desk.approve(ApprovalRequest.objects.get())
    assert (desk.suspense(), BankCredit.objects.get().status) == (Decimal(100), "held")


def test_a_reversal_is_asked_for_on_the_deposits_page(omar_at: Client, desk: Desk) -> None:
    deposit = desk.confirm(desk.announce())
    page, _ = walk(omar_at, f"{DEPOSITS}{deposit.pk}/do/reverse-deposit/", {"reason": "another's money"})
    assert "debit the investor&#x27;s available balance, credit cash: 100.00 USD" in page
    desk.approve(ApprovalRequest.objects.get(status="requested"))
    deposit.refresh_from_db()
    assert (deposit.status, desk.available()) == ("failed", 0)


@pytest.mark.parametrize("page", ["reverse-deposit", "record-credit"])
def test_pages_that_do_not_fit_the_state_refuse(omar_at: Client, desk: Desk, page: str) -> None:
    """Whoever types the address of a page that isn't offered gets its refusal, not an error."""
    deposit = desk.announce()
    if page == "record-credit":
        desk.confirm(deposit)
    before = books()
    _, answer = walk(
        omar_at, f"{DEPOSITS}{deposit.pk}/do/{page}/", credit_form() if page == "record-credit" else {"reason": "no"}
    )
    assert (answer.status_code, books()) == (409, before)


@pytest.mark.parametrize("path", ["paymentmethod/", "deposit/?status=all", "bankcredit/?status=all", "deposit/?q=%00"])
def test_lists_open(omar_at: Client, desk: Desk, path: str) -> None:
    desk.confirm(desk.announce())
    assert omar_at.get(f"/admin/payments/{path}").status_code in {200, 302}


def test_rows_open(omar_at: Client, desk: Desk) -> None:
    deposit = desk.confirm(desk.announce())
    method = deposit.method
    for row in (deposit, method, BankCredit.objects.get()):
        assert omar_at.get(f"/admin/payments/{row._meta.model_name}/{row.pk}/change/").status_code == 200
    assert omar_at.get(f"{DEPOSITS}{uuid4()}/do/record-credit/").status_code == 404


def test_a_list_takes_a_fixed_number_of_queries(
    omar_at: Client, desk: Desk, django_assert_max_num_queries: Any
) -> None:
    for _ in range(10):
        desk.announce()
    omar_at.get(DEPOSITS)
    with django_assert_max_num_queries(12):
        omar_at.get(DEPOSITS)
