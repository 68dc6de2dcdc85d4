-- Which tables hold, or have held, records about people.

CREATE TABLE etl.personal_relation (
    relation_oid oid NOT NULL,
    origin       text NOT NULL,
    name         text NOT NULL,
    dataset      text NOT NULL,
    people       text NOT NULL,
    columns      text[] NOT NULL,
    noted_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (relation_oid, origin)
);
COMMENT ON TABLE etl.personal_relation
    IS 'Tables that hold, or have held, records about people: target tables and all that lies behind them. One that is '
    'no target table any more (a detached partition, a table of a dataset that was dropped or has other tables now) '
    'may still hold people; an erasure names it. Delete a row when that is no more so';
COMMENT ON COLUMN etl.personal_relation.relation_oid IS 'The table''s OID';
COMMENT ON COLUMN etl.personal_relation.origin
    IS 'The database that the OID is of: in one into which a dump was restored the table is known by its name';
COMMENT ON COLUMN etl.personal_relation.name IS 'Its name when it was noted last';
COMMENT ON COLUMN etl.personal_relation.dataset IS 'Whose records';
COMMENT ON COLUMN etl.personal_relation.people IS 'The dataset whose people they are about';
COMMENT ON COLUMN etl.personal_relation.columns IS 'Number and name of the columns that were personal at any time';
COMMENT ON COLUMN etl.personal_relation.noted_at IS 'When it was noted first';
SELECT pg_catalog.pg_extension_config_dump('etl.personal_relation', '');

CREATE FUNCTION etl_internal.this_database() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.system_identifier || '/' || d.oid FROM pg_control_system() s, pg_database d
        WHERE d.datname = current_database()
$$;
COMMENT ON FUNCTION etl_internal.this_database()
    IS 'Which database this is: another one after a dump was restored, the same on a standby and after a recovery';

CREATE FUNCTION etl.former_places(dataset text, OUT place text, OUT remark text) RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'etl_former_places';
COMMENT ON FUNCTION etl.former_places(text)
    IS 'What has held records about the people of a dataset and is out of reach of an erasure: detached partitions, '
    'tables of definitions that are gone or name others now, columns that are not treated any more';
