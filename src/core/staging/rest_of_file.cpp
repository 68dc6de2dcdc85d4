#include "core/staging/rest_of_file.h"

#include <algorithm>

#include "core/base/ascii.h"
#include "core/base/hash.h"

namespace etl
{

void
RestFinder::feed(std::string_view text)
{
	// for a gzip file the size is known as soon as the first byte after the loaded part is read
	const uint64_t end = reader_.prefix_text_size().value_or(UINT64_MAX);
	const size_t loaded =
		static_cast<size_t>(std::min<uint64_t>(text.size(), end - std::min(end, fed_)));
	fed_ += text.size();
	for (const char c : text.substr(0, loaded))
		if (c == '\n')
		{
			++line_;
			is_blank_ = true;
		}
		else if (is_blank_ && !is_blank(c))
		{
			is_blank_ = false;
			last_line_ = line_;
		}
	for (const char c : text.substr(loaded))
	{
		line_ended_ = line_ended_ || c == '\n';
		if (line_ended_)
			break;
		is_cut_ = is_cut_ || (!is_blank_ && !is_blank(c));
	}
}

std::optional<RestOfFile>
RestFinder::find() const
{
	const std::optional<Sha256> prefix = reader_.prefix_sha256();
	if (!prefix || *prefix != loaded_.sha256 || !reader_.prefix_text_size() ||
		last_line_ != loaded_.last_line)
		return std::nullopt;
	return RestOfFile{last_line_, is_cut_};
}

} // namespace etl
