// Regular expressions of ECMA-262 (JSON Schema draft-07, validation, section 4.3), run by PCRE2.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace etl
{

/// A compiled pattern. It does not change, so any number of threads may search with it.
class Regex
{
  public:
	enum class Result
	{
		match,
		no_match,
		gave_up ///< reached the limit of steps, so the answer is not known
	};

	/// Compiles a pattern. Returns nothing and sets `error` if the pattern is invalid.
	/// `only_check`: the pattern will not be run.
	static std::optional<Regex> compile(std::string_view pattern, std::string &error,
										bool only_check = false);
	/// Like compile(), for a pattern in the syntax of PCRE2.
	static std::optional<Regex> compile_native(std::string_view pattern, std::string &error,
											   bool only_check = false);

	/// Searches for a match anywhere in the text, which must be valid UTF-8.
	Result search(std::string_view text) const;

  private:
	struct Free
	{
		void operator()(pcre2_real_code_8 *code) const;
	};
	std::unique_ptr<pcre2_real_code_8, Free> code_;
};

} // namespace etl
