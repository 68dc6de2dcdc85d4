# One session that runs for years: neither its memory nor its descriptors and threads grow with the
# number of runs. ETL_SOAK=1: 1,000 runs.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use EtlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $runs = $ENV{ETL_SOAK} ? 1000 : 100;
my $node = etl_node(conf => "autovacuum = off\n");
my $hour = 'date=2020-01-01/hour=0';

# What one round does, of everything that a session does again and again: loads, updates, quarantine,
# replay, dry runs, errors that are caught.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE memory (round int, resident bigint, contexts bigint, top bigint, descriptors int, threads int);
CREATE TABLE descriptor (target text);
CREATE PROCEDURE rounds(n int) LANGUAGE plpgsql AS $$
DECLARE raw text := current_setting('etl.raw_dir') || '/date=2020-01-01/hour=0';
BEGIN
  FOR i IN 1 .. n LOOP
    EXECUTE format($f$COPY (SELECT format('{"sku": %%s, "name": "n%s", "price": 1, "category": "c", "popularity": 1}', s) FROM generate_series(1, 20) s
                     UNION ALL SELECT '{"sku": ' UNION ALL SELECT '{"sku": 1, "name": 5}') TO %L$f$, i, raw || '/products.json');
    PERFORM etl_run('products');
    PERFORM etl_replay('products');
    UPDATE etl.quarantine SET status = 'discarded' WHERE status = 'open';
    PERFORM count(*) FROM etl_validate('products', '{"sku": "x"}');
    PERFORM count(*) FROM etl.unclaimed;
    PERFORM count(*) FROM etl_anonymized(NULL::data.products, 'products');
    BEGIN PERFORM etl_run('nothing'); EXCEPTION WHEN undefined_object THEN NULL; END;
    BEGIN PERFORM etl_read('nothing'); EXCEPTION WHEN undefined_file THEN NULL; END;
    BEGIN PERFORM etl_define('{"x-etl": 5}'); EXCEPTION WHEN invalid_parameter_value THEN NULL; END;
    COMMIT;
    IF i = 1 OR i % greatest(n / 20, 1) = 0 THEN
      TRUNCATE descriptor;
      -- a moment later the backend has the program's pipe and waits: nothing is opened or closed
      EXECUTE format('COPY descriptor FROM PROGRAM %L', 'sleep 0.2; find /proc/' || pg_backend_pid() || '/fd -type l -printf "%l\n"');
      INSERT INTO memory
        SELECT i, substring(pg_read_file('/proc/' || pg_backend_pid() || '/status') from 'RssAnon:\s*(\d+)')::bigint,
               (SELECT sum(used_bytes) FROM pg_backend_memory_contexts),
               (SELECT sum(used_bytes) FROM pg_backend_memory_contexts WHERE name IN ('TopMemoryContext', 'CacheMemoryContext')),
               (SELECT count(*) FROM descriptor WHERE target NOT LIKE current_setting('data_directory') || '/%'),
               (SELECT count(*) FROM pg_ls_dir('/proc/' || pg_backend_pid() || '/task'));
    END IF;
  END LOOP;
END $$;
SQL
make_folder("$node->{etl_root}/raw/$hour");
sub make_folder { require File::Path; File::Path::make_path($_[0]); chmod 0777, $_[0]; return }
# the run removes the folder when it is empty: a file that nobody claims keeps it
stage($node, "$hour/keep.txt", 'x');
$node->safe_psql('postgres', "CALL rounds($runs)");
is_sql($node, 'SELECT count(*), sum(loaded) FROM etl.run WHERE files = 1', "$runs|" . 20 * $runs, "$runs runs");
note($node->safe_psql('postgres', 'SELECT * FROM memory ORDER BY round'));
# compared from the second half on: caches have filled by then
my ($resident, $contexts) = split /\|/,
  $node->safe_psql('postgres', "SELECT max(resident) FILTER (WHERE round > $runs * 0.9) - max(resident) FILTER (WHERE round BETWEEN $runs * 0.4 AND $runs * 0.6), "
	  . "max(contexts) FILTER (WHERE round > $runs * 0.9) - max(contexts) FILTER (WHERE round BETWEEN $runs * 0.4 AND $runs * 0.6) FROM memory");
cmp_ok($resident, '<', 2048, "resident memory of its own does not grow ($resident kB in the second half)");
cmp_ok($contexts, '<', 256 * 1024, "nor does memory in contexts ($contexts bytes)");

# The server keeps files of its data directory open, more or fewer of them; all others are ours.
my ($first, $last, $threads) = split /\|/, $node->safe_psql('postgres', <<"SQL");
SELECT max(descriptors) FILTER (WHERE round = 1), max(descriptors) FILTER (WHERE round > $runs * 0.9), max(threads) FROM memory
SQL
note("$first descriptors after the first run, $last after $runs");
is($last, $first, 'a run leaves no descriptor open')
  or diag("open at the end:\n" . $node->safe_psql('postgres', 'SELECT target FROM descriptor ORDER BY 1'));
is($threads, 1, 'and no thread');

$node->stop;
done_testing();
