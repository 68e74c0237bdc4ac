"""What the database refuses of the ledger, whoever writes. Source: docs/rules/ledger.md.

The trigger on Transfer is set-based and answers all checks of a statement with one join; only a failure looks
for the offender. Its plans are pinned: a cached plan from a bulk insert made single postings 100 times slower.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.guards import DEFINER, Guard
from ledger import chart

DAY_LOCK = 7_105_001
"""The advisory lock of the business day: postings share it, closing takes it alone."""

PINNED = "SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off"

# One row of new_rows, its accounts, currency, transaction and rule; NULL where a row is missing.
JOIN = """
    FROM new_rows n
    LEFT JOIN ledger_transaction t ON t.id = n.transaction_id
    LEFT JOIN ledger_account d ON d.id = n.debit_account_id
    LEFT JOIN ledger_account c ON c.id = n.credit_account_id
    LEFT JOIN ledger_currency u ON u.code = n.currency_id
    LEFT JOIN ledger_postingrule r
        ON r.kind = t.kind AND r.debit_kind = d.kind AND r.credit_kind = c.kind
"""

AMOUNT_OK = "n.amount > 0 AND min_scale(n.amount) <= u.exponent"  # NaN and infinity have no scale.
CURRENCY_OK = "d.currency_id = n.currency_id AND c.currency_id = n.currency_id"
OWNERS_OK = "(NOT r.same_owner OR d.owner_id IS NULL OR c.owner_id IS NULL OR d.owner_id = c.owner_id)"
SCOPES_OK = """(
        (NOT r.same_scope OR d.scope = c.scope)
        AND (r.scope_prefix = '' OR (d.scope <> '' OR c.scope <> '')
             AND (d.scope = '' OR starts_with(d.scope, r.scope_prefix))
             AND (c.scope = '' OR starts_with(c.scope, r.scope_prefix)))
        AND (r.debit_scope = '' OR d.scope = r.debit_scope)
    )"""
RULE_OK = f"(t.reverses_id IS NOT NULL OR r.id IS NOT NULL AND {OWNERS_OK} AND {SCOPES_OK})"
FUND_SIDE = "(a.kind IN ('principal', 'deployed') OR a.kind = 'shortfall' AND strpos(a.scope, ':') > 0)"

_CHECK = f"""
    SELECT bool_and(COALESCE(
               n.booked_on = $1 AND n.line BETWEEN 1 AND t.moves
               AND n.debit_account_id <> n.credit_account_id
               AND {AMOUNT_OK} AND {CURRENCY_OK} AND {RULE_OK}, false)),
           bool_or(t.moves > 1),
           bool_or(t.reverses_id IS NOT NULL OR r.needs_evidence OR r.needs_approval OR r.same_owner AND t.moves > 1),
           bool_or({FUND_SIDE.replace("a.", "d.")} OR {FUND_SIDE.replace("a.", "c.")})
    {JOIN}
"""

# In the accounts' order: they stand so in their pages.
_BOOK = """
    UPDATE ledger_account a SET debits = a.debits + s.debit, credits = a.credits + s.credit
    FROM (
        SELECT x.id, sum(x.debit) AS debit, sum(x.credit) AS credit
        FROM (SELECT debit_account_id AS id, amount AS debit, 0 AS credit FROM new_rows
              UNION ALL
              SELECT credit_account_id, 0, amount FROM new_rows) x
        GROUP BY x.id
        ORDER BY x.id
    ) s
    WHERE a.id = s.id AND a.keeps_balance
"""

# The same for one transfer, without the join: each posting of two accounts comes this way.
_BOOK_ONE = """
    UPDATE ledger_account SET
        debits = debits + CASE WHEN id = v_debit THEN v_amount ELSE 0 END,
        credits = credits + CASE WHEN id = v_credit THEN v_amount ELSE 0 END
    WHERE id IN (v_debit, v_credit) AND keeps_balance
