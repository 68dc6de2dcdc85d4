# pg_etl: make, make install and make installcheck as with any PGXS extension; make check and
# make demo also work on a machine that has nothing installed yet.

# These do not need PGXS (and make check must not be PGXS's own, which only says that it is not
# supported): they install what is missing first and then call make again for the rest.
SCRIPTED = check lint fuzz soak demo setup bench bench/generate

ifneq (,$(filter $(SCRIPTED),$(MAKECMDGOALS)))

.PHONY: check lint fuzz soak demo setup bench
check lint fuzz soak demo setup:
	scripts/$@

bench:
	bench/run

bench/generate: bench/generate.cpp $(wildcard bench/*.h)
	$(CXX) -std=c++20 -O2 -g -Wall -Wextra -Wshadow $(if $(WERROR),-Werror) -Ibench -o $@ $< -lisal -lpthread

ifneq (,$(filter-out $(SCRIPTED),$(MAKECMDGOALS)))
$(error $(filter $(SCRIPTED),$(MAKECMDGOALS)) cannot be combined with other targets)
endif

else

EXTENSION = pg_etl
EXTVERSION = 1.0
MODULE_big = pg_etl
# The stages of a record's journey are folders; a new source file needs no entry here.
SOURCES = $(sort $(wildcard src/*.cpp src/*/*.cpp src/core/*/*.cpp))
OBJS = $(SOURCES:.cpp=.o)

# The pieces of the extension script, each named for the object it is about, in the order in which they stand in the
# script. A table, view or function of language SQL comes after what it names; one of PL/pgSQL or C needs only the types
# of its arguments.
SQL_PIECES = \
	schema settings dataset run pause file quarantine file_action \
	erasure subject_index tombstone personal_relation \
	audit journal key archive hold export lent_function \
	run_functions treatment_functions personal_columns erase_functions erasure_decision erasure_report certificate \
	locate_functions purge retention \
	pg_cron scheduling health help \
	compatibility_views
# The last of all: what they do they do to everything that the script has made.
SQL_PIECES += grants comments privileges
SQL_FILES = $(SQL_PIECES:%=sql/%.sql)

INSTALL_SCRIPT_SQL = build/pg_etl--$(EXTVERSION).sql
DATA_built = $(INSTALL_SCRIPT_SQL)
DATA = $(wildcard sql/upgrade/*.sql)
# In the order in which they refer to each other.
STANDARD_DATASETS = products customers transactions erasure_requests
SCHEMAS = $(STANDARD_DATASETS:%=schemas/%.json)
# What definitions are checked against, embedded as C++ string literals (#include "meta/x-etl.inc").
META_SCHEMAS = $(sort $(wildcard schemas/meta/*.json))
EMBEDDED = $(META_SCHEMAS:schemas/%.json=build/%.inc)

REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
# Where the server finds modules that only tests load.
TEST_LIBDIR ?= $(CURDIR)/build/test
# test/expected is a link to expected/, where pg_regress would not look.
REGRESS_OPTS = --inputdir=test --outputdir=build/regress --dlpath=$(TEST_LIBDIR)
TEST_MODULES = $(TEST_LIBDIR)/boundary.so $(TEST_LIBDIR)/anon_provider.so
REGRESS_PREP = regress-output test-modules

PG_CONFIG ?= pg_config
ifeq (,$(shell command -v $(PG_CONFIG)))
$(error $(PG_CONFIG) not found: run "make setup", or set PG_CONFIG to the server's pg_config)
endif

# The server's headers as system headers: our warnings are about our code.
# Hidden but for the entry points, which PostgreSQL 15 does not yet mark by itself.
PG_CPPFLAGS = -Isrc -Ibuild -isystem $(shell $(PG_CONFIG) --includedir-server) '-DPGDLLEXPORT=__attribute__((visibility("default")))'
PG_CXXFLAGS = -std=c++20 -O2 -Wall -Wextra -fPIC -fvisibility=hidden -MMD -MP $(if $(WERROR),-Werror)
SHLIB_LINK = -lsimdjson -lisal -lz -lzstd -lcrypto -lpcre2-8 -licuuc -lidn2 -lstdc++ -lpthread
EXTRA_CLEAN = build bench/generate $(OBJS:.o=.d)

# JIT inlining needs bitcode, which needs clang, and would gain nothing: no function of ours is
# called often enough in a query.
override with_llvm = no

# Installed without symbols: they are twenty times the library. pg_etl.so of this folder keeps them, and
# install-debug puts them where debuggers look, apart from the library, as Debian does.
INSTALL_STRIP_FLAG = -s

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Objects depend on how they are built, too.
$(OBJS): Makefile | $(EMBEDDED)
$(EMBEDDED): build/%.inc: schemas/%.json Makefile
	@mkdir -p $(@D)
	@{ printf 'R"json('; cat $<; printf ')json"\n'; } > $@.tmp && mv $@.tmp $@
-include $(OBJS:.o=.d)

# The extension script: the pieces of sql/ in order, then the standard definitions, which need everything else.
$(INSTALL_SCRIPT_SQL): $(sort $(SQL_FILES) $(wildcard sql/*.sql)) $(SCHEMAS) Makefile
	@mkdir -p $(@D)
	@test '$(sort $(SQL_FILES))' = '$(sort $(wildcard sql/*.sql))' || \
		{ echo "SQL_PIECES of the Makefile does not name each file of sql/ once" >&2; exit 1; }
	@! grep -nE "^(CREATE|COMMENT ON|ALTER|DROP) (FUNCTION|PROCEDURE|AGGREGATE|TABLE|VIEW|TYPE|DOMAIN|SEQUENCE) [^.( ]+[( ;]" $(SQL_FILES) $(wildcard sql/upgrade/*.sql) || \
		{ echo "name the schema (@extschema@ or etl): search_path is pg_catalog, pg_temp" >&2; exit 1; }
	@! grep -nE "^CREATE (OR REPLACE|.* IF NOT EXISTS)" $(SQL_FILES) || \
		{ echo "an object that exists already is refused, not adopted" >&2; exit 1; }
	@! grep -L "^SET LOCAL search_path = pg_catalog, pg_temp;" $(wildcard sql/upgrade/*.sql) sql/schema.sql | grep . || \
		{ echo "a script begins with SET LOCAL search_path = pg_catalog, pg_temp;" >&2; exit 1; }
	{ \
		printf '%s\n' '\echo Use "CREATE EXTENSION pg_etl" to load this file. \quit'; \
		for piece in $(SQL_FILES); do \
			printf '\n-- from %s\n' "$$piece"; cat "$$piece" || exit 1; \
		done; \
		for schema in $(SCHEMAS); do \
			printf '\n-- from %s\nSELECT @extschema@.etl_define($$etl$$\n' "$$schema"; \
			cat "$$schema" || exit 1; \
			printf '\n$$etl$$::jsonb);\n'; \
		done; \
	} > $@.tmp
	mv $@.tmp $@

# The module with fault points (src/pg/fault.h) and limits of its own (src/pg/limits.h), which crash tests load from
# where it is. What has neither is shared with the normal build.
FAULT_HEADERS = pg/limits.h $(patsubst src/%,%,$(shell grep -rl --include='*.h' '"pg/limits.h"' src))
FAULT_SOURCES = $(shell grep -l -e ETL_FAULT $(FAULT_HEADERS:%=-e '"%"') $(SOURCES))
FAULT_OBJS = $(FAULT_SOURCES:%.cpp=build/faults/%.o)

.PHONY: embedded
embedded: $(EMBEDDED)

.PHONY: faults
faults: build/faults/pg_etl.so build/faults/io_fault.so
build/faults/io_fault.so: test/io_fault/io_fault.c
	@mkdir -p $(@D)
	$(CC) -O1 -g -Wall -Wextra -shared -fPIC -o $@ $< -ldl
build/faults/pg_etl.so: $(FAULT_OBJS) $(filter-out $(FAULT_SOURCES:.cpp=.o),$(OBJS))
	$(CXX) $(CXXFLAGS) -shared -o $@ $^ $(LDFLAGS) $(LDFLAGS_SL) $(SHLIB_LINK)
$(FAULT_OBJS): build/faults/%.o: %.cpp Makefile
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $(CPPFLAGS) -DETL_FAULTS -c -o $@ $<
-include $(FAULT_OBJS:.o=.d)

.PHONY: install-schemas uninstall-schemas install-debug regress-output test-modules
install: install-schemas
install-schemas: installdirs
	$(MKDIR_P) '$(DESTDIR)$(datadir)/pg_etl/schemas'
	$(INSTALL_DATA) $(SCHEMAS) '$(DESTDIR)$(datadir)/pg_etl/schemas/'
	$(MKDIR_P) '$(DESTDIR)$(datadir)/pg_etl/schemas/meta'
	$(INSTALL_DATA) $(META_SCHEMAS) '$(DESTDIR)$(datadir)/pg_etl/schemas/meta/'

uninstall: uninstall-schemas
uninstall-schemas:
	rm -f $(addprefix '$(DESTDIR)$(datadir)/pg_etl/schemas'/, $(notdir $(SCHEMAS))) $(addprefix '$(DESTDIR)$(datadir)/pg_etl/schemas/meta'/, $(notdir $(META_SCHEMAS)))

DEBUGDIR = /usr/lib/debug/.build-id
install-debug: $(shlib)
	id=$$(LC_ALL=C readelf -n $< | sed -n 's/.*Build ID: *//p') && test -n "$$id" && \
	folder='$(DESTDIR)$(DEBUGDIR)'/$$(printf %.2s "$$id") && $(MKDIR_P) "$$folder" && \
	objcopy --only-keep-debug --compress-debug-sections $< "$$folder/$${id#??}.debug" && \
	chmod 644 "$$folder/$${id#??}.debug"

regress-output:
	@mkdir -p build/regress

test-modules: $(TEST_MODULES)

$(TEST_LIBDIR)/anon_provider.so: test/anon_provider/anon_provider.cpp src/pg/guard.cpp src/pg/guard.h
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $(CPPFLAGS) -shared -o $@ $(filter %.cpp,$^)

$(TEST_LIBDIR)/boundary.so: test/boundary/boundary.cpp src/pg/guard.cpp src/pg/spi.cpp src/core/base/calendar.cpp \
	src/pg/callback.h src/pg/guard.h src/pg/spi.h
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $(CPPFLAGS) -shared -o $@ $(filter %.cpp,$^)

endif
