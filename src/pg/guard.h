// The boundary between C++ and PostgreSQL. No other code crosses it.
//
// PostgreSQL reports errors by longjmp, which skips C++ destructors. C++ reports errors by
// exceptions, which must not pass through PostgreSQL's C frames. Therefore:
//
//   * C++ calls PostgreSQL through pg::call(), which turns an ereport into a PgError exception with
//     everything that was reported.
//   * PostgreSQL calls C++ through PG_ETL_ENTRY / pg::entry(), which turns an exception into an
//     ereport after every C++ frame has been unwound.
//
// A PgError that is caught and not thrown again leaves the transaction in an unknown state, unless
// it comes from pg::subtransaction(), which has rolled back by then.
#pragma once

#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "core/base/sqlstate.h"
#include "pg/server.h"

namespace pg
{

namespace sqlstate = etl::sqlstate;

/// An error to report: SQLSTATE, message, detail and hint.
class Error : public std::runtime_error
{
  public:
	Error(std::string sqlstate, const std::string &message, std::string detail = {},
		  std::string hint = {})
		: std::runtime_error(message), sqlstate_(std::move(sqlstate)), detail_(std::move(detail)),
		  hint_(std::move(hint))
	{
	}
	const std::string &sqlstate() const { return sqlstate_; }
	const std::string &detail() const { return detail_; }
	const std::string &hint() const { return hint_; }

  protected:
	std::string sqlstate_, detail_, hint_;
};

/// An error that PostgreSQL has reported.
class PgError : public Error
{
  public:
	/// Copies and frees the error data.
	explicit PgError(ErrorData *error);
	const std::string &context() const { return context_; }
	/// The context even if context() is empty because of WithoutValues. It may be examined, but
	/// must not be shown.
	const std::string &context_with_values() const { return context_with_values_; }
	const std::string &constraint() const { return constraint_; }
	const std::string &column() const { return column_; }
	const std::string &table() const { return table_; }
	const std::string &schema() const { return schema_; }
	/// The domain that has refused a value. schema() is then the schema of the domain.
	const std::string &datatype() const { return datatype_; }
	/// Whether the message was left out, because its words are not the server's but come from the
	/// code that raised the error.
	bool words_left_out() const { return words_left_out_; }
	/// Whether code has raised the error (RAISE, in any language), with an SQLSTATE of its choice.
	bool raised_by_code() const { return raised_by_code_; }
	/// Whether the error arose in code on a table, and not in the statement itself.
	bool within_code() const { return within_code_; }

  private:
	std::string context_, context_with_values_, schema_, table_, column_, constraint_, datatype_;
	bool words_left_out_ = false, raised_by_code_ = false, within_code_ = false;
};

/// While an object of this class exists, errors about data become a PgError without the data:
/// "Failing row contains (…)", "invalid input syntax for type integer: …", COPY's context with its
/// line. Errors that leave the extension are written to the server's log, which must not contain
/// personal data. It is used where records and user tables are processed; elsewhere errors are not
/// changed.
class WithoutValues
{
  public:
	enum class From
	{
		/// A statement of the extension: values in errors of class 22 and 23 are left out.
		statement,
		/// Code on a table may run, and may raise any error with any SQLSTATE. Of such an error
		/// only the SQLSTATE and the names of objects are kept. Of the server's own messages, the
		/// parts are left out that an expression may have taken from a value.
		table_code
	};
	explicit WithoutValues(From from = From::statement);
	~WithoutValues();
	WithoutValues(const WithoutValues &) = delete;
	WithoutValues &operator=(const WithoutValues &) = delete;

  private:
	From from_;
};

/// Calls function(argument). Returns the error that it has reported with ERROR, or null. Resets the
/// error state and restores the memory context.
ErrorData *call_protected(void (*function)(void *), void *argument);

/// Calls PostgreSQL. `f` may call any function of PostgreSQL. It must not have C++ objects with
/// destructors, which an ereport would skip, and must not throw.
template <typename F>
auto
call(F &&f) -> decltype(f())
{
	using R = decltype(f());
	if constexpr (std::is_void_v<R>)
	{
		if (ErrorData *error =
				call_protected([](void *p) { (*static_cast<std::remove_reference_t<F> *>(p))(); },
							   const_cast<void *>(static_cast<const void *>(&f))))
			throw PgError(error);
	}
	else
	{
		static_assert(std::is_trivially_destructible_v<R>);
		struct Frame
		{
			std::remove_reference_t<F> *f;
			R result;
		} frame{&f, R{}};
		if (ErrorData *error = call_protected(
				[](void *p)
				{
					Frame *inner = static_cast<Frame *>(p);
					inner->result = (*inner->f)();
				},
				&frame))
			throw PgError(error);
		return frame.result;
	}
}

/// Returns the exception that is being handled as a palloc'd ErrorData, which can be reported as an
/// ERROR after all C++ frames have been left. Call it inside a catch block.
ErrorData *current_exception_data();
/// Reports the exception that is being handled as a WARNING, where no ERROR is possible. Call it
/// inside a catch block.
void warn_of_current_exception() noexcept;
/// Reports the ErrorData as an ERROR. Does not return.
[[noreturn]] void report(ErrorData *error);

/// Runs `f`, which is C++ code that PostgreSQL calls, and reports its exceptions.
template <typename F>
auto
entry(F &&f) -> decltype(f())
{
	ErrorData *error;
	try
	{
		return f();
	}
	catch (...)
	{
		error = current_exception_data();
	}
	report(error);
}

/// Runs `f` in a subtransaction, which is released when `f` returns and rolled back when it throws.
/// Returns a PgError that was thrown, so that the caller can continue. Other exceptions are thrown
/// again, and so are cancellation and termination (class 57).
template <typename F>
std::optional<PgError> subtransaction(F &&f);

void subtransaction_begin(MemoryContext *context, void **owner);
void subtransaction_release(MemoryContext context, void *owner);
void subtransaction_rollback(MemoryContext context, void *owner);

template <typename F>
std::optional<PgError>
subtransaction(F &&f)
{
	MemoryContext context;
	void *owner;
	subtransaction_begin(&context, &owner);
	try
	{
		f();
		subtransaction_release(context, owner);
		return std::nullopt;
	}
	catch (const PgError &error)
	{
		subtransaction_rollback(context, owner);
		if (error.sqlstate().compare(0, 2, "57") == 0)
			throw;
		return error;
	}
	catch (...)
	{
		subtransaction_rollback(context, owner);
		throw;
	}
}

/// CHECK_FOR_INTERRUPTS() as an exception.
inline void
check_for_interrupts()
{
	if (INTERRUPTS_PENDING_CONDITION())
		call([] { CHECK_FOR_INTERRUPTS(); });
}

/// Reports a NOTICE or WARNING.
void notice(int level, const std::string &message, const std::string &detail = {},
			const std::string &hint = {});

} // namespace pg

/// Defines a function that SQL can call and whose body is C++: PG_ETL_ENTRY(name) { … return Datum;
/// }
#define PG_ETL_ENTRY(name)                                                                         \
	extern "C"                                                                                     \
	{                                                                                              \
		PGDLLEXPORT Datum name(FunctionCallInfo fcinfo);                                           \
		PG_FUNCTION_INFO_V1(name);                                                                 \
	}                                                                                              \
	static Datum name##_body(FunctionCallInfo fcinfo);                                             \
	Datum name(FunctionCallInfo fcinfo)                                                            \
	{                                                                                              \
		return pg::entry([&]() -> Datum { return name##_body(fcinfo); });                          \
	}                                                                                              \
	static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
