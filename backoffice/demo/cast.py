"""Who plays in the demo: five officers, two hundred investors, and those on the other side of the treasury."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random

from treasury.services import Counterparty

INVESTORS = 200
SEED = 2026

FIRST_NAMES = (
    "Ana", "Koffi", "Awa", "Moussa", "Fatou", "Kwame", "Ama", "Ibrahim", "Aïcha", "Yao", "Mariam", "Sékou", "Adjoa",
    "Cheikh", "Nafi", "Didier", "Rokia", "Femi", "Chidi", "Ngozi", "Tunde", "Zainab", "Emeka", "Grâce", "Serge",
    "Béatrice", "Olivier", "Clarisse", "Hervé", "Sylvie",
)  # fmt: skip
LAST_NAMES = (
    "Houngbo", "Adjovi", "Diop", "Traoré", "Koné", "Mensah", "Ouattara", "Sow", "Bamba", "Zinsou", "Ndiaye", "Okafor",
    "Balogun", "Agbodjan", "Kouassi", "Sawadogo", "Dossou", "Kéïta", "Lawson", "Amoussou",
)  # fmt: skip
COUNTRIES = ("BJ", "CI", "SN", "TG", "BF", "ML", "NE")

OWNER = Counterparty("Fiducia Holding SA", "FR", "owner")


@dataclass(frozen=True, slots=True)
class LogIn:
    """Somebody whom a visitor of the demo may be."""

    title: str
    first_name: str
    last_name: str
    roles: tuple[str, ...]

    @property
    def email(self) -> str:
        return f"{self.first_name.lower()}@demo.example"

    @property
    def password(self) -> str:
        """Known to all who read this: `play_demo` refuses to run in production."""
        return f"{self.first_name.lower()}-watches-the-pools"


ADA = LogIn("Administrator", "Ada", "Quenum", ("administrator",))
MIA = LogIn("Administrator", "Mia", "Tossou", ("administrator",))
OMAR = LogIn("Officer: finance, compliance", "Omar", "Bello", ("finance", "compliance"))
LIN = LogIn("Officer: finance, compliance", "Lin", "Akplogan", ("finance", "compliance"))
NADIA = LogIn("Officer: finance, compliance", "Nadia", "Cissé", ("finance", "compliance"))
ANA = LogIn("Investor (API)", "Ana", "Houngbo", ())
OFFICERS = (OMAR, LIN, NADIA)
SHOWN = (OMAR, LIN, ADA, ANA)


@dataclass(frozen=True, slots=True)
class Investor:
    """Joins on day `joins` (1 is the first) and puts `amount` into `product`; `by_deposit`: the transfer names it."""

    number: int
    first_name: str
    last_name: str
    country: str
    joins: int
    product: str
    amount: Decimal
    by_deposit: bool

    @property
    def email(self) -> str:
        return ANA.email if self.number == 0 else f"investor{self.number:03d}@demo.example"


@dataclass(frozen=True, slots=True)
class Taste:
    """A product and who takes it: how many, sums in steps, and the days on which they join."""

    product: str
    count: int
    lowest: int
    highest: int
    step: int
    joins: tuple[int, int]


TASTES = (
    Taste("basic", 66, 100, 900, 50, (1, 38)),
    Taste("premium", 26, 300, 1500, 100, (1, 34)),
    Taste("professional", 14, 1000, 5000, 500, (2, 20)),
    Taste("investor", 6, 10000, 16000, 1000, (1, 5)),
    Taste("vip0", 16, 3000, 20000, 1000, (1, 38)),
    Taste("vip1", 18, 30000, 120000, 10000, (1, 38)),
    Taste("vip2", 14, 150000, 500000, 50000, (2, 36)),
    Taste("vip3", 8, 600000, 2000000, 100000, (3, 30)),
    Taste("stake-30", 12, 50, 600, 50, (1, 24)),
    Taste("stake-90", 12, 100, 1500, 100, (2, 30)),
    Taste("stake-180", 5, 200, 2000, 100, (4, 30)),
    Taste("stake-365", 3, 500, 3000, 500, (6, 30)),
)


def investors() -> list[Investor]:
    """Return the same two hundred people each time, in order of joining; Ana comes first, on the first day."""
    random = Random(SEED)  # noqa: S311
    people = [_person(number, taste, random) for number, taste in enumerate(_tastes())]
    return sorted(people, key=lambda person: (person.joins, person.number))


def _tastes() -> list[Taste]:
    return [taste for taste in TASTES for _ in range(taste.count)]


def _person(number: int, taste: Taste, random: Random) -> Investor:
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    amount = Decimal(random.randrange(taste.lowest, taste.highest + 1, taste.step))
    joins = random.randint(*taste.joins)
    if number == 0:
        first, last, joins, amount = ANA.first_name, ANA.last_name, 1, Decimal(400)
    country = random.choice(COUNTRIES)
    return Investor(number, first, last, country, joins, taste.product, amount, by_deposit=random.random() < 0.4)
