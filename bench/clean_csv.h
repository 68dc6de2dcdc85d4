// The accepted transactions as clean CSV: what the benchmark gives to COPY FROM.
#pragma once

#include <array>
#include <optional>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "staged_out.h"

namespace sample
{

class CleanCsv
{
  public:
	explicit CleanCsv(std::string folder) : folder_(std::move(folder))
	{
		std::filesystem::create_directories(folder_);
		transactions_.emplace(folder_ + "/transactions.csv");
		purchases_.emplace(folder_ + "/purchases.csv");
	}

	/// Rows of one transaction: its own, then those of its purchases. Each ends in a newline.
	void add(std::string_view uuid, std::string_view transaction, std::string_view purchases)
	{
		index_.push_back({key(uuid), transactions_->size, purchases_->size,
						  static_cast<uint32_t>(transaction.size()),
						  static_cast<uint32_t>(purchases.size())});
		transactions_->write(transaction);
		purchases_->write(purchases);
	}

	/// Closes the files, and writes the same rows once more in the order of their primary keys.
	void finish()
	{
		transactions_->close();
		purchases_->close();
		std::sort(index_.begin(), index_.end(),
				  [](const Entry &a, const Entry &b) { return a.key < b.key; });
		sorted("transactions", &Entry::transaction_at, &Entry::transaction_size);
		sorted("purchases", &Entry::purchases_at, &Entry::purchases_size);
	}

	/// Quoted only where it must be.
	static void append_text(std::string &row, std::string_view text)
	{
		if (!text.empty() && text.find_first_of(",\"\n\r") == std::string_view::npos)
		{
			row += text;
			return;
		}
		row += '"';
		for (const char c : text)
			row.append(c == '"' ? 2 : 1, c);
		row += '"';
	}

  private:
	using Key = std::array<uint8_t, 16>;
	struct Entry
	{
		Key key;
		uint64_t transaction_at, purchases_at;
		uint32_t transaction_size, purchases_size;
	};
	struct Out
	{
		explicit Out(const std::string &path) : file(path) {}
		void write(std::string_view bytes)
		{
			size += bytes.size();
			buffer += bytes;
			if (buffer.size() >= 1 << 20)
			{
				file.write(buffer);
				buffer.clear();
			}
		}
		void close()
		{
			file.write(buffer);
			file.close();
		}
		DiskFile file;
		std::string buffer;
		uint64_t size = 0;
	};

	static Key key(std::string_view uuid)
	{
		Key key{};
		size_t n = 0;
		for (const char c : uuid)
			if (c != '-' && n < 32)
			{
				const int digit = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
				key[n / 2] = static_cast<uint8_t>(key[n / 2] << 4 | digit);
				++n;
			}
		return key;
	}

	void sorted(const char *name, uint64_t Entry::*at, uint32_t Entry::*size) const
	{
		// the file is its own store: its pages are the kernel's, not this process's memory
		const std::string path = folder_ + "/" + name + ".csv";
		const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
		struct stat info;
		if (fd < 0 || fstat(fd, &info) != 0)
			throw_errno("could not read \"" + path + "\"");
		const size_t length = static_cast<size_t>(info.st_size);
		void *map = length == 0 ? nullptr : mmap(nullptr, length, PROT_READ, MAP_PRIVATE, fd, 0);
		close(fd);
		if (map == MAP_FAILED)
			throw_errno("could not map \"" + path + "\"");
		Out out(folder_ + "/" + name + "_sorted.csv");
		for (const Entry &entry : index_)
			out.write({static_cast<const char *>(map) + entry.*at, entry.*size});
		out.close();
		if (map != nullptr)
			munmap(map, length);
	}

	const std::string folder_;
	std::optional<Out> transactions_, purchases_;
	std::vector<Entry> index_;
};

} // namespace sample
