// Calls input functions. PostgreSQL 16 can report their errors softly; before, each call needs a
// subtransaction.
#include "pg/type_input.h"

#include "core/base/sqlstate.h"
#include "core/types/column_type.h"
#include "core/types/type_error.h"
#include "pg/fixed_settings.h"
#include "pg/guard.h"

extern "C"
{
#include "parser/parse_type.h"
#include "utils/lsyscache.h"
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#endif
}

namespace pg
{

namespace
{

/// An SQLSTATE that exists as long as the process, because TypeError stores a pointer.
const char *
sqlstate_name(const std::string &sqlstate)
{
	static constexpr const char *known[] = {sqlstate::invalid_datetime_format,
											sqlstate::datetime_field_overflow,
											sqlstate::invalid_time_zone_displacement_value,
											sqlstate::numeric_value_out_of_range,
											sqlstate::invalid_parameter_value,
											sqlstate::invalid_text_representation};
	for (const char *name : known)
		if (sqlstate == name)
			return name;
	return sqlstate::invalid_text_representation;
}

} // namespace

const ServerTypeInput::Functions &
ServerTypeInput::functions_of(const etl::ColumnType &type)
{
	const auto [found, is_new] = functions_.try_emplace(type.sql);
	if (is_new)
	{
		const char *name = type.sql.c_str();
		Functions *functions = &found->second;
		call(
			[=]
			{
				Oid input, send;
				bool is_variable;
#if PG_VERSION_NUM >= 160000
				(void)parseTypeString(name, &functions->type, &functions->modifier, nullptr);
#else
				parseTypeString(name, &functions->type, &functions->modifier, false);
#endif
				functions->by_value = get_typbyval(functions->type);
				getTypeInputInfo(functions->type, &input, &functions->io_param);
				getTypeBinaryOutputInfo(functions->type, &send, &is_variable);
				fmgr_info_cxt(input, &functions->input, TopTransactionContext);
				fmgr_info_cxt(send, &functions->send, TopTransactionContext);
			});
	}
	return found->second;
}

bool
ServerTypeInput::read(const etl::ColumnType &type, std::string_view text, std::string &out,
					  etl::TypeError &error)
{
	Functions *functions = const_cast<Functions *>(&functions_of(type));
	std::string terminated(text);
	char *input = terminated.data();
	bytea *bytes = nullptr;
	std::string sqlstate;
	const FixedSettings settings;
#if PG_VERSION_NUM >= 160000
	ErrorSaveContext soft = {};
	soft.type = T_ErrorSaveContext;
	soft.details_wanted = true;
	call(
		[&]
		{
			Datum value;
			if (InputFunctionCallSafe(&functions->input, input, functions->io_param,
									  functions->modifier, reinterpret_cast<Node *>(&soft), &value))
			{
				bytes = SendFunctionCall(&functions->send, value);
				if (!functions->by_value)
					pfree(DatumGetPointer(value));
			}
		});
	if (soft.error_occurred)
		sqlstate = unpack_sql_state(soft.error_data->sqlerrcode);
#else
	const MemoryContext outer = CurrentMemoryContext;
	const WithoutValues without_values;
	const std::optional<PgError> refused = subtransaction(
		[&]
		{
			call(
				[&]
				{
					// the value must outlive the subtransaction
					const MemoryContext inner = MemoryContextSwitchTo(outer);
					const Datum value = InputFunctionCall(&functions->input, input,
														  functions->io_param, functions->modifier);
					bytes = SendFunctionCall(&functions->send, value);
					if (!functions->by_value)
						pfree(DatumGetPointer(value));
					MemoryContextSwitchTo(inner);
				});
		});
	if (refused)
	{
		if (refused->sqlstate().compare(0, 2, "22") != 0)
			throw *refused;
		sqlstate = refused->sqlstate();
	}
#endif
	if (bytes == nullptr)
	{
		error.sqlstate = sqlstate_name(sqlstate);
		return false;
	}
	out.append(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
	call([=] { pfree(bytes); });
	return true;
}

} // namespace pg
