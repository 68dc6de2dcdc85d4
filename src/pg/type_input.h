// The server's input functions, for texts that the fast encoders of core/types/encode.h do not
// read.
#pragma once

#include <map>
#include <string>

#include "core/types/column_type.h"
#include "core/types/type_error.h"
#include "core/types/type_input.h"
#include "pg/server.h"

namespace pg
{

/// Reads texts as a column of the type would, independent of the session's settings: the zone is
/// UTC if the text has none, and DateStyle is ISO, MDY. Call it in the main thread only. If the
/// input function refuses a text, only its SQLSTATE is returned and not the server's message, which
/// would contain the text. Other errors (cancellation) are thrown.
class ServerTypeInput : public etl::TypeInput
{
  public:
	bool read(const etl::ColumnType &type, std::string_view text, std::string &out,
			  etl::TypeError &error) override;

  private:
	struct Functions
	{
		Oid type, io_param;
		int32 modifier;
		bool by_value;
		FmgrInfo input, send;
	};
	const Functions &functions_of(const etl::ColumnType &type);
	std::map<std::string, Functions> functions_; ///< indexed by the SQL name of the type
};

} // namespace pg
