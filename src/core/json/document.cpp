#include "core/json/document.h"

#include <algorithm>
#include <cstring>
#include <deque>

#include <simdjson.h>

#include "core/base/sqlstate.h"
#include "core/json/fault.h"
#include "core/json/pointer.h"

namespace etl
{

namespace ondemand = simdjson::ondemand;

static_assert(Document::padding >= simdjson::SIMDJSON_PADDING);

const char *
kind_name(Kind kind)
{
	static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
	return names[static_cast<int>(kind)];
}

namespace
{

/// Compares lengths and first bytes first, in which most different names differ.
bool
same_name(std::string_view a, std::string_view b)
{
	return a.size() == b.size() && (a.empty() || (a[0] == b[0] && a == b));
}

} // namespace

Value
Value::member(std::string_view name) const
{
	if (node_ == nullptr || node_->kind != Kind::object)
		return {};
	for (Member m(*this); m; m.advance())
		if (same_name(m.name(), name))
			return m.value();
	return {};
}

struct Document::Impl
{
	ondemand::parser parser;
	std::string copy;                ///< of a text without padding
	std::deque<std::string> numbers; ///< made by replace_with_number
	std::vector<std::string_view> names;

	NodeList &nodes;
	ParseError *error = nullptr;
	/// A container that was being read when a limit was met, innermost first.
	struct Step
	{
		std::string_view name;
		uint32_t index;
		bool is_element;
	};
	std::vector<Step> steps;
	const char *begin = nullptr, *end = nullptr;
	uint32_t values = 0;

	explicit Impl(NodeList &n) : nodes(n) {}

	bool fail(const std::string &message,
			  const char *sqlstate = sqlstate::invalid_text_representation)
	{
		// the innermost failure is the most specific one
		if (error->message.empty())
		{
			error->message = message;
			error->sqlstate = sqlstate;
		}
		return false;
	}
	bool fail(simdjson::error_code code);
	template <typename T>
	bool scalar(T &value, ondemand::json_type type);
	bool value(ondemand::value value, uint32_t depth);
	bool array(ondemand::array array, size_t self, uint32_t depth);
	bool object(ondemand::object object, size_t self, uint32_t depth);
	bool names_differ(size_t self);
	void explain(std::string_view text);
};

namespace
{

std::string_view
trim(std::string_view text)
{
	while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\n' ||
							 text.back() == '\r'))
		text.remove_suffix(1);
	return text;
}

/// The grammar of numbers, RFC 8259 section 6.
bool
is_number(std::string_view t)
{
	size_t i = 0;
	const auto digits = [&]
	{
		const size_t from = i;
		while (i < t.size() && t[i] >= '0' && t[i] <= '9')
			++i;
		return i - from;
	};
	if (i < t.size() && t[i] == '-')
		++i;
	const size_t integer = i;
	const size_t n = digits();
	if (n == 0 || (n > 1 && t[integer] == '0'))
		return false;
	if (i < t.size() && t[i] == '.')
	{
		++i;
		if (digits() == 0)
			return false;
	}
	if (i < t.size() && (t[i] == 'e' || t[i] == 'E'))
	{
		++i;
		if (i < t.size() && (t[i] == '+' || t[i] == '-'))
			++i;
		if (digits() == 0)
			return false;
	}
	return i == t.size();
}

} // namespace

bool
Document::Impl::fail(simdjson::error_code code)
{
	// the error codes of simdjson, and the step at which it returns them, differ between its
	// versions, so find_json_fault finds the fault
	return code == simdjson::CAPACITY
			   ? fail("too long to be parsed", sqlstate::program_limit_exceeded)
			   : fail("not valid JSON");
}

template <typename T>
bool
Document::Impl::scalar(T &value, ondemand::json_type type)
{
	// nodes.back() is the node of the value; its raw token is set already
	Node &node = nodes.back();
	switch (type)
	{
	case ondemand::json_type::string:
	{
		std::string_view text;
		if (auto code = value.get_string().get(text))
			return fail(code);
		node.kind = Kind::string;
		node.data = text.data();
		node.size = static_cast<uint32_t>(text.size());
		return true;
	}
	case ondemand::json_type::number:
	{
		// the number is kept as written; the grammar is checked here because the number is never
		// converted
		node.kind = Kind::number;
		node.data = node.raw;
		node.size = node.raw_size;
		return is_number({node.raw, node.raw_size}) || fail("not a valid number");
	}
	case ondemand::json_type::boolean:
	{
		bool truth;
		if (auto code = value.get_bool().get(truth))
			return fail(code);
		node.kind = Kind::boolean;
		node.truth = truth;
		node.data = node.raw;
		node.size = node.raw_size;
		return true;
	}
	default:
		if (std::string_view(node.raw, node.raw_size) != "null")
			return fail("not valid JSON");
		bool null;
		if (simdjson::simdjson_result<bool>(value.is_null()).get(null) || !null)
			return fail("not valid JSON");
		node.kind = Kind::null;
		return true;
	}
}