"""

_OFFENDER = f"""
    SELECT CASE
        WHEN t.id IS NULL THEN 'no-transaction: the transfer names a transaction that does not exist'
        WHEN d.id IS NULL OR c.id IS NULL THEN 'no-account: the transfer names an account that does not exist'
        WHEN n.booked_on IS DISTINCT FROM v_day THEN
            format('wrong-day: booked on %s, but the open business day is %s', n.booked_on, v_day)
        WHEN n.line NOT BETWEEN 1 AND t.moves THEN
            format('wrong-line: line %s of a transaction of %s', n.line, t.moves)
        WHEN u.code IS NULL THEN 'no-currency: the transfer names a currency that does not exist'
        WHEN ({AMOUNT_OK}) IS NOT TRUE THEN
            format('wrong-amount: %s is not a positive amount of at most %s decimals', n.amount, u.exponent)
        WHEN ({CURRENCY_OK}) IS NOT TRUE THEN
            format('wrong-currency: %s from an account in %s to one in %s', n.currency_id, d.currency_id, c.currency_id)
        WHEN n.debit_account_id = n.credit_account_id THEN 'same-account: debit and credit are one account'
        ELSE format('no-rule: no posting rule lets %s debit %s (%s) and credit %s (%s)',
                    t.kind, d.kind, d.scope, c.kind, c.scope)
    END
    {JOIN}
    WHERE (n.booked_on = v_day AND n.line BETWEEN 1 AND t.moves AND n.debit_account_id <> n.credit_account_id
           AND {AMOUNT_OK} AND {CURRENCY_OK} AND {RULE_OK}) IS NOT TRUE
    ORDER BY n.transaction_id, n.line LIMIT 1
"""

# What only some kinds need: one owner over all lines, evidence, approval, the mirror of a reversal.
_SPECIAL = """
    FOR v_one IN
        SELECT t.id, t.kind, t.moves, t.evidence_id, t.approval_id, t.reverses_id,
               COALESCE(bool_or(r.needs_evidence), false) AS needs_evidence,
               COALESCE(bool_or(r.needs_approval), false) AS needs_approval,
               COALESCE(bool_or(r.same_owner), false) AS same_owner
        FROM new_rows n
        JOIN ledger_transaction t ON t.id = n.transaction_id
        JOIN ledger_account d ON d.id = n.debit_account_id
        JOIN ledger_account c ON c.id = n.credit_account_id
        LEFT JOIN ledger_postingrule r
            ON r.kind = t.kind AND r.debit_kind = d.kind AND r.credit_kind = c.kind
        GROUP BY t.id
        ORDER BY t.id
    LOOP
        IF v_one.same_owner AND v_one.moves > 1 THEN
            SELECT count(DISTINCT a.owner_id) INTO v_count
            FROM new_rows n JOIN ledger_account a ON a.id IN (n.debit_account_id, n.credit_account_id)
            WHERE n.transaction_id = v_one.id;
            IF v_count > 1 THEN
                RAISE EXCEPTION 'two-owners: all owned accounts of a % have one owner', v_one.kind
                    USING ERRCODE = 'FI012';
            END IF;
        END IF;

        IF v_one.reverses_id IS NOT NULL THEN
            SELECT t.moves INTO v_count FROM ledger_transaction t
            WHERE t.id = v_one.reverses_id AND t.reverses_id IS NULL;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'not-reversible: what is reversed must exist and be no reversal itself'
                    USING ERRCODE = 'FI013';
            END IF;
            IF v_count <> v_one.moves OR EXISTS (
                SELECT 1 FROM new_rows n
                WHERE n.transaction_id = v_one.id AND NOT EXISTS (
                    SELECT 1 FROM ledger_transfer x
                    WHERE x.transaction_id = v_one.reverses_id AND x.line = n.line
                      AND x.debit_account_id = n.credit_account_id AND x.credit_account_id = n.debit_account_id
                      AND x.amount = n.amount AND x.currency_id = n.currency_id))
            THEN
                RAISE EXCEPTION 'no-mirror: a reversal mirrors the transaction that it names, line by line'
                    USING ERRCODE = 'FI013';
            END IF;
        END IF;

        v_approval_needed := v_one.needs_approval OR v_one.reverses_id IS NOT NULL;
        IF v_one.needs_evidence THEN
            SELECT e.type INTO v_type FROM ledger_evidence e WHERE e.id = v_one.evidence_id FOR NO KEY UPDATE;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'no-evidence: a % needs evidence', v_one.kind USING ERRCODE = 'FI014';
            END IF;
            IF EXISTS (SELECT 1 FROM ledger_transaction o
                       WHERE o.evidence_id = v_one.evidence_id AND o.id <> v_one.id
                         AND NOT EXISTS (SELECT 1 FROM ledger_transaction b WHERE b.reverses_id = o.id))
            THEN
                RAISE EXCEPTION 'evidence-used: this evidence already stands behind another transaction'
                    USING ERRCODE = 'FI014';
            END IF;
            v_approval_needed := v_approval_needed OR v_type = 'document';
        END IF;

        IF v_approval_needed THEN
            SELECT sha256(convert_to(v_one.kind || '|' || string_agg(
                       n.line || ':' || n.debit_account_id || ':' || n.credit_account_id || ':'
                       || n.currency_id || ':' || n.amount, '|' ORDER BY n.line), 'UTF8'))
            INTO v_hash FROM new_rows n WHERE n.transaction_id = v_one.id;
            IF NOT EXISTS (SELECT 1 FROM oversight_approvalrequest q
                           WHERE q.id = v_one.approval_id AND q.status = 'approved' AND q.moves_hash = v_hash)
            THEN
                RAISE EXCEPTION 'no-approval: a % needs an approval of exactly these moves', v_one.kind
                    USING ERRCODE = 'FI015';
            END IF;
        END IF;
    END LOOP;
