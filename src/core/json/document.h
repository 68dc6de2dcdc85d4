// A JSON text (RFC 8259) as a flat array of nodes.
//
// Validation, extraction and rewriting all use this representation. simdjson parses the text.
// Numbers stay as they were written, so that an integer of 40 digits, or a decimal that a double
// cannot hold, reaches PostgreSQL without loss.
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

/// "null", "boolean", "number", "string", "array" or "object", the names of JSON Schema.
const char *kind_name(Kind kind);

/// One value, or the name of one member. The contents of an array or object follow its node in the
/// array: the elements, or for each member a string node with its name and then its value.
struct Node
{
	const char *data;  ///< string: its UTF-8 bytes, unescaped; number: its text
	const char *raw;   ///< where the value begins in the text
	uint32_t size;     ///< bytes at data
	uint32_t raw_size; ///< bytes at raw, quotes and brackets included
	uint32_t count;    ///< number of elements or members
	/// number of nodes of this value with its contents: this + span is the next sibling
	uint32_t span;
	Kind kind;
	bool truth; ///< a boolean's value
};

/// The nodes of a document. Clearing it keeps the memory for the next document.
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

/// A value inside a Document. Copying a Value is as cheap as copying a pointer. A Value is valid
/// until the Document parses the next text.
class Value
{
  public:
	Value() = default;
	explicit Value(const Node *node) : node_(node) {}

	explicit operator bool() const { return node_ != nullptr; }
	Kind kind() const { return node_->kind; }
	bool is(Kind kind) const { return node_->kind == kind; }
	bool truth() const { return node_->truth; }
	/// The unescaped bytes of a string, or a number as it was written.
	std::string_view text() const { return {node_->data, node_->size}; }
	/// The bytes of the value in the text.
	std::string_view raw() const { return {node_->raw, node_->raw_size}; }
	/// The number of elements of an array or of members of an object.
	uint32_t count() const { return node_->count; }
	const Node *node() const { return node_; }

	/// The first element. To visit all elements, call next() count() times.
	Value first() const { return Value(node_ + 1); }
	Value next() const { return Value(node_ + node_->span); }
	/// The value of the member `name`. An empty Value if there is none or if this is not an object.
	Value member(std::string_view name) const;

  private:
	const Node *node_ = nullptr;
};

/// Iterates over the members of an object: for (Member m(value); m; m.advance()) …
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

/// Why a text is not a record. The message gives the byte, counted from 1, and contains nothing of
/// the record.
struct ParseError
{
	std::string message;
	std::string pointer; ///< of the value that is wrong, cut off or missing; see JsonFault
	/// what PostgreSQL would raise: 22P02, or 22021 for text that is not UTF-8
	std::string sqlstate;
};

/// A parsed JSON text. One Document can parse many texts and reuses its buffers. It refuses texts
/// that different readers would read differently: a member name that occurs twice in one object,
/// and nesting deeper than max_depth. It also refuses more than max_values values.
class Document
{
  public:
	static constexpr uint32_t max_depth = 1000;
	/// Largest number of values in one text. Each value takes 40 bytes here, and more when it is
	/// processed.
	static constexpr uint32_t max_values = 1'000'000;
	/// Number of readable bytes that must follow a text so that it is parsed in place.
	static constexpr size_t padding = 64;

	Document();
	~Document();
	Document(const Document &) = delete;
	Document &operator=(const Document &) = delete;

	/// Parses the text. `readable` is the number of bytes that may be read from text.data() on. If
	/// this is less than text.size() + padding, the text is copied first, and raw() points into the
	/// copy (see text()). Returns false and fills `error` if the text is not a valid record.
	bool parse(std::string_view text, size_t readable, ParseError &error);
	bool parse(std::string_view text, ParseError &error) { return parse(text, text.size(), error); }

	Value root() const { return Value(nodes_.data()); }
	/// The text that raw() points into.
	std::string_view text() const { return text_; }
	/// Turns the string at `value` into a number with these digits, which are copied.
	void replace_with_number(Value value, std::string_view digits);
	/// Bytes of memory that the document uses.
	size_t memory() const;
	/// Frees the memory that long texts needed. The document is empty afterwards.
	void release();

  private:
	struct Impl;
	bool read(std::string_view text, size_t readable);

	std::unique_ptr<Impl> impl_;
	NodeList nodes_;
	std::string_view text_;
};

} // namespace etl
