// Searches write-ahead log for a needle (server/access/xlog_internal.h, xlogrecord.h; the format is
// the same from PostgreSQL 15 to 18). Puts records together across pages and segments, decompresses
// page images, and reads inline compressed and TOASTed values. Recycled segments, whose contents
// belong to an older position than their name says, are read like the others.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/search/needle.h"
#include "core/search/page_search.h"
#include "core/search/toast_assembler.h"

namespace etl
{

/// The header of a WAL page.
struct WalPage
{
	bool valid;
	bool continues;     ///< the page begins with the rest of a record
	uint64_t address;   ///< LSN of the first byte of the page
	uint32_t remaining; ///< bytes of the continued record that remain
	size_t header_size;

	static WalPage read(std::string_view page);
};

class WalSearch
{
  public:
	/// Called with the number of matches that begin in a file.
	using Sink = std::function<void(size_t file, uint64_t count)>;

	/// `page_size` is the page size of tables. The WAL pages that are given may have another size.
	WalSearch(const Needle &needle, size_t page_size, size_t memory, Sink sink);

	/// Searches the next page of a file. Files should be given in the order of the address of their
	/// first page.
	void page(size_t file, std::string_view page);
	void finish();
	/// The number of page images whose compression this build cannot read.
	uint64_t unreadable_images() const { return unreadable_images_; }
	uint64_t unreadable_pieces() const { return toast_.unreadable(); }

  private:
	struct Image
	{
		std::string_view bytes;
		uint16_t hole_offset, hole_size;
		uint8_t info;
	};

	void raw(std::string_view bytes);
	void start_over();
	void records(std::string_view page, size_t at);
	void record(std::string_view bytes);
	bool decode(std::string_view bytes);
	void image(const Image &image, uint64_t owner);
	void data(std::string_view bytes, uint64_t owner, bool insert);
	void found(uint64_t count);

	const Needle &needle_;
	const size_t page_size_;
	Sink sink_;
	PageSearch pages_;
	ToastAssembler toast_;
	size_t file_ = 0;        ///< the file in which the record begins
	uint64_t next_page_ = 0; ///< address of the page that continues record_
	std::string record_;     ///< the beginning of a record that continues on the next page
	uint32_t record_size_ = 0;
	uint64_t unreadable_images_ = 0;
	std::string image_page_;
	std::vector<PageHit> hits_;
	std::vector<ToastChunk> chunks_;
};

} // namespace etl
