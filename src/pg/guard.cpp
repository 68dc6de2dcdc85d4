#include "pg/guard.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <initializer_list>
#include <string_view>

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

/// An SQLSTATE as ereport() takes it.
constexpr int
packed(std::string_view sqlstate)
{
	return sqlstate.size() == 5
			   ? MAKE_SQLSTATE(sqlstate[0], sqlstate[1], sqlstate[2], sqlstate[3], sqlstate[4])
			   : ERRCODE_INTERNAL_ERROR;
}

// The names of core/base/sqlstate.h are the server's.
static_assert(packed(sqlstate::feature_not_supported) == ERRCODE_FEATURE_NOT_SUPPORTED);
static_assert(packed(sqlstate::string_data_right_truncation) ==
			  ERRCODE_STRING_DATA_RIGHT_TRUNCATION);
static_assert(packed(sqlstate::numeric_value_out_of_range) == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE);
static_assert(packed(sqlstate::null_value_not_allowed) == ERRCODE_NULL_VALUE_NOT_ALLOWED);
static_assert(packed(sqlstate::invalid_datetime_format) == ERRCODE_INVALID_DATETIME_FORMAT);
static_assert(packed(sqlstate::datetime_field_overflow) == ERRCODE_DATETIME_FIELD_OVERFLOW);
static_assert(packed(sqlstate::invalid_time_zone_displacement_value) ==
			  ERRCODE_INVALID_TIME_ZONE_DISPLACEMENT_VALUE);
static_assert(packed(sqlstate::character_not_in_repertoire) == ERRCODE_CHARACTER_NOT_IN_REPERTOIRE);
static_assert(packed(sqlstate::invalid_parameter_value) == ERRCODE_INVALID_PARAMETER_VALUE);
static_assert(packed(sqlstate::invalid_text_representation) == ERRCODE_INVALID_TEXT_REPRESENTATION);
static_assert(packed(sqlstate::bad_copy_file_format) == ERRCODE_BAD_COPY_FILE_FORMAT);
static_assert(packed(sqlstate::untranslatable_character) == ERRCODE_UNTRANSLATABLE_CHARACTER);
static_assert(packed(sqlstate::integrity_constraint_violation) ==
			  ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION);
static_assert(packed(sqlstate::not_null_violation) == ERRCODE_NOT_NULL_VIOLATION);
static_assert(packed(sqlstate::foreign_key_violation) == ERRCODE_FOREIGN_KEY_VIOLATION);
static_assert(packed(sqlstate::unique_violation) == ERRCODE_UNIQUE_VIOLATION);
static_assert(packed(sqlstate::check_violation) == ERRCODE_CHECK_VIOLATION);
static_assert(packed(sqlstate::active_sql_transaction) == ERRCODE_ACTIVE_SQL_TRANSACTION);
static_assert(packed(sqlstate::read_only_sql_transaction) == ERRCODE_READ_ONLY_SQL_TRANSACTION);
static_assert(packed(sqlstate::trigger_protocol_violated) ==
			  ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED);
static_assert(packed(sqlstate::serialization_failure) == ERRCODE_T_R_SERIALIZATION_FAILURE);
static_assert(packed(sqlstate::deadlock_detected) == ERRCODE_T_R_DEADLOCK_DETECTED);
static_assert(packed(sqlstate::insufficient_privilege) == ERRCODE_INSUFFICIENT_PRIVILEGE);
static_assert(packed(sqlstate::invalid_name) == ERRCODE_INVALID_NAME);
static_assert(packed(sqlstate::undefined_object) == ERRCODE_UNDEFINED_OBJECT);
static_assert(packed(sqlstate::duplicate_object) == ERRCODE_DUPLICATE_OBJECT);
static_assert(packed(sqlstate::datatype_mismatch) == ERRCODE_DATATYPE_MISMATCH);
static_assert(packed(sqlstate::wrong_object_type) == ERRCODE_WRONG_OBJECT_TYPE);
static_assert(packed(sqlstate::generated_always) == ERRCODE_GENERATED_ALWAYS);
static_assert(packed(sqlstate::undefined_table) == ERRCODE_UNDEFINED_TABLE);
static_assert(packed(sqlstate::insufficient_resources) == ERRCODE_INSUFFICIENT_RESOURCES);
static_assert(packed(sqlstate::disk_full) == ERRCODE_DISK_FULL);
static_assert(packed(sqlstate::out_of_memory) == ERRCODE_OUT_OF_MEMORY);
static_assert(packed(sqlstate::configuration_limit_exceeded) ==
			  ERRCODE_CONFIGURATION_LIMIT_EXCEEDED);
