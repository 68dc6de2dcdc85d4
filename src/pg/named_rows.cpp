#include "pg/named_rows.h"

#include <cstring>
#include <exception>

extern "C"
{
#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/lsyscache.h"
}

namespace pg
{

namespace
{

/// The functions that read the fields of a row.
struct Receivers
{
	int count;
	FmgrInfo *functions;
	Oid *io_params;
	int32 *modifiers;
};

/// The columns of the relation with other names, and a number.
TupleDesc
describe(Oid relation, const std::string *columns, int count, Receivers &receivers)
{
	receivers.count = count;
	receivers.functions = static_cast<FmgrInfo *>(palloc(sizeof(FmgrInfo) * (count + 1)));
	receivers.io_params = static_cast<Oid *>(palloc(sizeof(Oid) * (count + 1)));
	receivers.modifiers = static_cast<int32 *>(palloc(sizeof(int32) * (count + 1)));
	const TupleDesc descriptor = CreateTemplateTupleDesc(count + 1);
	for (int i = 0; i < count; ++i)
	{
		const AttrNumber number = get_attnum(relation, columns[i].c_str());
		if (number <= 0)
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
							errmsg("column \"%s\" of table \"%s\" does not exist",
								   columns[i].c_str(), get_rel_name(relation))));
		Oid type, collation, function;
		get_atttypetypmodcoll(relation, number, &type, &receivers.modifiers[i], &collation);
		const AttrNumber at = static_cast<AttrNumber>(i + 1);
		TupleDescInitEntry(descriptor, at, psprintf("c%d", i + 1), type, receivers.modifiers[i], 0);
		TupleDescInitEntryCollation(descriptor, at, collation);
		getTypeBinaryInputInfo(type, &function, &receivers.io_params[i]);
		fmgr_info(function, &receivers.functions[i]);
	}
	TupleDescInitEntry(descriptor, static_cast<AttrNumber>(count + 1), "n", INT8OID, -1, 0);
	return descriptor;
}

/// Reads the fields of a row in the form of COPY BINARY. `buffer` is reused.
void
read_row(std::string_view row, const Receivers &receivers, StringInfo buffer, Datum *values,
		 bool *nulls)
{
	const char *at = row.data();
	const char *const end = at + row.size();
	const auto take = [&](void *to, size_t size)
	{
		if (static_cast<size_t>(end - at) < size)
			elog(ERROR, "a staged row ends early");
		memcpy(to, at, size);
		at += size;
	};
	uint16 count;
	take(&count, sizeof count);
	if (pg_ntoh16(count) != receivers.count)
		elog(ERROR, "a staged row has another number of fields than its table");
	for (int i = 0; i < receivers.count; ++i)
	{
		uint32 size;
		take(&size, sizeof size);
		const int32 length = static_cast<int32>(pg_ntoh32(size));
		nulls[i] = length < 0;
		values[i] = static_cast<Datum>(0);
		if (length < 0)
			continue;
		if (end - at < length)
			elog(ERROR, "a staged row ends early");
		resetStringInfo(buffer);
		appendBinaryStringInfo(buffer, at, length);
		at += length;
		values[i] = ReceiveFunctionCall(&receivers.functions[i], buffer, receivers.io_params[i],
										receivers.modifiers[i]);
	}
}

} // namespace

NamedRows::NamedRows(Oid relation, const std::vector<std::string> &columns, RowSource &source)
	: exceptions_(std::uncaught_exceptions())
{
	const std::string *names = columns.data();
	const int count = static_cast<int>(columns.size());
	call(
		[&, names, count]
		{
			context_ = AllocSetContextCreate(CurrentMemoryContext, "etl staged rows",
											 ALLOCSET_DEFAULT_SIZES);
			const MemoryContext outer = MemoryContextSwitchTo(context_);
			Receivers receivers;
			const TupleDesc descriptor = describe(relation, names, count, receivers);
			store_ = tuplestore_begin_heap(false, false, work_mem);
			Datum *values = static_cast<Datum *>(palloc(sizeof(Datum) * (count + 1)));
			bool *nulls = static_cast<bool *>(palloc0(sizeof(bool) * (count + 1)));
			const MemoryContext row_context =
				AllocSetContextCreate(context_, "etl staged row", ALLOCSET_DEFAULT_SIZES);
			StringInfoData buffer;
			initStringInfo(&buffer);
			int64 number = 0;
			for (std::string_view row; source.next(row);)
			{
				MemoryContextSwitchTo(row_context);
				read_row(row, receivers, &buffer, values, nulls);
				values[count] = Int64GetDatum(++number);
				MemoryContextSwitchTo(context_);
				tuplestore_putvalues(store_, descriptor, values, nulls);
				MemoryContextReset(row_context);
			}
			EphemeralNamedRelation named =
				static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
			named->md.name = pstrdup("etl_staged");
			named->md.tupdesc = descriptor;
			named->md.enrtype = ENR_NAMED_TUPLESTORE;
			named->md.enrtuples = static_cast<double>(number);
			named->reldata = store_;
			environment_ = create_queryEnv();
			register_ENR(environment_, named);
			MemoryContextSwitchTo(outer);
		});
}

NamedRows::~NamedRows()
{
	// after an error, the rollback frees the rows
	if (std::uncaught_exceptions() > exceptions_)
		return;
	tuplestore_end(store_);
	MemoryContextDelete(context_);
}

} // namespace pg
