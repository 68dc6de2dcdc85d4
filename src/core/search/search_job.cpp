#include "core/search/search_job.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/sqlstate.h"
#include "core/files/file_error.h"
#include "core/files/file_reader.h"
#include "core/files/zstd_reader.h"
#include "core/search/page_search.h"
#include "core/search/toast_assembler.h"
#include "core/search/wal_search.h"

namespace etl
{

namespace
{

constexpr size_t chunk_size = 1 << 20;

/// A file that is read from its beginning.
class File
{
  public:
	explicit File(const std::string &path)
		// O_NONBLOCK, because opening a pipe would block
		: fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), error_(fd_ < 0 ? errno : 0)
	{
		struct stat info;
		if (fd_ >= 0 && fstat(fd_, &info) == 0 && !S_ISREG(info.st_mode))
			error_ = EINVAL;
	}
	~File()
	{
		if (fd_ >= 0)
			close(fd_);
	}
	File(const File &) = delete;
	File &operator=(const File &) = delete;

	int error() const { return error_; }
	/// Fills the buffer, or reads to the end of the file.
	size_t read(char *buffer, size_t size)
	{
		size_t have = 0;
		while (have < size && error_ == 0)
		{
			const ssize_t got = ::read(fd_, buffer + have, size - have);
			if (got == 0)
				break;
			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0)
				error_ = errno;
			else
				have += static_cast<size_t>(got);
		}
		return have;
	}

  private:
	int fd_;
	int error_;
};

class Runner
{
  public:
	Runner(const SearchJob &job, const Needle &needle, const SearchSizes &sizes,
		   const std::atomic<bool> &stop)
		: job_(job), needle_(needle), sizes_(sizes), stop_(stop), buffer_(chunk_size, '\0')
	{
	}

	SearchResult run()
	{
		switch (job_.kind)
		{
		case SearchJob::Kind::file:
			staged(job_.paths[0]);
			break;
		case SearchJob::Kind::bytes:
			plain(job_.paths[0]);
			break;
		case SearchJob::Kind::relation:
		case SearchJob::Kind::toast:
			relation();
			break;
		case SearchJob::Kind::wal:
			wal();
			break;
		}
		return std::move(result_);
	}

  private:
	void unsearched(const std::string &path, const std::string &why)
	{
		result_.unsearched.push_back(path + ": " + why);
	}

	void failed(const std::string &path, int error)
	{
		// a file that does not exist any more need not be reported
		if (error != ENOENT)
			unsearched(path, error == EINVAL ? "not a regular file"
											 : std::generic_category().message(error));
	}

	void plain(const std::string &path)
	{
		File file(path);
		NeedleStream stream(needle_);
		while (!stop_)
		{
			const size_t got = file.read(buffer_.data(), buffer_.size());
			stream.feed({buffer_.data(), got});
			if (got < buffer_.size())
				break;
		}
		result_.count += stream.finish();
		if (file.error() != 0)
			failed(path, file.error());
	}

	/// Searches a file of records. The first bytes and not the name decide how it is read.
	void staged(const std::string &path)
	{
		std::string begin(6, '\0');
		{
			File file(path);
			begin.resize(file.read(begin.data(), begin.size()));
		}
		const auto begins = [&](std::string_view magic)
		{ return begin.compare(0, magic.size(), magic) == 0; };
		if (begins("\x1f\x8b"))
			gzip(path);
		else if (begins("\x28\xb5\x2f\xfd"))
			zstd(path);
		else
		{
			plain(path);
			if (begins("BZh") ||
				begins("\xfd"
					   "7zXZ") ||
				begins("PK\x03\x04") || begins("\x04\x22\x4d\x18") || begins("PAR1"))
				unsearched(path, "compressed in a format that is not read");
		}
	}

	void gzip(const std::string &path)
	{
		NeedleStream stream(needle_);
		try
		{
			FileReader reader(path, Content::gzip, sizes_.max_file_size);
			while (!stop_)
			{
				const size_t got = reader.read(buffer_.data(), buffer_.size());
				if (got == 0)
					break;
				stream.feed({buffer_.data(), got});
			}
		}
		catch (const FileError &e)
		{
			if (e.sqlstate() != sqlstate::undefined_file)
				unsearched(path, std::string("searched in part: ") + e.what());
		}
		result_.count += stream.finish();
	}

