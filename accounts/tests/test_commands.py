from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User

pytestmark = pytest.mark.django_db

TWO = ["ada@example.com:Ada:Quenum", "mia@example.com:Mia:Adjovi"]


def bootstrap(*words: str) -> str:
    out = StringIO()
    call_command("bootstrap_officers", *words, stdout=out)
    return out.getvalue()


def test_makes_two_administrators_and_shows_their_passwords_once():
    shown = bootstrap(*TWO)
    people = User.objects.order_by("pk")
    assert [(p.email, p.get_full_name(), p.country) for p in people] == [
        ("ada@example.com", "Ada Quenum", "BJ"),
        ("mia@example.com", "Mia Adjovi", "BJ"),
    ]
    for person in people:
        row = next(line for line in shown.splitlines() if person.email in line)
        password = row.replace("│", "|").split("|")[-2].strip()
        assert len(password) == 20
        assert person.check_password(password)
        assert [group.name for group in person.groups.all()] == ["administrator"]


def test_takes_passwords_from_the_environment(monkeypatch):
    monkeypatch.setenv("FIDUCIA_OFFICER_1_PASSWORD", "a first good secret")
    monkeypatch.setenv("FIDUCIA_OFFICER_2_PASSWORD", "a second good secret")
    shown = bootstrap(*TWO)
    ada, mia = User.objects.order_by("pk")
    assert ada.check_password("a first good secret")
    assert mia.check_password("a second good secret")
    assert "good secret" not in shown


def test_takes_passwords_from_a_prompt(monkeypatch):
    answers = iter(["a first good secret"] * 2 + ["a second good secret"] * 2)
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    bootstrap("--prompt", *TWO)
    assert [p.check_password("a second good secret") for p in User.objects.order_by("pk")] == [False, True]


def test_refuses_afterwards(ada):
    with pytest.raises(CommandError, match="There are administrators already"):
        bootstrap(*TWO)
    assert list(User.objects.all()) == [ada]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ada@example.com", TWO[1]], "isn't EMAIL:FIRST:LAST"),
        (["ada:Ada:Quenum", TWO[1]], "not an e-mail address"),
        ([TWO[0], TWO[0]], "taken, or both are the same"),
    ],
)
def test_refuses_what_is_no_pair_of_officers(words, said):
    with pytest.raises(CommandError, match=said):
        bootstrap(*words)
    assert not User.objects.exists()


def test_refuses_a_weak_password(monkeypatch):
    monkeypatch.setenv("FIDUCIA_OFFICER_2_PASSWORD", "password")
    with pytest.raises(CommandError, match="password of mia"):
        bootstrap(*TWO)
    assert not User.objects.exists()


def test_refuses_another_number_of_officers():
    with pytest.raises(CommandError):
        bootstrap(TWO[0])