bool
Document::Impl::value(ondemand::value value, uint32_t depth)
{
	ondemand::json_type type;
	if (auto code = value.type().get(type))
		return fail(code);
	const std::string_view token = trim(value.raw_json_token());
	const size_t self = nodes.size();
	if (++values > max_values)
	{
		return fail("more than " + std::to_string(max_values) + " values, at byte " +
						std::to_string(token.data() - begin + 1),
					sqlstate::program_limit_exceeded);
	}
	nodes.push_back(
		{nullptr, token.data(), 0, static_cast<uint32_t>(token.size()), 0, 1, Kind::null, false});
	if (type != ondemand::json_type::array && type != ondemand::json_type::object)
		return scalar(value, type);
	if (depth >= max_depth)
	{
		return fail("nested deeper than " + std::to_string(max_depth) + " levels at byte " +
						std::to_string(token.data() - begin + 1),
					sqlstate::statement_too_complex);
	}
	if (type == ondemand::json_type::array)
	{
		ondemand::array a;
		if (auto code = value.get_array().get(a))
			return fail(code);
		return array(a, self, depth);
	}
	ondemand::object o;
	if (auto code = value.get_object().get(o))
		return fail(code);
	return object(o, self, depth);
}

bool
Document::Impl::array(ondemand::array array, size_t self, uint32_t depth)
{
	uint32_t count = 0;
	for (auto element : array)
	{
		ondemand::value v;
		if (auto code = element.get(v))
			return fail(code);
		if (!value(v, depth + 1))
		{
			steps.push_back({{}, count, true});
			return false;
		}
		++count;
	}
	nodes[self].kind = Kind::array;
	nodes[self].count = count;
	nodes[self].span = static_cast<uint32_t>(nodes.size() - self);
	return true;
}

bool
Document::Impl::object(ondemand::object object, size_t self, uint32_t depth)
{
	uint32_t count = 0;
	for (auto field : object)
	{
		std::string_view name;
		if (auto code = field.unescaped_key().get(name))
			return fail(code);
		nodes.push_back({name.data(), nullptr, static_cast<uint32_t>(name.size()), 0, 0, 1,
						 Kind::string, false});
		ondemand::value v;
		if (auto code = field.value().get(v))
			return fail(code);
		if (!value(v, depth + 1))
		{
			steps.push_back({name, 0, false});
			return false;
		}
		++count;
	}
	nodes[self].kind = Kind::object;
	nodes[self].count = count;
	nodes[self].span = static_cast<uint32_t>(nodes.size() - self);
	return names_differ(self);
}

/// Returns false where a name appears twice. RFC 8259 leaves repeated names to the reader: some
/// readers use the first value, others the last. A record that means different things to different
/// readers is not loaded.
bool
Document::Impl::names_differ(size_t self)
{
	const uint32_t count = nodes[self].count;
	const Node *end = nodes.data() + nodes.size();
	const auto repeated = [&](std::string_view name)
	{
		steps.push_back({name, 0, false});
		const Node *second = nullptr;
		for (const Node *a = nodes.data() + self + 1; a < end; a += 1 + a[1].span)
			if (same_name({a->data, a->size}, name))
				second = a + 1;
		if (second == nullptr) // not reached: the caller has found two
			return fail("member name appears twice in one object");
		return fail("member name appears twice in one object, the second time before byte " +
					std::to_string(second->raw - begin + 1));
	};
	if (count <= 16)
	{
		// compare each name with those after it: for usual records this takes fewer instructions
		// than a hash
		const Node *a = nodes.data() + self + 1;
		for (uint32_t i = 0; i + 1 < count; ++i)
		{
			const Node *b = a + 1 + a[1].span;
			for (const Node *c = b; c < end; c += 1 + c[1].span)
				if (same_name({a->data, a->size}, {c->data, c->size}))
					return repeated({a->data, a->size});
			a = b;
		}
		return true;
	}
	names.clear();
	for (const Node *a = nodes.data() + self + 1; a < end; a += 1 + a[1].span)
		names.emplace_back(a->data, a->size);
	std::sort(names.begin(), names.end());
	const auto twice = std::adjacent_find(names.begin(), names.end());
	return twice == names.end() || repeated(*twice);
}

/// Finds the position of the fault and what was expected there, in a second, slow pass that only
/// refused texts need. For text that is not JSON, the error does not contain anything found by
/// simdjson, because that depends on its version. Text that is JSON was refused by the limits of
/// this file, and the steps give the pointer.
void
Document::Impl::explain(std::string_view text)
{
	JsonFault fault = find_json_fault(text);
	if (!fault.message.empty())
	{
		error->message = fault.message + " at byte " + std::to_string(fault.at + 1);
		if (fault.at >= text.size())
			error->message += ", the end";
		error->sqlstate = fault.is_encoding ? sqlstate::character_not_in_repertoire
											: sqlstate::invalid_text_representation;
		error->pointer = std::move(fault.pointer);
		return;
	}
	// a pointer of a thousand steps to the place where nesting is too deep is of no use
	if (error->sqlstate == sqlstate::statement_too_complex)
		steps.clear();
	for (auto step = steps.rbegin(); step != steps.rend(); ++step)
		append_pointer(error->pointer, step->is_element ? std::to_string(step->index) : step->name);
}