static_assert(packed(sqlstate::program_limit_exceeded) == ERRCODE_PROGRAM_LIMIT_EXCEEDED);
static_assert(packed(sqlstate::statement_too_complex) == ERRCODE_STATEMENT_TOO_COMPLEX);
static_assert(packed(sqlstate::object_not_in_prerequisite_state) ==
			  ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE);
static_assert(packed(sqlstate::object_in_use) == ERRCODE_OBJECT_IN_USE);
static_assert(packed(sqlstate::lock_not_available) == ERRCODE_LOCK_NOT_AVAILABLE);
static_assert(packed(sqlstate::io_error) == ERRCODE_IO_ERROR);
static_assert(packed(sqlstate::undefined_file) == ERRCODE_UNDEFINED_FILE);
static_assert(packed(sqlstate::duplicate_file) == ERRCODE_DUPLICATE_FILE);
static_assert(packed(sqlstate::internal_error) == ERRCODE_INTERNAL_ERROR);
static_assert(packed(sqlstate::data_corrupted) == ERRCODE_DATA_CORRUPTED);

/// The numbers of WithoutValues objects, and of those with From::table_code.
int without_values = 0, in_table_code = 0;

/// ErrorData::filename of errors that the extension itself reports, and of errors that it passes
/// on.
constexpr const char *own_error = "pg_etl", *passed_on_error = "pg_etl (passed on)";

bool
is_one_of(const std::string &sqlstate, std::initializer_list<const char *> beginnings)
{
	return std::any_of(beginnings.begin(), beginnings.end(),
					   [&](const char *beginning) { return sqlstate.starts_with(beginning); });
}

bool
is_own(const ErrorData *error)
{
	return error->filename != nullptr && std::strcmp(error->filename, own_error) == 0;
}

bool
is_passed_on(const ErrorData *error)
{
	return error->filename != nullptr && std::strcmp(error->filename, passed_on_error) == 0;
}

/// The format of the server's message. Empty if the whole message was an argument ("%s"), as with
/// RAISE in any language, with an error of another server, and with an error of a parallel worker.
std::string
format_of(const ErrorData *error)
{
	const std::string format = string_or_empty(error->message_id);
	for (size_t i = 0; i < format.size(); ++i)
		if (format[i] == '%' && i + 1 < format.size())
			++i;
		else if (std::isalpha(static_cast<unsigned char>(format[i])))
			return format;
	return {};
}

/// What is left out of an error.
enum class Omitted
{
	nothing,
	values, ///< quoted values, and the detail
	words   ///< the whole text
};

Omitted
omitted_of(const ErrorData *error)
{
	if (without_values == 0)
		return Omitted::nothing;
	const std::string sqlstate = unpack_sql_state(error->sqlerrcode);
	const Omitted by_class = is_one_of(sqlstate, {"22", "23"}) ? Omitted::values : Omitted::nothing;
	if (in_table_code == 0 || is_own(error))
		return by_class;
	if (format_of(error).empty())
		return Omitted::words;
	// errors about the server's state, storage, locks and privileges name only objects
	return is_one_of(sqlstate, {"08", "25", "40", pg::sqlstate::insufficient_privilege, "53", "54",
								"55", "57", "58"})
			   ? by_class
			   : Omitted::values;
}

