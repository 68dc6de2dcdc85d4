// Searches write-ahead log for a needle (server/access/xlog_internal.h, xlogrecord.h; the format is
// the same from PostgreSQL 15 to 18). Records are put together across pages and segments, their
// page images decompressed, inline compressed values and TOASTed ones read. Recycled segments,
// whose content belongs to an older position than their name says, are read like the others.
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

/// Header of a WAL page.
struct WalPage
{
	bool valid;
	bool continues;     ///< begins with the rest of a record
	uint64_t address;   ///< LSN of its first byte
	uint32_t remaining; ///< bytes of the record that continues
	size_t header_size;

	static WalPage read(std::string_view page);
};

class WalSearch
{
  public:
	/// Called with the matches that begin in a file.
	using Sink = std::function<void(size_t file, uint64_t count)>;

	/// page_size: of tables; WAL's own comes with the pages.
	WalSearch(const Needle &needle, size_t page_size, size_t memory, Sink sink);

	/// The next page of a file. Files are best given in order of their first page's address.
	void page(size_t file, std::string_view page);
	void finish();
	/// Page images that are compressed in a way this build can't read.
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
	size_t file_ = 0;        ///< in which the record begins
	uint64_t next_page_ = 0; ///< address that goes on with record_
	std::string record_;     ///< of a record that goes on on the next page
	uint32_t record_size_ = 0;
	uint64_t unreadable_images_ = 0;
	std::string image_page_;
	std::vector<PageHit> hits_;
	std::vector<ToastChunk> chunks_;
};

} // namespace etl
