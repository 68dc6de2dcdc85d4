#include "pg/guard.h"

extern "C"
{
#include "access/xact.h"
#include "utils/resowner.h"
}

namespace pg
{

namespace
{

std::string
string_or_empty(const char *text)
{
	return text == nullptr ? std::string() : std::string(text);
}

char *
copy_or_null(const std::string &text)
{
	return text.empty() ? nullptr : pstrdup(text.c_str());
}

/// Of WithoutValues.
int without_values = 0;

bool
quotes_values(const std::string &sqlstate)
{
	return sqlstate.compare(0, 2, "22") == 0 || sqlstate.compare(0, 2, "23") == 0;
}

/// A message of class 22 quotes values; names of columns and constraints come in class 23 only.
std::string
message_of(const ErrorData *error)
{
	const std::string message = string_or_empty(error->message);
	if (without_values == 0 ||
		std::string(unpack_sql_state(error->sqlerrcode)).compare(0, 2, "22") != 0)
		return message;
	const size_t first = message.find('"'), last = message.rfind('"');
	return first == last ? message : message.substr(0, first + 1) + "…" + message.substr(last);
}

std::string
detail_of(const ErrorData *error)
{
	return without_values > 0 && quotes_values(unpack_sql_state(error->sqlerrcode))
			   ? "Values are left out, so that none stands in the log."
			   : string_or_empty(error->detail);
}

} // namespace

PgError::PgError(ErrorData *error)
	: Error(unpack_sql_state(error->sqlerrcode), message_of(error), detail_of(error),
			string_or_empty(error->hint)),
	  context_(without_values > 0 ? std::string() : string_or_empty(error->context)),
	  context_with_values_(string_or_empty(error->context)),
	  schema_(string_or_empty(error->schema_name)), table_(string_or_empty(error->table_name)),
	  column_(string_or_empty(error->column_name)),
	  constraint_(string_or_empty(error->constraint_name))
{
	FreeErrorData(error);
}

WithoutValues::WithoutValues()
{
	++without_values;
}

WithoutValues::~WithoutValues()
{
	--without_values;
}

ErrorData *
call_protected(void (*function)(void *), void *argument)
{
	const MemoryContext context = CurrentMemoryContext;
	ErrorData *volatile error = nullptr;
	PG_TRY();
	{
		function(argument);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

ErrorData *
current_exception_data()
{
	ErrorData *data = static_cast<ErrorData *>(palloc0(sizeof(ErrorData)));
	data->elevel = ERROR;
	data->output_to_client = true;
	data->output_to_server = true;
	data->assoc_context = CurrentMemoryContext;
	const auto code = [](const std::string &s) {
		return s.size() == 5 ? MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4]) : ERRCODE_INTERNAL_ERROR;
	};
	try
	{
		throw;
	}
	catch (const PgError &e)
	{
		data->sqlerrcode = code(e.sqlstate());
		data->message = pstrdup(e.what());
		data->detail = copy_or_null(e.detail());
		data->hint = copy_or_null(e.hint());
		data->context = copy_or_null(e.context());
		data->schema_name = copy_or_null(e.schema());
		data->table_name = copy_or_null(e.table());
		data->column_name = copy_or_null(e.column());
		data->constraint_name = copy_or_null(e.constraint());
	}
	catch (const Error &e)
	{
		data->sqlerrcode = code(e.sqlstate());
		data->message = pstrdup(e.what());
		data->detail = copy_or_null(e.detail());
		data->hint = copy_or_null(e.hint());
	}
	catch (const std::bad_alloc &)
	{
		data->sqlerrcode = ERRCODE_OUT_OF_MEMORY;
		data->message = pstrdup("out of memory");
	}
	catch (const std::exception &e)
	{
		data->sqlerrcode = ERRCODE_INTERNAL_ERROR;
		data->message = pstrdup(e.what());
	}
	catch (...)
	{
		data->sqlerrcode = ERRCODE_INTERNAL_ERROR;
		data->message = pstrdup("unknown C++ exception");
	}
	return data;
}

void
report(ErrorData *error)
{
	ThrowErrorData(error);
	pg_unreachable();
}

void
subtransaction_begin(MemoryContext *context, void **owner)
{
	*context = CurrentMemoryContext;
	*owner = CurrentResourceOwner;
	const MemoryContext outer = *context;
	call(
		[=]
		{
			BeginInternalSubTransaction(nullptr);
			MemoryContextSwitchTo(outer);
		});
}

void
subtransaction_release(MemoryContext context, void *owner)
{
	call(
		[=]
		{
			ReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(context);
			CurrentResourceOwner = static_cast<ResourceOwner>(owner);
		});
}

void
subtransaction_rollback(MemoryContext context, void *owner)
{
	call(
		[=]
		{
			RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(context);
			CurrentResourceOwner = static_cast<ResourceOwner>(owner);
		});
}

void
notice(int level, const std::string &message, const std::string &detail, const std::string &hint)
{
	const char *m = message.c_str(), *d = detail.c_str(), *h = hint.c_str();
	call(
		[=]
		{
			ereport(level, (errmsg_internal("%s", m), d[0] ? errdetail_internal("%s", d) : 0,
							h[0] ? errhint("%s", h) : 0));
		});
}

} // namespace pg
