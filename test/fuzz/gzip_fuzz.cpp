// Reads any bytes as a gzip file, in steps of two sizes. Both must end in the same way and within
// the limit.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "core/files/file_error.h"
#include "core/files/file_reader.h"

using namespace etl;

namespace
{

constexpr uint64_t max_size = 1 << 20;

/// A file of this process, which each input overwrites.
class File
{
  public:
	File()
	{
		fd_ = mkstemp(name_.data());
		if (fd_ < 0)
			abort();
	}
	~File()
	{
		close(fd_);
		unlink(name_.c_str());
	}
	const std::string &set(const uint8_t *data, size_t size)
	{
		if (ftruncate(fd_, 0) != 0 || pwrite(fd_, data, size, 0) != static_cast<ssize_t>(size))
			abort();
		return name_;
	}

  private:
	std::string name_ = "/tmp/etl_gzip_fuzz_XXXXXX";
	int fd_ = -1;
};

struct Outcome
{
	std::string bytes, error;
};

Outcome
read_all(const std::string &path, size_t step)
{
	Outcome r;
	try
	{
		FileReader reader(path, Content::gzip, max_size);
		while (true)
		{
			// of the exact size, so that writing beyond its end is detected
			std::vector<char> buffer(step);
			const size_t got = reader.read(buffer.data(), buffer.size());
			if (got == 0)
				break;
			r.bytes.append(buffer.data(), got);
		}
		if (reader.bytes_out() != r.bytes.size())
			abort();
	}
	catch (const FileError &e)
	{
		r.error = e.what();
	}
	if (r.bytes.size() > max_size)
		abort();
	return r;
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static File file;
	if (size == 0)
		return 0;
	const std::string &path = file.set(data + 1, size - 1);
	const Outcome large = read_all(path, 64 * 1024), small = read_all(path, 512u + data[0]);
	if (large.error.empty() != small.error.empty() ||
		(large.error.empty() && large.bytes != small.bytes))
		abort();
	return 0;
}