	void zstd(const std::string &path)
	{
		File file(path);
		ZstdReader reader;
		NeedleStream stream(needle_);
		uint64_t total = 0;
		bool good = true;
		while (good && !stop_ && total <= sizes_.max_file_size)
		{
			const size_t got = file.read(buffer_.data(), buffer_.size());
			if (got == 0)
				break;
			good = reader.feed({buffer_.data(), got},
							   [&](std::string_view bytes)
							   {
								   total += bytes.size();
								   if (total <= sizes_.max_file_size && !stop_)
									   stream.feed(bytes);
							   });
		}
		result_.count += stream.finish();
		if (file.error() != 0)
			failed(path, file.error());
		else if (total > sizes_.max_file_size)
			unsearched(path, "searched in part: larger than etl.max_file_size when decompressed");
		else if (!stop_ && (!good || !reader.at_frame_end()))
			unsearched(path, "searched in part: zstd data are damaged or cut off");
	}

	void add(uint32_t block, uint16_t item, uint64_t count)
	{
		result_.count += count;
		if (result_.hits.size() < SearchResult::max_hits)
			result_.hits.push_back({block, item, static_cast<uint32_t>(count)});
	}

	void relation()
	{
		const bool toast = job_.kind == SearchJob::Kind::toast;
		PageSearch pages(needle_, sizes_.page);
		ToastAssembler values(
			needle_, sizes_.page, sizes_.memory,
			[&](uint64_t count, uint64_t tag)
			{ add(static_cast<uint32_t>(tag >> 16), static_cast<uint16_t>(tag & 0xFFFF), count); });
		std::vector<PageHit> hits;
		std::vector<ToastChunk> chunks;
		for (size_t segment = 0; segment < job_.paths.size() && !stop_; ++segment)
		{
			File file(job_.paths[segment]);
			uint32_t block = static_cast<uint32_t>(segment) * sizes_.segment_pages;
			size_t got;
			do
			{
				got = file.read(buffer_.data(), buffer_.size());
				for (size_t at = 0; at < got && !stop_; at += sizes_.page, ++block)
				{
					hits.clear();
					chunks.clear();
					pages.search({buffer_.data() + at, std::min(sizes_.page, got - at)}, hits,
								 toast ? &chunks : nullptr);
					for (const PageHit &hit : hits)
						add(block, hit.item, hit.count);
					for (const ToastChunk &chunk : chunks)
						values.add(0, chunk, static_cast<uint64_t>(block) << 16 | chunk.item);
				}
			} while (got == buffer_.size() && !stop_);
			if (file.error() != 0)
				failed(job_.paths[segment], file.error());
		}
		values.finish();
		if (values.unreadable() > 0)
			unsearched(job_.paths[0],
					   std::to_string(values.unreadable()) +
						   " pieces of values in free space whose beginning is gone: searched as "
						   "they are, not decompressed");
	}

	void wal()
	{
		std::string page(sizes_.wal_page, '\0');
		std::vector<std::pair<uint64_t, std::string>> ordered;
		for (const std::string &path : job_.paths)
		{
			File file(path);
			page.resize(sizes_.wal_page);
			page.resize(file.read(page.data(), page.size()));
			const WalPage header = WalPage::read(page);
			ordered.emplace_back(header.valid ? header.address : 0, path);
		}
		std::sort(ordered.begin(), ordered.end());
		result_.counts.assign(ordered.size(), 0);
		WalSearch search(needle_, sizes_.page, sizes_.memory,
						 [&](size_t file, uint64_t count)
						 {
							 result_.count += count;
							 result_.counts[file] += count;
						 });
		for (size_t i = 0; i < ordered.size() && !stop_; ++i)
		{
			const std::string &path = ordered[i].second;
			result_.paths.push_back(path);
			File file(path);
			size_t got;
			do
			{
				got = file.read(buffer_.data(), buffer_.size());
				for (size_t at = 0; at + sizes_.wal_page <= got && !stop_; at += sizes_.wal_page)
					search.page(i, {buffer_.data() + at, sizes_.wal_page});
			} while (got == buffer_.size() && !stop_);
			if (file.error() != 0)
				failed(path, file.error());
		}
		search.finish();
		if (search.unreadable_images() > 0)
			unsearched("pg_wal", std::to_string(search.unreadable_images()) +
									 " damaged compressed page images: searched as they are");
		if (search.unreadable_pieces() > 0)
			unsearched("pg_wal", std::to_string(search.unreadable_pieces()) +
									 " pieces of values whose beginning is gone: searched as they "
									 "are, not decompressed");
	}

	const SearchJob &job_;
	const Needle &needle_;
	const SearchSizes &sizes_;
	const std::atomic<bool> &stop_;
	std::string buffer_;
	SearchResult result_;
};

} // namespace

SearchResult
run_job(const SearchJob &job, const Needle &needle, const SearchSizes &sizes,
		const std::atomic<bool> &stop)
{
	return Runner(job, needle, sizes, stop).run();
}

} // namespace etl
