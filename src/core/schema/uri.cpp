#include "core/schema/uri.h"

#include "core/base/ascii.h"

namespace etl
{

namespace
{

/// A URI split as in RFC 3986, appendix B. The members has_… distinguish an empty component from a
/// missing one.
struct Uri
{
	std::string_view scheme, authority, path, query, fragment;
	bool has_scheme = false, has_authority = false, has_query = false, has_fragment = false;

	explicit Uri(std::string_view s)
	{
		if (const size_t hash = s.find('#'); hash != std::string_view::npos)
		{
			fragment = s.substr(hash + 1);
			has_fragment = true;
			s = s.substr(0, hash);
		}
		if (const size_t mark = s.find('?'); mark != std::string_view::npos)
		{
			query = s.substr(mark + 1);
			has_query = true;
			s = s.substr(0, mark);
		}
		const size_t end = s.find_first_of(":/");
		if (end != std::string_view::npos && end > 0 && s[end] == ':')
		{
			scheme = s.substr(0, end);
			has_scheme = true;
			s = s.substr(end + 1);
		}
		if (s.substr(0, 2) == "//")
		{
			const size_t slash = s.find('/', 2);
			authority = s.substr(2, slash == std::string_view::npos ? slash : slash - 2);
			has_authority = true;
			s = slash == std::string_view::npos ? std::string_view{} : s.substr(slash);
		}
		path = s;
	}
};

/// RFC 3986, section 5.2.4.
std::string
remove_dot_segments(std::string_view in)
{
	std::string out;
	const auto drop_last = [&]
	{
		const size_t slash = out.rfind('/');
		out.resize(slash == std::string::npos ? 0 : slash);
	};
	while (!in.empty())
	{
		if (in.substr(0, 3) == "../")
			in.remove_prefix(3);
		else if (in.substr(0, 2) == "./")
			in.remove_prefix(2);
		else if (in.substr(0, 3) == "/./")
			in.remove_prefix(2);
		else if (in == "/.")
			in = "/";
		else if (in.substr(0, 4) == "/../" || in == "/..")
		{
			in = in == "/.." ? std::string_view("/") : in.substr(3);
			drop_last();
		}
		else if (in == "." || in == "..")
			in = {};
		else
		{
			const size_t next = in.find('/', 1);
			out.append(in.substr(0, next));
			in = next == std::string_view::npos ? std::string_view{} : in.substr(next);
		}
	}
	return out;
}

std::string
merge_paths(const Uri &base, std::string_view path)
{
	if (base.has_authority && base.path.empty())
		return "/" + std::string(path);
	const size_t slash = base.path.rfind('/');
	if (slash == std::string_view::npos)
		return std::string(path);
	return std::string(base.path.substr(0, slash + 1)) + std::string(path);
}

} // namespace

std::string
resolve_uri(std::string_view base_text, std::string_view reference)
{
	const Uri base(base_text), r(reference);
	const Uri &authority = r.has_scheme || r.has_authority ? r : base;
	std::string path;
	bool own_query = true;
	if (r.has_scheme || r.has_authority || r.path.substr(0, 1) == "/")
		path = remove_dot_segments(r.path);
	else if (!r.path.empty())
		path = remove_dot_segments(merge_paths(base, r.path));
	else
	{
		path = base.path;
		own_query = r.has_query;
	}
	const Uri &query = own_query ? r : base;
	const Uri &scheme = r.has_scheme ? r : base;

	std::string out;
	if (scheme.has_scheme)
		out.append(scheme.scheme).append(":");
	if (authority.has_authority)
		out.append("//").append(authority.authority);
	out += path;
	if (query.has_query)
		out.append("?").append(query.query);
	if (r.has_fragment)
		out.append("#").append(r.fragment);
	return out;
}

std::string_view
without_fragment(std::string_view uri, std::string_view &fragment)
{
	const size_t hash = uri.find('#');
	fragment = hash == std::string_view::npos ? std::string_view{} : uri.substr(hash + 1);
	return uri.substr(0, hash);
}

bool
percent_decode(std::string_view text, std::string &out)
{
	out.clear();
	for (size_t i = 0; i < text.size(); ++i)
	{
		if (text[i] != '%')
		{
			out += text[i];
			continue;
		}
		if (i + 2 >= text.size())
			return false;
		const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
		if (high < 0 || low < 0)
			return false;
		out += static_cast<char>(high * 16 + low);
		i += 2;
	}
	return true;
}

} // namespace etl