/// Replaces the text from the first quote to the last one. If there are no quotes, replaces all
/// arguments of the message. Errors of class 23 quote only names of columns and constraints.
std::string
message_without_values(const ErrorData *error)
{
	const std::string message = string_or_empty(error->message);
	if (is_one_of(unpack_sql_state(error->sqlerrcode), {"23"}))
		return message;
	const size_t first = message.find('"'), last = message.rfind('"');
	if (first != last)
		return message.substr(0, first + 1) + "…" + message.substr(last);
	if (in_table_code == 0 || is_own(error))
		return message;
	static const std::string directives = "diouxXeEfFgGcspm";
	const std::string format = format_of(error);
	std::string text;
	for (size_t i = 0; i < format.size(); ++i)
		if (format[i] != '%')
			text += format[i];
		else if (i = std::min(format.find_first_of(directives + "%", i + 1), format.size() - 1);
				 format[i] == '%')
			text += '%';
		else
			text += "…";
	return text;
}

std::string
message_of(const ErrorData *error)
{
	switch (omitted_of(error))
	{
	case Omitted::words:
		return "code that a target table runs has raised SQLSTATE " +
			   std::string(unpack_sql_state(error->sqlerrcode));
	case Omitted::values:
		return message_without_values(error);
	default:
		return string_or_empty(error->message);
	}
}

std::string
detail_of(const ErrorData *error)
{
	switch (omitted_of(error))
	{
	case Omitted::words:
		return "Its text is left out, because it may hold values of a record.";
	case Omitted::values:
		return "Values are left out, so that none stands in the log.";
	default:
		return string_or_empty(error->detail);
	}
}

/// Errors of another server have the same SQLSTATEs and the same form.
bool
is_from_elsewhere(const ErrorData *error)
{
	for (const char *function : {"pgfdw_report_error", "dblink_res_error"})
		if (error->funcname != nullptr && std::strcmp(error->funcname, function) == 0)
			return true;
	return false;
}

bool
is_by_code(const ErrorData *error)
{
	return !is_own(error) && !is_passed_on(error) && !is_from_elsewhere(error) &&
		   format_of(error).empty();
}

/// Whether the error's context has more than the context that surrounds the call.
bool
has_frame_of_code(const ErrorData *error)
{
	if (error->context == nullptr)
		return false;
	char *const around = GetErrorContextStack();
	const bool more = around == nullptr || std::strlen(error->context) > std::strlen(around);
	if (around != nullptr)
		pfree(around);
	return more;
}

std::string
hint_of(const ErrorData *error)
{
	return omitted_of(error) == Omitted::words ? std::string() : string_or_empty(error->hint);
}

} // namespace

PgError::PgError(ErrorData *error)
	: Error(unpack_sql_state(error->sqlerrcode), message_of(error), detail_of(error),
			hint_of(error)),
	  context_(without_values > 0 ? std::string() : string_or_empty(error->context)),
	  context_with_values_(string_or_empty(error->context)),
	  schema_(string_or_empty(error->schema_name)), table_(string_or_empty(error->table_name)),
	  column_(string_or_empty(error->column_name)),
	  constraint_(string_or_empty(error->constraint_name)),
	  datatype_(string_or_empty(error->datatype_name)),
	  words_left_out_(omitted_of(error) == Omitted::words), raised_by_code_(is_by_code(error)),
	  within_code_(has_frame_of_code(error))
{
	FreeErrorData(error);
}

WithoutValues::WithoutValues(From from) : from_(from)
{
	++without_values;
	in_table_code += from_ == From::table_code ? 1 : 0;
}

WithoutValues::~WithoutValues()
{
	--without_values;
	in_table_code -= from_ == From::table_code ? 1 : 0;
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
	data->filename = own_error;
	try
	{
		throw;
	}
	catch (const PgError &e)
	{
		data->filename = passed_on_error;
		data->sqlerrcode = packed(e.sqlstate());
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
		data->sqlerrcode = packed(e.sqlstate());
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
warn_of_current_exception() noexcept
{
	ErrorData *const data = current_exception_data();
	data->elevel = WARNING;
	ThrowErrorData(data);
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
