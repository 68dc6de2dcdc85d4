// A JSON text (RFC 8259) as a flat array of nodes.
//
// Validation, extraction and rewriting all walk this one representation. simdjson does the
// parsing; numbers stay as they were written, so that an integer of 40 digits or a decimal that a
// double can't hold loses nothing on the way to PostgreSQL.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace etl
{

enum class Kind : uint8_t
{
	null,
	boolean,
	number,
	string,
	array,
	object
};

/// "null", "boolean", "number", "string", "array", "object": JSON Schema's names.
const char *kind_name(Kind kind);

/// One value, or one member name. A container's contents follow it in the array: the elements, or
/// a string node with the name before each member's value.
struct Node
{
	const char *data;  ///< string: its UTF-8 bytes, unescaped; number: as written
	const char *raw;   ///< where it begins in the text
	uint32_t size;     ///< bytes at data
	uint32_t raw_size; ///< bytes at raw, quotes and brackets included
	uint32_t count;    ///< elements or members
	uint32_t span;     ///< nodes of this value, itself included: this + span is the next sibling
	Kind kind;
	bool truth; ///< a boolean's value
};

/// The nodes of a document; keeps its memory from one to the next.
class NodeList
{
  public:
	void clear() { size_ = 0; }
	void push_back(const Node &node)
	{
		if (size_ == nodes_.size())
			nodes_.resize(size_ < 64 ? 64 : size_ * 2);
		nodes_[size_++] = node;
	}
	void release()
	{
		nodes_ = {};
		size_ = 0;
	}
	size_t size() const { return size_; }
	size_t capacity() const { return nodes_.size(); }
	Node &operator[](size_t i) { return nodes_[i]; }
	Node &back() { return nodes_[size_ - 1]; }
	Node *data() { return nodes_.data(); }
	const Node *data() const { return nodes_.data(); }

  private:
	std::vector<Node> nodes_;
	size_t size_ = 0;
};

/// A value inside a Document. As cheap to copy as a pointer; valid until the next parse.
class Value
{
  public:
	Value() = default;
	explicit Value(const Node *node) : node_(node) {}

	explicit operator bool() const { return node_ != nullptr; }
	Kind kind() const { return node_->kind; }
	bool is(Kind kind) const { return node_->kind == kind; }
	bool truth() const { return node_->truth; }
	/// A string's bytes unescaped, or a number as written.
	std::string_view text() const { return {node_->data, node_->size}; }
	/// The value as it stands in the text.
	std::string_view raw() const { return {node_->raw, node_->raw_size}; }
	/// Elements of an array, members of an object.
	uint32_t count() const { return node_->count; }
	const Node *node() const { return node_; }

	/// First element; walk on with next(), count() times.
	Value first() const { return Value(node_ + 1); }
	Value next() const { return Value(node_ + node_->span); }
	/// The member of that name, or an empty Value (also when this is no object).
	Value member(std::string_view name) const;

  private:
	const Node *node_ = nullptr;
};

/// Iterates over an object's members: for (Member m(value); m; m.advance()) …
class Member
{
  public:
	explicit Member(Value object) : name_(object.first().node()), left_(object.count()) {}
	explicit operator bool() const { return left_ > 0; }
	std::string_view name() const { return {name_->data, name_->size}; }
	Value value() const { return Value(name_ + 1); }
	void advance()
	{
		name_ += 1 + name_[1].span;
		--left_;
	}

  private:
	const Node *name_;
	uint32_t left_;
};

/// Why a text is no record. Messages say at which byte, from 1, and hold nothing of the record.
struct ParseError
{
	std::string message;
	std::string pointer;  ///< of the value that is wrong, cut off or missing; JsonFault has more
	std::string sqlstate; ///< what PostgreSQL would say: 22P02, 22021 (not UTF-8)
};

/// A parsed JSON text. Reuse one Document for many texts: it keeps its buffers.
/// Refuses what different readers would read differently: a member name that appears twice in one
/// object, and nesting deeper than max_depth; and more than max_values values.
class Document
{
  public:
	static constexpr uint32_t max_depth = 1000;
	/// Values of one text: each takes 40 bytes here, and more in what becomes of it.
	static constexpr uint32_t max_values = 1'000'000;
	/// Bytes after a text that must be readable for it to be parsed in place.
	static constexpr size_t padding = 64;

	Document();
	~Document();
	Document(const Document &) = delete;
	Document &operator=(const Document &) = delete;

	/// Parses text. readable: bytes that may be read from text.data() on; when there is less than
	/// text.size() + padding, the text is copied first and raw() points into the copy (see text()).
	bool parse(std::string_view text, size_t readable, ParseError &error);
	bool parse(std::string_view text, ParseError &error) { return parse(text, text.size(), error); }

	Value root() const { return Value(nodes_.data()); }
	/// The text that raw() points into.
	std::string_view text() const { return text_; }
	/// Turns the string at value into a number written as digits (which are copied).
	void replace_with_number(Value value, std::string_view digits);
	/// Bytes held.
	size_t memory() const;
	/// Gives up what is held for long texts. There is no document afterwards.
	void release();

  private:
	struct Impl;
	bool read(std::string_view text, size_t readable);

	std::unique_ptr<Impl> impl_;
	NodeList nodes_;
	std::string_view text_;
};

/// Appends text as a JSON string, quotes included (RFC 8259 section 7, nothing but the mandatory
/// escapes).
void append_json_string(std::string &out, std::string_view text);

/// Serialises a value compactly (numbers as written).
void append_json(std::string &out, Value value);

/// A JSON Pointer (RFC 6901), split into unescaped steps. "*" is the wildcard of definitions and
/// no part of the RFC; callers decide whether they allow it.
using Path = std::vector<std::string>;

/// Splits a pointer; false when it is neither empty nor begins with '/' or has a bad '~' escape.
bool parse_pointer(std::string_view pointer, Path &path);
/// Appends "/" and the escaped step. A NUL, which no text of PostgreSQL's holds, becomes U+FFFD, as
/// it does in a record.
void append_pointer(std::string &pointer, std::string_view step);

/// Digits: such a step may mean an element of an array.
bool is_index(std::string_view step);

/// The value at path, or an empty Value.
Value find(Value from, const Path &path);
/// The same for one step.
Value step_into(Value from, const std::string &step);

/// Calls visit(Value, pointer) for every value that path matches, "*" standing for each element of
/// an array or member of an object.
template <typename Visit>
void
find_all(Value from, const Path &path, size_t step, std::string &pointer, Visit &&visit)
{
	if (!from)
		return;
	if (step == path.size())
	{
		visit(from, pointer);
		return;
	}
	const size_t length = pointer.size();
	if (path[step] != "*")
	{
		const Value value = step_into(from, path[step]);
		append_pointer(pointer, path[step]);
		find_all(value, path, step + 1, pointer, visit);
		pointer.resize(length);
		return;
	}
	if (from.is(Kind::array))
	{
		Value element = from.first();
		for (uint32_t i = 0; i < from.count(); ++i, element = element.next())
		{
			append_pointer(pointer, std::to_string(i));
			find_all(element, path, step + 1, pointer, visit);
			pointer.resize(length);
		}
	}
	else if (from.is(Kind::object))
		for (Member m(from); m; m.advance())
		{
			append_pointer(pointer, m.name());
			find_all(m.value(), path, step + 1, pointer, visit);
			pointer.resize(length);
		}
}

} // namespace etl
