-- Whoever owns the database may have put functions, operators, aggregates, casts and types of his own
-- into schema public, which fit our calls better than the server's (CVE-2018-1058, CVE-2022-2625).
-- Nothing in this script is looked for there: our own objects are qualified, everything else is the
-- server's. Upgrade scripts begin in the same way. Nothing is CREATEd OR REPLACEd or IF NOT EXISTS: an
-- object that is there already is somebody else's, and the script ends with an error.
SET LOCAL search_path = pg_catalog, pg_temp;
