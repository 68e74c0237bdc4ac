"""Database triggers as Django constraints, so that migrations create, change and drop them.

A guard's refusal is `RAISE EXCEPTION 'code: what to do' USING ERRCODE = 'FI...'`; `core.errors.from_database`
reads it. Not django-pgtrigger: any session may switch that off with a setting.
"""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement
from django.db.models import Model
from django.db.models.constraints import BaseConstraint

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"


class Guard(BaseConstraint):
    """One trigger and its function, both called `name`.

    `event` is as in CREATE TRIGGER ("BEFORE UPDATE OR DELETE"), `body` the PL/pgSQL block, `options` what
    follows LANGUAGE in CREATE FUNCTION, `referencing` the transition tables, `when` the trigger's condition.
    """

    def __init__(
        self,
        *,
        name: str,
        event: str,
        body: str,
        level: str = "STATEMENT",
        referencing: str = "",
        when: str = "",
        options: str = "SET search_path = pg_catalog, public, pg_temp",
    ) -> None:
        super().__init__(name=name)
        self.event, self.body, self.level = event, body, level
        self.referencing, self.when, self.options = referencing, when, options

    def _function(self) -> str:
        return (
            f'CREATE OR REPLACE FUNCTION "{self.name}"() RETURNS trigger LANGUAGE plpgsql {self.options} '
            f"AS $guard$\n{self.body.strip()}\n$guard$"
        )

    def trigger(self, table: str) -> str:
        """The statement that makes the trigger."""
        when = f" WHEN ({self.when})" if self.when else ""
        referencing = f" {self.referencing}" if self.referencing else ""
        return (
            f'CREATE TRIGGER "{self.name}" {self.event} ON "{table}"{referencing} '
            f'FOR EACH {self.level}{when} EXECUTE FUNCTION "{self.name}"()'
        )

    def _create(self, table: str) -> str:
        # `%` would be taken for a parameter by the schema editor's `%`-templates.
        return f"{self._function()};\n{self.trigger(table)}"

    def create_sql(self, model: type[Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> Statement:  # type: ignore[override]
        assert model is not None
        return _literal(self._create(model._meta.db_table))

    def remove_sql(self, model: type[Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> Statement:  # type: ignore[override]
        return _literal(f'DROP FUNCTION IF EXISTS "{self.name}"() CASCADE')

    def constraint_sql(self, model: type[Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> None:  # type: ignore[override]
        """Put the trigger after CREATE TABLE: it isn't part of the column list."""
        assert model is not None and schema_editor is not None
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))

    def validate(self, model: type[Model], instance: Model, exclude: Any = None, using: str = DEFAULT_DB_ALIAS) -> None:
        """Nothing: only the database can say."""

    def deconstruct(self) -> tuple[str, tuple[()], dict[str, str]]:
        arguments = ("name", "event", "body", "level", "referencing", "when", "options")
        return "core.guards.Guard", (), {argument: getattr(self, argument) for argument in arguments}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Guard) and self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash(self.name)


def _literal(sql: str) -> Statement:
    return Statement(sql.replace("%", "%%"))


def append_only(name: str) -> Guard:
    """Refuse UPDATE, DELETE and TRUNCATE; a mistake is corrected by a further row."""
    return Guard(
        name=name,
        event="BEFORE UPDATE OR DELETE OR TRUNCATE",
        body="""
BEGIN
    RAISE EXCEPTION 'append-only: % keeps what was written; correct it by a further row', TG_TABLE_NAME
        USING ERRCODE = 'FI001';
END
""",
    )


def stamped(name: str) -> Guard:
    """Write `recorded_at` by the database's clock, whatever was given: no row is dated into a day that was sealed."""
    return Guard(
        name=name,
        event="BEFORE INSERT",
        level="ROW",
        body="""
BEGIN
    NEW.recorded_at := clock_timestamp();
    RETURN NEW;
END
""",
    )


def only_columns_move(name: str, *columns: str) -> Guard:
    """Refuse DELETE, and any UPDATE that changes another column than these."""
    listed = ", ".join(f"'{column}'" for column in columns)
    return Guard(
        name=name,
        event="BEFORE UPDATE OR DELETE",
        level="ROW",
        body=f"""
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - ARRAY[{listed}] IS DISTINCT FROM to_jsonb(NEW) - ARRAY[{listed}] THEN
        RAISE EXCEPTION 'frozen: of % only {", ".join(columns)} may change', TG_TABLE_NAME USING ERRCODE = 'FI002';
    END IF;
    RETURN NEW;
END
""",
    )