"""

_FUNDS = f"""
    INSERT INTO ledger_fund (scope, currency_id)
    SELECT DISTINCT a.scope, a.currency_id
    FROM new_rows n JOIN ledger_account a ON a.id IN (n.debit_account_id, n.credit_account_id)
    WHERE {FUND_SIDE}
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;

    PERFORM 1 FROM ledger_fund f
    WHERE (f.scope, f.currency_id) IN (
        SELECT a.scope, a.currency_id
        FROM new_rows n JOIN ledger_account a ON a.id IN (n.debit_account_id, n.credit_account_id)
        WHERE {FUND_SIDE})
    ORDER BY f.scope, f.currency_id FOR NO KEY UPDATE;

    UPDATE ledger_fund f SET
        principal = f.principal + s.principal, deployed = f.deployed + s.deployed, shortfall = f.shortfall + s.shortfall
    FROM (
        SELECT a.scope, a.currency_id,
               COALESCE(sum(x.credit - x.debit) FILTER (WHERE a.kind = 'principal'), 0) AS principal,
               COALESCE(sum(x.debit - x.credit) FILTER (WHERE a.kind = 'deployed'), 0) AS deployed,
               COALESCE(sum(x.debit - x.credit) FILTER (WHERE a.kind = 'shortfall'), 0) AS shortfall
        FROM (SELECT debit_account_id AS id, amount AS debit, 0 AS credit FROM new_rows
              UNION ALL
              SELECT credit_account_id, 0, amount FROM new_rows) x
        JOIN ledger_account a ON a.id = x.id
        WHERE {FUND_SIDE}
        GROUP BY a.scope, a.currency_id
    ) s
    WHERE f.scope = s.scope AND f.currency_id = s.currency_id;

    IF EXISTS (
        SELECT 1
        FROM new_rows n
        JOIN ledger_transaction t ON t.id = n.transaction_id AND t.reverses_id IS NULL
        JOIN ledger_account c ON c.id = n.credit_account_id AND c.kind = 'principal'
        JOIN ledger_fund f ON f.scope = c.scope AND f.currency_id = c.currency_id AND f.shortfall > 0)
    THEN
        RAISE EXCEPTION 'fund-shortfall: while a loss is not made good, nobody new may fund this product'
            USING ERRCODE = 'FI016';
    END IF;
