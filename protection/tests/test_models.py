"""What the database refuses of what investors have seen, answered and declared, as the application's login role."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import Error, connection, transaction

from core.errors import from_database
from protection import seeds, services
from protection.models import Disclosure, Jurisdiction, KnowledgeTest
from protection.services.jurisdictions import RULES
from protection.tests.conftest import NOON, SUBJECT, get_ready

pytestmark = pytest.mark.django_db

DENIED, CHECK, UNIQUE = "42501", "23514", "23505"
TABLES = (
    "acceptance",
    "disclosure",
    "jurisdiction",
    "knowledgeresult",
    "knowledgetest",
    "losssimulation",
    "riskconfirmation",
    "riskwarning",
)


def refused(sql: str, *parameters: Any) -> str | None:
    """Run SQL in a savepoint; return what refused it: a guard's code, or the SQLSTATE."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
    except Error as error:
        refusal = from_database(error)
        return refusal.facts["guard"] if refusal else error.__cause__.sqlstate
    return None


@pytest.fixture
def done(ana: Any, sheet: Disclosure) -> Any:
    """Ana, who has left a row of everything."""
    get_ready(ana, sheet)
    warning = services.show_warning.inside(investor=ana, subject=SUBJECT, amount=2000, currency="USD", now=NOON)
    services.confirm_warning.inside(warning.pk, investor=ana, now=NOON)
    return ana


@pytest.mark.parametrize("table", TABLES)
def test_what_was_written_stays(done: Any, table: str) -> None:
    assert refused(f"UPDATE protection_{table} SET id = id") == DENIED
    assert refused(f"DELETE FROM protection_{table}") == DENIED
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM protection_{table}")
        assert cursor.fetchone() == (1,)


@pytest.mark.parametrize(
    ("table", "changes", "code"),
    [
        ("disclosure", {}, UNIQUE),
        ("disclosure", {"version": "'2'", "subject": "'weather:solar'"}, CHECK),
        ("disclosure", {"version": "''"}, CHECK),
        ("disclosure", {"version": "'2'", "body": "''"}, CHECK),
        ("acceptance", {}, UNIQUE),
        ("riskconfirmation", {}, UNIQUE),
        ("riskwarning", {"amount": "0"}, CHECK),
        ("riskwarning", {"subject": "'solar'"}, CHECK),
        ("knowledgetest", {}, UNIQUE),
        ("knowledgetest", {"version": "'2'", "pass_mark": "0"}, CHECK),
        ("jurisdiction", {"warning_share": "1.1"}, CHECK),
        ("jurisdiction", {"bearable_share": "0"}, CHECK),
        ("jurisdiction", {"knowledge_years": "11"}, CHECK),
        ("jurisdiction", {"simulation_days": "0"}, CHECK),
        ("jurisdiction", {"loss_simulation": "false"}, CHECK),
        ("jurisdiction", {"country": "'BJ'"}, None),
    ],
)
def test_a_further_row_is_held_against_the_constraints(
    done: Any, table: str, changes: dict[str, str], code: str | None
) -> None:
    """A copy of the row that stands, with these columns changed; the last line is the control."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [f"protection_{table}"],
        )
        columns = [name for (name,) in cursor.fetchall()]
    values = {name: f'"{name}"' for name in columns} | {"id": "uuidv7()"} | changes
    insert = (
        f"INSERT INTO protection_{table} ({', '.join(columns)}) SELECT {', '.join(values[each] for each in columns)}"
    )
    assert refused(f"{insert} FROM protection_{table}") == code


def test_rows_are_stamped_by_the_databases_own_clock(ana: Any, sheet: Disclosure) -> None:
    """So that the seal of a day takes them in: `now` is an argument, here in another month."""
    sheet.refresh_from_db()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        assert abs((cursor.fetchone()[0] - sheet.recorded_at).total_seconds()) < 60


def test_the_seeds_are_sown_once_and_what_officers_changed_stays(db: None) -> None:
    changed = {name: getattr(Jurisdiction.objects.of(""), name) for name in RULES} | {"vip": False}
    Jurisdiction.objects.create(**changed)
    asked = KnowledgeTest.objects.present()
    KnowledgeTest.objects.create(version="2027-01", questions=asked.questions[:4], pass_mark=3)
    seeds.load(using="default")
    assert (Jurisdiction.objects.count(), KnowledgeTest.objects.count()) == (2, 2)
    assert Jurisdiction.objects.of("BJ").vip is False
    assert KnowledgeTest.objects.present().version == "2027-01"


def test_the_first_rules_and_questions(db: None) -> None:
    """10 % of the net worth, a warning above 5 %, a day, two years; commissions are closed."""
    rules = Jurisdiction.objects.of("BJ")
    assert (rules.bearable_share * 100, rules.warning_share * 100) == (10, 5)
    assert (rules.cooling_off_hours, rules.knowledge_years, rules.reflection_days) == (24, 2, 4)
    assert (rules.commissions, rules.vip, rules.request_id) == (False, True, None)
    test = KnowledgeTest.objects.present()
    assert (len(test.asked()), test.pass_mark) == (8, 6)
    assert all(0 <= one.answer < len(one.choices) and one.why for one in test.asked())
