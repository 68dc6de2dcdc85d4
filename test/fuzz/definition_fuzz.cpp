// Reads any text as a definition, and if that succeeds, any text as its record. Checks the
// guarantees that staging gives to the steps after it.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/staging/staged_record.h"

using namespace etl;

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string_view input(reinterpret_cast<const char *>(data), size);
	const size_t end = std::min(input.find('\0'), input.size());
	try
	{
		const Definition definition = Definition::read(std::string(input.substr(0, end)));
		if (definition.dataset.empty() ||
			definition.dataset.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") !=
				std::string::npos)
			abort(); // the name becomes a directory name
		KeyTypes key_types;
		if (definition.key_column() != nullptr)
			key_types[definition.dataset] = definition.key_column()->type;
		RecordStager stager(definition, key_types);
		Piece piece;
		const std::string record(end < input.size() ? input.substr(end + 1) : "{}");
		stager.stage({record, 1, false}, record.size(), 0, RowContext(), piece);
		const StagedRecord &staged = piece.records.at(0);
		if (!staged.loadable && !staged.violations)
			abort();
		for (size_t t = 0; t < piece.rows.size(); ++t)
			for (const StagedRow &row : piece.rows[t])
			{
				// COPY BINARY reads this without checks: the column count, then lengths that fit
				const std::string_view bytes(row.bytes, row.size);
				size_t at = 2;
				for (size_t c = 0; c < definition.tables[t].columns.size(); ++c)
				{
					if (at + 4 > bytes.size())
						abort();
					uint32_t length;
					std::memcpy(&length, bytes.data() + at, 4);
					length = __builtin_bswap32(length);
					at += 4;
					if (length != UINT32_MAX)
						at += length;
				}
				if (at != bytes.size())
					abort();
			}
	}
	catch (const DefinitionError &)
	{
	}
	return 0;
}
