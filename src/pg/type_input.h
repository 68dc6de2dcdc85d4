// The server's own input functions, for texts that the fast encoders of core/types/encode.h do not
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

/// Reads texts as a column of the type would, whatever the session's settings are: zone UTC where
/// the text has none, DateStyle ISO, MDY. Main thread only. What the input function refuses gives
/// its SQLSTATE and no message of the server's, which would hold the text; other errors
/// (cancellation) are thrown.
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
	std::map<std::string, Functions> functions_; ///< by the type's SQL
};

} // namespace pg