"""


def _into(variables: str, query: str) -> str:
    return query.replace("FROM new_rows n", f"INTO {variables} FROM new_rows n", 1)


_TRANSFER_BODY = f"""
DECLARE
    v_day date; v_rows bigint; v_debit uuid; v_credit uuid; v_amount numeric;
    v_ok boolean; v_several boolean; v_special boolean; v_funds boolean;
    v_one record; v_count bigint; v_type text; v_hash bytea; v_approval_needed boolean; v_text text;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'isolation: post at READ COMMITTED; an older snapshot could post into a closed day'
            USING ERRCODE = 'FI010';
    END IF;
    PERFORM pg_advisory_xact_lock_shared({DAY_LOCK});
    -- In a statement of its own: one that locks and reads would see the day as it was before it waited.
    SELECT (SELECT day FROM ledger_businessday WHERE closed_at IS NULL),
           count(*), any_value(debit_account_id), any_value(credit_account_id), any_value(amount)
    INTO v_day, v_rows, v_debit, v_credit, v_amount FROM new_rows;
    IF v_rows = 0 THEN
        RETURN NULL;
    END IF;

    IF v_rows <= 12 THEN
        {_into("v_ok, v_several, v_special, v_funds", _CHECK.replace("$1", "v_day"))};
    ELSE
        EXECUTE $check${_CHECK}$check$ INTO v_ok, v_several, v_special, v_funds USING v_day;
    END IF;
    IF NOT v_ok THEN
        {_into("v_text", _OFFENDER)};
        RAISE EXCEPTION '%', v_text USING ERRCODE = 'FI011';
    END IF;
    IF v_several AND EXISTS (
        SELECT 1 FROM (SELECT transaction_id, count(*) AS lines FROM new_rows GROUP BY transaction_id) g
        JOIN ledger_transaction t ON t.id = g.transaction_id WHERE g.lines <> t.moves)
    THEN
        RAISE EXCEPTION 'incomplete: a transaction''s transfers come in one statement, all of them'
            USING ERRCODE = 'FI011';
    END IF;
    IF v_special THEN
        {_SPECIAL}
    END IF;

    IF v_rows = 1 THEN
        {_BOOK_ONE};
    ELSIF v_rows <= 12 THEN
        {_BOOK};
    ELSE
        EXECUTE $book${_BOOK}$book$;
    END IF;
    IF v_funds THEN
        {_FUNDS}
    END IF;
    RETURN NULL;
