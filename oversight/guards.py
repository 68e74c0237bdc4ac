"""What the database itself refuses of oversight's tables."""

from __future__ import annotations

from core.guards import DEFINER, Guard


def never_emptied(name: str) -> Guard:
    """Refuse DELETE and TRUNCATE."""
    return Guard(
        name=name,
        event="BEFORE DELETE OR TRUNCATE",
        body="""
BEGIN
    RAISE EXCEPTION 'kept: rows of % are never removed', TG_TABLE_NAME USING ERRCODE = 'FI001';
END
""",
    )


def request_born_open(name: str) -> Guard:
    """Refuse a request that is inserted as decided."""
    return Guard(
        name=name,
        event="BEFORE INSERT",
        level="ROW",
        body="""
BEGIN
    IF NEW.status <> 'requested' THEN
        RAISE EXCEPTION 'born-decided: a request begins open' USING ERRCODE = 'FI010';
    END IF;
    RETURN NEW;
END
""",
    )


def request_frozen(name: str) -> Guard:
    """Refuse any change but one decision, and an approval without enough others who approved."""
    return Guard(
        name=name,
        event="BEFORE UPDATE",
        level="ROW",
        options=DEFINER,
        body="""
DECLARE
    for_it integer;
    against_it integer;
BEGIN
    IF to_jsonb(OLD) - ARRAY['status', 'decided_at'] IS DISTINCT FROM to_jsonb(NEW) - ARRAY['status', 'decided_at'] THEN
        RAISE EXCEPTION 'frozen: of a request only its status moves' USING ERRCODE = 'FI002';
    END IF;
    IF OLD.status <> 'requested' THEN
        RAISE EXCEPTION 'decided: this request is % already', OLD.status USING ERRCODE = 'FI011';
    END IF;
    SELECT count(*) FILTER (WHERE verdict = 'approve'), count(*) FILTER (WHERE verdict = 'reject')
        INTO for_it, against_it
        FROM public.oversight_decision
        WHERE request_id = OLD.id AND approver_id <> OLD.requested_by_id
            AND approver_id IS DISTINCT FROM OLD.beneficiary_id;
    IF NEW.status = 'approved' AND (for_it < OLD.approvals OR against_it > 0) THEN
        RAISE EXCEPTION 'not-approved: % of % approvals', for_it, OLD.approvals USING ERRCODE = 'FI012';
    END IF;
    IF NEW.status = 'rejected' AND against_it = 0 THEN
        RAISE EXCEPTION 'not-rejected: nobody has rejected it' USING ERRCODE = 'FI013';
    END IF;
    RETURN NEW;
END
""",
    )


def decision_of_another(name: str) -> Guard:
    """Refuse a decision by the requester or the beneficiary, and one on a request that is decided."""
    return Guard(
        name=name,
        event="BEFORE INSERT",
        level="ROW",
        options=DEFINER,
        body="""
DECLARE
    request record;
BEGIN
    SELECT requested_by_id, beneficiary_id, status INTO request
        FROM public.oversight_approvalrequest WHERE id = NEW.request_id FOR NO KEY UPDATE;
    IF request.requested_by_id = NEW.approver_id THEN
        RAISE EXCEPTION 'own-request: nobody decides their own request' USING ERRCODE = 'FI014';
    END IF;
    IF request.beneficiary_id = NEW.approver_id THEN
        RAISE EXCEPTION 'own-benefit: nobody decides what is to their own benefit' USING ERRCODE = 'FI015';
    END IF;
    IF request.status <> 'requested' THEN
        RAISE EXCEPTION 'decided: this request is % already', request.status USING ERRCODE = 'FI011';
    END IF;
    RETURN NEW;
END
""",
    )


def key_stays_destroyed(name: str) -> Guard:
    """Refuse to change a destroyed key, and to give a key to another person."""
    return Guard(
        name=name,
        event="BEFORE UPDATE",
        level="ROW",
        body="""
BEGIN
    IF OLD.destroyed_at IS NOT NULL THEN
        RAISE EXCEPTION 'destroyed: this key is gone for good' USING ERRCODE = 'FI016';
    END IF;
    IF OLD.person_id <> NEW.person_id OR OLD.created_at <> NEW.created_at THEN
        RAISE EXCEPTION 'frozen: a key belongs to one person' USING ERRCODE = 'FI002';
    END IF;
    RETURN NEW;
END
""",
    )


def alert_stays_closed(name: str) -> Guard:
    """Refuse to change a closed alert, and what an open one is about."""
    return Guard(
        name=name,
        event="BEFORE UPDATE",
        level="ROW",
        body="""
BEGIN
    IF OLD.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'closed: this alert is closed' USING ERRCODE = 'FI017';
    END IF;
    IF (OLD.id, OLD.kind, OLD.dedupe, OLD.target_type, OLD.target_id, OLD.raised_at)
        IS DISTINCT FROM (NEW.id, NEW.kind, NEW.dedupe, NEW.target_type, NEW.target_id, NEW.raised_at) THEN
        RAISE EXCEPTION 'frozen: what an alert is about never changes' USING ERRCODE = 'FI002';
    END IF;
    RETURN NEW;
END
""",
    )
