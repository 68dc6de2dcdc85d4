#include "pg/srf.h"

#include "pg/spi.h"

extern "C"
{
#include "utils/jsonb.h"
#include "utils/timestamp.h"
}

namespace pg
{

ResultSet::ResultSet(FunctionCallInfo fcinfo, bool scalar)
	: info_(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo))
{
	row_context_ = call(
		[=]
		{
			InitMaterializedSRF(fcinfo, scalar ? MAT_SRF_USE_EXPECTED_DESC : 0);
			return AllocSetContextCreate(CurrentMemoryContext, "etl result row",
										 ALLOCSET_DEFAULT_SIZES);
		});
}

void
ResultSet::add(std::initializer_list<Cell> cells)
{
	const Cell *cell = cells.begin();
	const int count = static_cast<int>(cells.size());
	call(
		[=, this]
		{
			const MemoryContext outer = MemoryContextSwitchTo(row_context_);
			Datum *values =
				static_cast<Datum *>(palloc0(sizeof(Datum) * static_cast<size_t>(count)));
			bool *nulls = static_cast<bool *>(palloc0(sizeof(bool) * static_cast<size_t>(count)));
			for (int i = 0; i < count; ++i)
				switch (cell[i].kind)
				{
				case Cell::Kind::null:
					nulls[i] = true;
					break;
				case Cell::Kind::text:
					values[i] = PointerGetDatum(
						cstring_to_text_with_len(cell[i].bytes.data() ? cell[i].bytes.data() : "",
												 static_cast<int>(cell[i].bytes.size())));
					break;
				case Cell::Kind::bigint:
					values[i] = Int64GetDatum(cell[i].number);
					break;
				case Cell::Kind::timestamptz:
					values[i] = TimestampTzGetDatum(cell[i].number);
					break;
				case Cell::Kind::boolean:
					values[i] = BoolGetDatum(cell[i].number != 0);
					break;
				case Cell::Kind::jsonb:
				{
					char *text = pnstrdup(cell[i].bytes.data(), cell[i].bytes.size());
					values[i] = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
					break;
				}
				}
			tuplestore_putvalues(info_->setResult, info_->setDesc, values, nulls);
			MemoryContextSwitchTo(outer);
			MemoryContextReset(row_context_);
		});
	check_for_interrupts();
}

void
ResultSet::add_tuple(HeapTuple tuple)
{
	call([=, this] { tuplestore_puttuple(info_->setResult, tuple); });
}

} // namespace pg
