-- Reserve as much of what is asked for as is left of an offer: under its lock, in one call, since whoever comes next
-- waits until this one has committed. Money moves, the investment is written and counted, the trail tells it.
-- Unless out_verdict is 'reserved' nothing is done but the lock held, and the caller says why:
-- 'not-live' (its status and deadline speak), 'held' (the investor holds other than p_held by now), 'full'.
CREATE OR REPLACE FUNCTION offers_invest(
    p_id uuid, p_offer uuid, p_investor uuid, p_requested numeric, p_held numeric, p_available uuid, p_locked uuid,
    p_day date, p_at timestamptz, p_reflects_until timestamptz, p_disclosure_version text,
    p_method text, p_path text, p_key text, p_fingerprint bytea, p_ip inet, p_request_id text,
    OUT out_verdict text, OUT out_held numeric, OUT out_accepted numeric, OUT out_operation uuid,
    OUT out_committed numeric
)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off  -- a plan made while there were few investments mustn't read all of them when there are many
AS $$
DECLARE
    v_offer offers_offer;
BEGIN
    SELECT * INTO STRICT v_offer FROM offers_offer WHERE id = p_offer FOR NO KEY UPDATE;
    IF v_offer.status <> 'live' OR v_offer.deadline < p_day THEN
        out_verdict := 'not-live';
        RETURN;
    END IF;
    -- Statements of their own: they see what those who held the lock before have committed.
    SELECT coalesce(sum(accepted_amount), 0) INTO out_held FROM offers_offerinvestment
    WHERE offer_id = p_offer AND investor_id = p_investor AND status IN ('reserved', 'committed');
    IF out_held <> p_held THEN
        out_verdict := 'held';
        RETURN;
    END IF;
    out_accepted := least(p_requested, v_offer.max_amount - v_offer.committed_amount);
    IF out_accepted <= 0
       OR EXISTS (SELECT FROM offers_offerinvestment WHERE offer_id = p_offer AND status = 'waiting') THEN
        out_verdict := 'full';
        RETURN;
    END IF;

    SELECT out_id INTO STRICT out_operation FROM ledger_post(
        p_day, p_investor, 'offer_reserve', 'offer_reserve:' || p_id,
        sha256(convert_to('offer_reserve|1:' || p_available || ':' || p_locked || ':' || v_offer.currency || ':'
                          || out_accepted::numeric(38, 18), 'UTF8')),
        '', NULL, NULL, NULL, p_available, p_locked, v_offer.currency, out_accepted);
    INSERT INTO offers_offerinvestment
        (id, offer_id, investor_id, status, requested_amount, accepted_amount, principal, disclosure_version,
         operation_id, asked_at, reserved_at, reflects_until,
         request_method, request_path, request_key, request_fingerprint)
    VALUES (p_id, p_offer, p_investor, 'reserved', p_requested, out_accepted, 0, p_disclosure_version,
            out_operation, p_at, p_at, p_reflects_until, p_method, p_path, p_key, p_fingerprint);
    UPDATE offers_offer SET committed_amount = committed_amount + out_accepted WHERE id = p_offer
    RETURNING committed_amount INTO STRICT out_committed;
    INSERT INTO oversight_auditevent
        (id, action, actor_id, at, target_type, target_id, after, reason, ip, request_id)
    VALUES (uuidv7(), 'offers.invested', p_investor, p_at, 'offers.offerinvestment', p_id,
            jsonb_build_object('requested', trim_scale(p_requested)::text, 'accepted', trim_scale(out_accepted)::text),
            '', p_ip, p_request_id);
    out_verdict := 'reserved';
END
$$;
