"""What an investor holds, page by page. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Model

from api.pagination import Listing
from investments.models import Position, Product, ProductVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings(Listing[Position]):
    """An investor's positions; a slice of them is one query, and has each version and product once."""

    owner_id: UUID
    status: str | None = None
    currency: str | None = None

    def read(self, *, limit: int, offset: int) -> list[Position]:
        """Read a page: of version and product only what says which terms a position keeps."""
        arguments = {name: getattr(self, name) for name in ("owner_id", *_NARROWED)}
        narrowed = " ".join(sql for name, sql in _NARROWED.items() if arguments[name] is not None)
        with connection.cursor() as cursor:
            cursor.execute(
                _PAGE.format(narrowed=narrowed, order=self.direction), arguments | {"limit": limit, "offset": offset}
            )
            rows = cursor.fetchall()
        versions: dict[UUID, ProductVersion] = {}
        return [_position(row, versions) for row in rows]


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


_POSITION: Final = _columns(
    Position,
    "id product_id version_id status initial_principal principal deposited withdrawn disclosure_version"
    " opened_at funded_on last_on",
)
_VERSION: Final = _columns(ProductVersion, "id product_id number rate rate_period payout term_days risk_warning")
_PRODUCT: Final = _columns(Product, "id code kind display_name currency")
_TERMS, _SOLD = len(_POSITION), len(_POSITION) + len(_VERSION)
_PAGE: Final = f"""
SELECT {", ".join([*(f"p.{name}" for name in _POSITION), *(f"v.{name}" for name in _VERSION)])},
       {", ".join(f"r.{name}" for name in _PRODUCT)}
FROM investments_position p
JOIN investments_productversion v ON v.id = p.version_id
JOIN investments_product r ON r.id = p.product_id
WHERE p.owner_id = %(owner_id)s {{narrowed}}
ORDER BY p.id {{order}} LIMIT %(limit)s OFFSET %(offset)s
"""


def _position(row: Sequence[Any], versions: dict[UUID, ProductVersion]) -> Position:
    position = Position.from_db(connection.alias, _POSITION, row[:_TERMS])
    version = versions.get(position.version_id)
    if version is None:
        version = ProductVersion.from_db(connection.alias, _VERSION, row[_TERMS:_SOLD])
        version.product = Product.from_db(connection.alias, _PRODUCT, row[_SOLD:])
        versions[version.pk] = version
    position.version, position.product = version, version.product
    return position
