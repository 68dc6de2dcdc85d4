#include "core/schema/regex.h"

#include <algorithm>
#include <chrono>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/base/utf8.h"
#include "core/schema/regex_translate.h"

namespace etl
{

namespace
{

/// Enough for any sensible pattern, and about ten milliseconds for a pattern that backtracks
/// without end.
constexpr uint32_t match_limit = 1'000'000;
/// In KiB.
constexpr uint32_t heap_limit = 32 * 1024;
constexpr size_t max_pattern_bytes = 64 * 1024;

/// PCRE2 counts the match limit from each starting position anew. On a long text even a harmless
/// pattern such as \s+$ can then take quadratic time. Long texts are therefore searched from some
/// starting positions at a time, with a limit on the time.
constexpr size_t long_text = 256 * 1024;
constexpr size_t starts_at_once = 4096;
constexpr std::chrono::seconds long_text_limit{5};

/// PCRE2's data for matching, which each thread creates once.
struct Scratch
{
	pcre2_match_data *data = pcre2_match_data_create(1, nullptr);
	pcre2_match_context *context = pcre2_match_context_create(nullptr);

	Scratch()
	{
		if (data == nullptr || context == nullptr)
			throw std::bad_alloc();
		pcre2_set_match_limit(context, match_limit);
		pcre2_set_heap_limit(context, heap_limit);
	}
	~Scratch()
	{
		pcre2_match_context_free(context);
		pcre2_match_data_free(data);
	}
	Scratch(const Scratch &) = delete;
	Scratch &operator=(const Scratch &) = delete;
};

Regex::Result
search_from(const pcre2_code *code, std::string_view text, size_t from, Scratch &scratch)
{
	const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
	int rc = pcre2_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, scratch.data,
						 scratch.context);
	// The stack of the JIT is small; the interpreter uses the heap.
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
		rc = pcre2_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
						 scratch.data, scratch.context);
	if (rc >= 0)
		return Regex::Result::match;
	return rc == PCRE2_ERROR_NOMATCH ? Regex::Result::no_match : Regex::Result::gave_up;
}

} // namespace

void
Regex::Free::operator()(pcre2_real_code_8 *code) const
{
	pcre2_code_free(code);
}

std::optional<Regex>
Regex::compile(std::string_view pattern, std::string &error, bool only_check)
{
	std::string native;
	if (pattern.size() > max_pattern_bytes)
	{
		error = "longer than 64 kB";
		return std::nullopt;
	}
	if (!translate_pattern(pattern, native, error))
		return std::nullopt;
	return compile_native(native, error, only_check);
}

std::optional<Regex>
Regex::compile_native(std::string_view pattern, std::string &error, bool only_check)
{
	constexpr uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF |
								 PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT;
	int code = 0;
	PCRE2_SIZE offset = 0;
	Regex regex;
	regex.code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
									options, &code, &offset, nullptr));
	if (regex.code_ == nullptr)
	{
		char message[256] = "";
		pcre2_get_error_message(code, reinterpret_cast<PCRE2_UCHAR *>(message), sizeof(message));
		error = message;
		return std::nullopt;
	}
	// If there is no JIT, or the system forbids it, the interpreter runs the pattern.
	if (!only_check)
		pcre2_jit_compile(regex.code_.get(), PCRE2_JIT_COMPLETE);
	return regex;
}

Regex::Result
Regex::search(std::string_view text) const
{
	thread_local Scratch scratch;
	if (text.data() == nullptr)
		text = "";
	pcre2_set_offset_limit(scratch.context, PCRE2_UNSET);
	if (text.size() <= long_text)
		return search_from(code_.get(), text, 0, scratch);

	const auto begun = std::chrono::steady_clock::now();
	for (size_t from = 0;;)
	{
		size_t next = std::min(text.size(), from + starts_at_once);
		while (next < text.size() && is_continuation(text[next]))
			++next;
		pcre2_set_offset_limit(scratch.context, next);
		const Result result = search_from(code_.get(), text, from, scratch);
		if (result != Result::no_match || next == text.size())
			return result;
		if (std::chrono::steady_clock::now() - begun > long_text_limit)
			return Result::gave_up;
		from = next;
	}
}

} // namespace etl
