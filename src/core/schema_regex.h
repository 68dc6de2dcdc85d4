// Regular expressions as ECMA-262 writes them (JSON Schema draft-07 section 4.3), run by PCRE2.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace etl
{

/// Rewrites an ECMA-262 pattern for PCRE2. False, with what is wrong, when it is none.
///
/// Unicode patterns (flag u) with the leniency that patterns in the wild need: any punctuation may
/// be escaped, and "{", "}" and "]" stand for themselves where they can mean nothing else. Escapes
/// that ECMA-262 lacks (\A, \Z, \Q …) and inline flags are refused rather than guessed at. Not
/// covered: lookbehind of unlimited length, lone surrogates and v-flag classes.
bool translate_pattern(std::string_view pattern, std::string &out, std::string &error);

/// A compiled pattern. Immutable: any number of threads may search with it.
class Regex
{
  public:
	enum class Result
	{
		match,
		no_match,
		gave_up ///< more steps than the limit: the answer is not known
	};

	/// Nothing, with what is wrong, when it is no pattern. only_check: won't be run.
	static std::optional<Regex> compile(std::string_view pattern, std::string &error,
										bool only_check = false);
	/// A pattern that is PCRE2's own already.
	static std::optional<Regex> compile_native(std::string_view pattern, std::string &error,
											   bool only_check = false);

	/// Anywhere in the text, which must be valid UTF-8.
	Result search(std::string_view text) const;

  private:
	struct Free
	{
		void operator()(pcre2_real_code_8 *code) const;
	};
	std::unique_ptr<pcre2_real_code_8, Free> code_;
};

} // namespace etl
