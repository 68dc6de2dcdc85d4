// The text of a file that fits one piece, in one buffer.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "core/files/file_reader.h"

namespace etl
{

struct WholeText
{
	std::shared_ptr<char[]> buffer; ///< has room for Document::padding behind the text
	size_t size = 0, capacity = 0;

	/// The capacity of a buffer in which a text of this size can be read without a larger one.
	static size_t capacity_for(size_t size);
	/// Reads the file to its end. Takes a larger buffer where it must. Returns false, with a part
	/// of the file read, if the text is longer than `longest`. Throws FileError.
	bool read(FileReader &reader, size_t longest);
	/// Takes a smaller buffer if less than half of it is used: a tiny file needs much less memory
	/// than the buffer for reading, and a batch may have many tiny files.
	void fit();
	std::string_view text() const { return {buffer.get(), size}; }

  private:
	void move_to(size_t new_capacity);
};

} // namespace etl
