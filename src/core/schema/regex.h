// Regular expressions as ECMA-262 writes them (JSON Schema draft-07 section 4.3), run by PCRE2.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace etl
{

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