Document::Document() : impl_(std::make_unique<Impl>(nodes_)) {}
Document::~Document() = default;

namespace
{

/// Sets the sizes of containers, whose end is known only after their contents were read. simdjson
/// does not tell where a container ends, so the end is the first closing bracket after the end of
/// the last content.
const char *
close_containers(Node *node, const char *end)
{
	if (node->kind != Kind::array && node->kind != Kind::object)
		return node->raw + node->raw_size;
	const char *at = node->raw + 1;
	Node *child = node + 1;
	for (uint32_t i = 0; i < node->count; ++i)
	{
		if (node->kind == Kind::object)
			++child;
		at = close_containers(child, end);
		child += child->span;
	}
	const char bracket = node->kind == Kind::array ? ']' : '}';
	while (at < end && *at != bracket)
		++at;
	++at;
	node->raw_size = static_cast<uint32_t>(at - node->raw);
	return at;
}

} // namespace

bool
Document::parse(std::string_view text, size_t readable, ParseError &error)
{
	error = {};
	nodes_.clear();
	impl_->numbers.clear();
	impl_->error = &error;
	impl_->steps.clear();
	impl_->values = 0;
	if (read(text, readable))
		return true;
	impl_->explain(text);
	return false;
}

bool
Document::read(std::string_view text, size_t readable)
{
	if (readable < text.size() + padding)
	{
		impl_->copy.reserve(text.size() + padding);
		impl_->copy.assign(text);
		text = impl_->copy;
		readable = text.size() + padding;
	}
	text_ = text;
	impl_->begin = text.data();
	impl_->end = text.data() + text.size();
	// later versions of simdjson skip a byte-order mark
	if (text.substr(0, 3) == "\xEF\xBB\xBF")
		return impl_->fail("byte-order mark");
	ondemand::document document;
	if (auto code = impl_->parser.iterate(text.data(), text.size(), readable).get(document))
		return impl_->fail(code);
	ondemand::json_type type;
	if (auto code = document.type().get(type))
		return impl_->fail(code);
	if (type == ondemand::json_type::array || type == ondemand::json_type::object)
	{
		ondemand::value root;
		if (auto code = document.get_value().get(root))
			return impl_->fail(code);
		if (!impl_->value(root, 0))
			return false;
	}
	else
	{
		std::string_view token;
		if (auto code = document.raw_json_token().get(token))
			return impl_->fail(code);
		token = trim(token);
		nodes_.push_back({nullptr, token.data(), 0, static_cast<uint32_t>(token.size()), 0, 1,
						  Kind::null, false});
		const std::string_view rest =
			trim({token.data(), static_cast<size_t>(impl_->end - token.data())});
		if (type == ondemand::json_type::number)
		{
			// simdjson steps past a root number only by converting it, which would refuse big
			// integers, so the text after the number is checked here
			nodes_[0].kind = Kind::number;
			nodes_[0].data = token.data();
			nodes_[0].size = nodes_[0].raw_size = static_cast<uint32_t>(rest.size());
			return is_number({nodes_[0].raw, nodes_[0].raw_size}) ||
				   impl_->fail("not a valid number");
		}
		// simdjson 3 refuses a root literal with blanks around it, and reads " falsex" as false
		if (type != ondemand::json_type::string)
		{
			nodes_[0].kind = rest == "null" ? Kind::null : Kind::boolean;
			nodes_[0].truth = rest == "true";
			nodes_[0].raw_size = static_cast<uint32_t>(rest.size());
			if (nodes_[0].kind == Kind::boolean)
			{
				nodes_[0].data = nodes_[0].raw;
				nodes_[0].size = nodes_[0].raw_size;
			}
			return rest == "true" || rest == "false" || rest == "null" ||
				   impl_->fail("not valid JSON");
		}
		if (!impl_->scalar(document, type))
			return false;
	}
	const char *rest;
	if (document.current_location().get(rest) != simdjson::OUT_OF_BOUNDS)
		return impl_->fail("something follows the JSON value");
	close_containers(nodes_.data(), impl_->end);
	return true;
}

void
Document::replace_with_number(Value value, std::string_view digits)
{
	Node &node = nodes_[static_cast<size_t>(value.node() - nodes_.data())];
	// the strings of a deque do not move
	impl_->numbers.emplace_back(digits);
	node.kind = Kind::number;
	node.data = impl_->numbers.back().data();
	node.size = static_cast<uint32_t>(digits.size());
}

size_t
Document::memory() const
{
	return nodes_.capacity() * sizeof(Node) + impl_->copy.capacity() + 2 * impl_->parser.capacity();
}

void
Document::release()
{
	impl_ = std::make_unique<Impl>(nodes_);
	nodes_ = NodeList(); // frees its memory, too
	text_ = {};
}

} // namespace etl
