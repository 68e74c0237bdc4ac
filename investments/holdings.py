"""What an investor holds, page by page. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Model

from api.pagination import Listing
from investments import rules
from investments.models import Product, ProductVersion
from investments.models.products import LATEST_CEILING
from ledger.days import OPEN_DAY


class Held(NamedTuple):
    """A position as a page shows it, under the model's names; making the model's instances took as long as the SQL.

    `is_leaving` says whether an exit waits. The open day and the ceiling come with each row: a round trip apiece saved.
    """

    id: UUID
    product_id: UUID
    version_id: UUID
    status: str
    initial_principal: Decimal
    principal: Decimal
    deposited: Decimal
    withdrawn: Decimal
    disclosure_version: str
    opened_at: datetime
    funded_on: date | None
    last_on: date | None
    version: ProductVersion
    is_leaving: bool
    open_day: date | None
    latest_ceiling: Decimal | None

    @property
    def closed(self) -> date | None:
        """The last closed day."""
        return None if self.open_day is None else self.open_day - rules.ONE_DAY

    @property
    def ceiling(self) -> Decimal:
        """The yearly rate above which its terms are badged."""
        return self.latest_ceiling or rules.DEFAULT_RATE_CEILING

    @property
    def product(self) -> Product:
        return self.version.product

    @property
    def currency(self) -> str:
        return self.version.product.currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings(Listing[Held]):
    """An investor's positions; a slice of them is one query, and has each version and product once."""

    owner_id: UUID
    status: str | None = None
    currency: str | None = None

    def read(self, *, limit: int, offset: int) -> list[Held]:
        """Read a page."""
        arguments = {name: getattr(self, name) for name in ("owner_id", *_NARROWED)}
        narrowed = " ".join(sql for name, sql in _NARROWED.items() if arguments[name] is not None)
        sql = _PAGE.format(narrowed=narrowed, order=self.direction)
        return _held(sql, arguments | {"limit": limit, "offset": offset})

    def one(self, position_id: UUID) -> Held:
        """Read one of the owner's positions."""
        sql = _PAGE.format(narrowed="AND p.id = %(id)s", order=self.direction)
        (found,) = _held(sql, {"owner_id": self.owner_id, "id": position_id, "limit": 1, "offset": 0})
        return found


_NARROWED: Final = {
    "status": "AND p.status = %(status)s",
    "currency": "AND r.currency = %(currency)s",
    "before": "AND p.id < %(before)s",
    "after": "AND p.id > %(after)s",
}


def _columns(model: type[Model], names: str) -> list[str]:
    """Put columns into the order of the model's fields, as `from_db` takes them."""
    wanted = set(names.split())
    return [column.attname for column in model._meta.concrete_fields if column.attname in wanted]


_POSITION: Final = Held._fields[: Held._fields.index("version")]
# Of version and product only what says which terms a position keeps.
_VERSION: Final = _columns(ProductVersion, "id product_id number rate rate_period payout term_days risk_warning")
_PRODUCT: Final = _columns(Product, "id code kind display_name currency")
_TERMS = len(_POSITION)
_SOLD = _TERMS + len(_VERSION)
_BESIDE = _SOLD + len(_PRODUCT)
_PAGE: Final = f"""
SELECT {", ".join([*(f"p.{name}" for name in _POSITION), *(f"v.{name}" for name in _VERSION)])},
       {", ".join(f"r.{name}" for name in _PRODUCT)},
       EXISTS (SELECT FROM investments_exitrequest e WHERE e.position_id = p.id AND e.status = 'waiting'),
       ({OPEN_DAY}), ({LATEST_CEILING})
FROM investments_position p
JOIN investments_productversion v ON v.id = p.version_id
JOIN investments_product r ON r.id = p.product_id
WHERE p.owner_id = %(owner_id)s {{narrowed}}
ORDER BY p.id {{order}} LIMIT %(limit)s OFFSET %(offset)s
"""


def _held(sql: str, arguments: dict[str, Any]) -> list[Held]:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        rows = cursor.fetchall()
    versions: dict[UUID, ProductVersion] = {}
    return [Held._make((*row[:_TERMS], _version(row, versions), *row[_BESIDE:])) for row in rows]


def _version(row: Sequence[Any], versions: dict[UUID, ProductVersion]) -> ProductVersion:
    version_id = row[_TERMS]
    version = versions.get(version_id)
    if version is None:
        version = versions[version_id] = ProductVersion.from_db(connection.alias, _VERSION, row[_TERMS:_SOLD])
        version.product = Product.from_db(connection.alias, _PRODUCT, row[_SOLD:_BESIDE])
    return version
