-- Refusing and extending erasure requests.

CREATE FUNCTION etl_internal.open_request(erasure_id bigint) RETURNS etl.erasure
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    request etl.erasure;
BEGIN
    IF open_request.erasure_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'erasure_id must not be null',
            HINT = 'SELECT * FROM etl.erasure_report; lists the requests.';
    END IF;
    SELECT e.* INTO request FROM etl.erasure e WHERE e.erasure_id = open_request.erasure_id FOR UPDATE;
    IF request.erasure_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('there is no erasure request %s', erasure_id),
            HINT = 'SELECT * FROM etl.erasure_report; lists the requests.';
    ELSIF request.status <> 'held' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('erasure request %s is not open', erasure_id),
            DETAIL = format('Its status is %s.', request.status),
            HINT = 'Only a request that waits can be refused or extended: put the person on hold first (etl_hold).';
    END IF;
    RETURN request;
END $$;
COMMENT ON FUNCTION etl_internal.open_request(bigint)
    IS 'The request, locked. Raises 42704 or 55000 where it is not open';

CREATE FUNCTION @extschema@.etl_refuse(erasure_id bigint, ground text) RETURNS etl.erasure
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    why constant text := etl_internal.require_reason(ground);
    request etl.erasure;
    decided etl.erasure_decision;
BEGIN
    PERFORM etl_internal.require_writable('etl_refuse');
    request := etl_internal.open_request(etl_refuse.erasure_id);
    INSERT INTO etl.erasure_decision (erasure_id, decision, reason)
    VALUES (request.erasure_id, 'refused', why) RETURNING * INTO decided;
    UPDATE etl.erasure e SET status = 'refused' WHERE e.erasure_id = request.erasure_id RETURNING e.* INTO request;
    PERFORM etl_internal.journal_erasure(request.erasure_id);
    PERFORM etl_internal.journal_decision('refuse', request.dataset, request.subject, request.email,
        request.erasure_id, NULL, decided.reason, decided.at);
    PERFORM etl_internal.append_audit(request.erasure_id, 'refuse', 'etl.erasure', NULL, 1);
    RETURN request;
END $$;
COMMENT ON FUNCTION @extschema@.etl_refuse(bigint, text)
    IS 'Refuses a request that waits, on a legal ground (GDPR article 17(3)), which etl.erasure_report shows. Errors: '
    '42704 no such request, 55000 not open, 22004 no ground';

CREATE FUNCTION @extschema@.etl_refuse(dataset text, subject text, ground text) RETURNS SETOF etl.erasure
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    request bigint;
    pseudonym text;
BEGIN
    PERFORM etl_internal.require_writable('etl_refuse');
    IF etl_refuse.subject IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'subject must not be null';
    END IF;
    PERFORM etl_internal.require_holdable(etl_refuse.dataset, etl_refuse.subject),
        etl_internal.require_reason(etl_refuse.ground);
    pseudonym := etl.subject_pseudonym(etl_refuse.dataset, etl_refuse.subject);
    FOR request IN SELECT e.erasure_id FROM etl.erasure e
                    WHERE e.dataset OPERATOR(pg_catalog.=) etl_refuse.dataset AND e.status OPERATOR(pg_catalog.=) 'held'
                      AND e.subject OPERATOR(pg_catalog.=) pseudonym ORDER BY 1 LOOP
        RETURN NEXT @extschema@.etl_refuse(request, ground);
    END LOOP;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = 'no erasure request of this person is open',
            HINT = 'Only a request that waits can be refused: put the person on hold first (etl_hold).';
    END IF;
END $$;
COMMENT ON FUNCTION @extschema@.etl_refuse(text, text, text) IS 'Refuses the waiting requests of a person';

CREATE FUNCTION @extschema@.etl_extend(erasure_id bigint, reason text) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    why constant text := etl_internal.require_reason(etl_extend.reason);
    request etl.erasure;
    decided etl.erasure_decision;
BEGIN
    PERFORM etl_internal.require_writable('etl_extend');
    request := etl_internal.open_request(etl_extend.erasure_id);
    IF clock_timestamp() > request.received_at + interval '1 month' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the time of erasure request %s is over', request.erasure_id),
            DETAIL = 'The person must hear of an extension within one month of the request (GDPR article 12(3)).';
    END IF;
    INSERT INTO etl.erasure_decision (erasure_id, decision, reason)
    VALUES (request.erasure_id, 'extended', why)
    ON CONFLICT DO NOTHING RETURNING * INTO decided;
    IF decided.erasure_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('erasure request %s was extended before', request.erasure_id),
            DETAIL = 'A request can be extended once.';
    END IF;
    PERFORM etl_internal.journal_decision('extend', request.dataset, request.subject, request.email,
        request.erasure_id, NULL, decided.reason, decided.at);
    PERFORM etl_internal.append_audit(request.erasure_id, 'extend', 'etl.erasure', NULL, 1);
    RETURN request.received_at + interval '3 months';
END $$;
COMMENT ON FUNCTION @extschema@.etl_extend(bigint, text)
    IS 'Extends the time of a request that waits, once, by two further months (GDPR article 12(3)), and returns when '
    'it is due. Errors: 42704 no such request, 55000 not open, extended before or too late, 22004 no reason';