END
"""


def transfer_is_right() -> Guard:
    """Check and book every statement that inserts transfers."""
    return Guard(
        name="ledger_transfer_is_right",
        event="AFTER INSERT",
        referencing="REFERENCING NEW TABLE AS new_rows",
        body=_TRANSFER_BODY,
        options=f"{DEFINER} {PINNED}",
    )


def among(kinds: Iterable[str]) -> str:
    """Return kinds of accounts as SQL: an array."""
    quoted = ", ".join(f"'{kind}'" for kind in sorted(kinds))
    return f"ARRAY[{quoted}]"


NO_KIND = f"a.kind <> ALL ({among(chart.KINDS)})"
WRONG_OWNER = f"(a.kind = ANY ({among(chart.OWNED)})) <> (a.owner_id IS NOT NULL)"

# What an account's kind makes of it. No generated columns: PostgreSQL reads the text of each anew at every posting.
_BY_KIND = {
    "normal_side": f"CASE WHEN a.kind = ANY ({among(chart.DEBIT_NORMAL)}) THEN 'D' ELSE 'C' END",
    "overdraft_allowed": f"(a.kind = ANY ({among(chart.OVERDRAFT_ALLOWED)}))",
    "keeps_balance": f"(a.kind <> ALL ({among(chart.OVERDRAFT_ALLOWED)}))",
}
WRONG_SIDE = " OR ".join(f"a.{column} <> {value}" for column, value in _BY_KIND.items())
_SETS = "\n    ".join(f"NEW.{column} := {value};" for column, value in _BY_KIND.items()).replace("a.", "NEW.")

_OPENS = f"""
BEGIN
    IF {NO_KIND.replace("a.", "NEW.")} THEN
        RAISE EXCEPTION 'no-kind: there is no account of kind %', NEW.kind USING ERRCODE = 'FI018';
    END IF;
    IF {WRONG_OWNER.replace("a.", "NEW.")} THEN
        RAISE EXCEPTION 'wrong-owner: an account of kind % belongs to %', NEW.kind,
            CASE WHEN NEW.owner_id IS NULL THEN 'an investor' ELSE 'nobody' END USING ERRCODE = 'FI018';
    END IF;
    IF NEW.debits <> 0 OR NEW.credits <> 0 THEN
        RAISE EXCEPTION 'frozen: an account opens with nothing in it' USING ERRCODE = 'FI002';
    END IF;
    {_SETS}
    RETURN NEW;
END
"""


def account_is_fixed() -> tuple[Guard, ...]:
    """Refuse an account of no kind, one that its kind's owner doesn't have or that opens with a balance; any change but
    of its sums; its removal. Write what its kind makes of it, whatever was given.

    What a new account must be is no CHECK: PostgreSQL reads the text of each CHECK anew at every posting, and lists of
    kinds were a tenth of its time. What is refused of a change is said in the event and in WHEN, which cost nothing,
    and after the update.
    """
    return (
        Guard(name="ledger_account_opens", event="BEFORE INSERT", level="ROW", body=_OPENS),
        _refusal(
            "ledger_account_is_fixed",
            "AFTER UPDATE OF id, kind, owner_id, subject, scope, currency_id, normal_side, overdraft_allowed,"
            " keeps_balance",
            text="of an account only the sums change",
        ),
        _refusal(
            "ledger_account_grows",
            "AFTER UPDATE OF debits, credits",
            when="NEW.debits < OLD.debits OR NEW.credits < OLD.credits",
            text="the sums of an account only grow",
        ),
        _refusal("ledger_account_stays", "BEFORE DELETE", text="an account stays"),
    )


def _refusal(name: str, event: str, *, text: str, when: str = "") -> Guard:
    return Guard(
        name=name,
        event=event,
        level="ROW",
        when=when,
        body=f"""
BEGIN
    RAISE EXCEPTION 'frozen: {text}' USING ERRCODE = 'FI002';
END
""",
    )


def currency_is_fixed() -> Guard:
    """Refuse another exponent or code, and the removal of a currency."""
    return Guard(
        name="ledger_currency_is_fixed",
        event="BEFORE UPDATE OR DELETE",
        level="ROW",
        body="""
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.code, NEW.exponent) IS DISTINCT FROM (OLD.code, OLD.exponent) THEN
        RAISE EXCEPTION 'frozen: a currency keeps its code and its exponent' USING ERRCODE = 'FI002';
    END IF;
    RETURN NEW;
END
""",
    )


def day_closes_once() -> Guard:
    """Refuse any change of a business day but its closing."""
    return Guard(
        name="ledger_day_closes_once",
        event="BEFORE UPDATE OR DELETE",
        level="ROW",
        body="""
BEGIN
    IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL OR NEW.closed_at IS NULL
       OR (NEW.day, NEW.opened_at) IS DISTINCT FROM (OLD.day, OLD.opened_at) THEN
        RAISE EXCEPTION 'frozen: a business day is closed once and stays closed' USING ERRCODE = 'FI002';
    END IF;
    RETURN NEW;
END
""",
    )
