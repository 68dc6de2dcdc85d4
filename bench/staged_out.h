// Writes staged files: partition folders, line ends, gzip on worker threads.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <isa-l/igzip_lib.h>

namespace sample
{

[[noreturn]] inline void
throw_errno(const std::string &what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

/// A file on disk.
class DiskFile
{
  public:
	explicit DiskFile(const std::string &path) : path_(path), file_(std::fopen(path.c_str(), "wbx"))
	{
		if (file_ == nullptr)
			throw_errno("could not create \"" + path + "\"");
		setvbuf(file_, nullptr, _IONBF, 0);
	}
	~DiskFile()
	{
		if (file_ != nullptr)
			std::fclose(file_);
	}
	DiskFile(const DiskFile &) = delete;
	DiskFile &operator=(const DiskFile &) = delete;
	void write(std::string_view bytes)
	{
		if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
			throw_errno("could not write \"" + path_ + "\"");
	}
	void close()
	{
		if (std::fclose(std::exchange(file_, nullptr)) != 0)
			throw_errno("could not write \"" + path_ + "\"");
	}

  private:
	std::string path_;
	std::FILE *file_;
};

/// One gzip member, without a time in its header: the same bytes for the same seed.
class GzipMember
{
  public:
	explicit GzipMember(int level) : level_buffer_(level_buffer_size(level)), out_(256 * 1024)
	{
		isal_deflate_init(&stream_);
		stream_.gzip_flag = IGZIP_GZIP;
		stream_.level = static_cast<uint32_t>(level);
		stream_.level_buf = level_buffer_.data();
		stream_.level_buf_size = static_cast<uint32_t>(level_buffer_.size());
	}
	template <typename Sink>
	void write(std::string_view bytes, bool end, Sink &&sink)
	{
		stream_.next_in = reinterpret_cast<uint8_t *>(const_cast<char *>(bytes.data()));
		stream_.avail_in = static_cast<uint32_t>(bytes.size());
		stream_.end_of_stream = end;
		do
		{
			stream_.next_out = out_.data();
			stream_.avail_out = static_cast<uint32_t>(out_.size());
			if (isal_deflate(&stream_) != COMP_OK)
				throw std::runtime_error("ISA-L could not compress");
			sink(std::string_view(reinterpret_cast<const char *>(out_.data()),
								  out_.size() - stream_.avail_out));
		} while (stream_.avail_out == 0 || stream_.avail_in > 0);
	}

  private:
	static size_t level_buffer_size(int level)
	{
		static constexpr size_t sizes[] = {ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
										   ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};
		return sizes[level];
	}
	std::vector<uint8_t> level_buffer_, out_;
	isal_zstream stream_{};
};

inline std::string
gzip(std::string_view bytes, int level)
{
	std::string out;
	GzipMember member(level);
	member.write(bytes, true, [&](std::string_view part) { out += part; });
	return out;
}

/// Threads that run jobs; few are queued, because each holds a file's text.
class Pool
{
  public:
	explicit Pool(unsigned threads) : limit_(2 * threads)
	{
		for (unsigned i = 0; i < threads; ++i)
			threads_.emplace_back([this] { work(); });
	}
	~Pool() { stop(); }
	template <typename Job>
	void run(Job job)
	{
		std::unique_lock lock(mutex_);
		room_.wait(lock, [&] { return jobs_.size() < limit_ || error_; });
		if (error_)
			std::rethrow_exception(error_);
		jobs_.push_back(std::make_unique<JobOf<Job>>(std::move(job)));
		news_.notify_one();
	}
	/// Waits for all jobs; throws what a job threw.
	void finish()
	{
		stop();
		if (error_)
			std::rethrow_exception(error_);
	}

  private:
	struct AnyJob
	{
		virtual ~AnyJob() = default;
		virtual void run() = 0;
	};
	template <typename Job>
	struct JobOf : AnyJob
	{
		explicit JobOf(Job j) : job(std::move(j)) {}
		void run() override { job(); }
		Job job;
	};

	void work()
	{
		for (;;)
		{
			std::unique_lock lock(mutex_);
			news_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
			if (jobs_.empty())
				return;
			const std::unique_ptr<AnyJob> job = std::move(jobs_.front());
			jobs_.pop_front();
			room_.notify_one();
			lock.unlock();
			try
			{
				job->run();
			}
			catch (...)
			{
				lock.lock();
				error_ = std::current_exception();
				room_.notify_all();
			}
		}
	}
	void stop()
	{
		{
			const std::lock_guard lock(mutex_);
			stopping_ = true;
		}
		news_.notify_all();
		for (std::thread &thread : threads_)
			if (thread.joinable())
				thread.join();
	}

	const size_t limit_;
	std::mutex mutex_;
	std::condition_variable news_, room_;
	std::deque<std::unique_ptr<AnyJob>> jobs_;
	bool stopping_ = false;
	std::exception_ptr error_;
	std::vector<std::thread> threads_;
};

/// An hour, counted from the first one.
struct Hour
{
	std::chrono::sys_days date;
	int hour;

	std::string date_text() const
	{
		const std::chrono::year_month_day ymd(date);
		char text[16];
		std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(ymd.year()),
					  static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()));
		return text;
	}
	/// short_form: hour=7 instead of hour=07.
	std::string folder(bool short_form = false) const
	{
		return "date=" + date_text() + (hour < 10 && !short_form ? "/hour=0" : "/hour=") +
			   std::to_string(hour);
	}
};

/// What a staged file looks like apart from its records.
struct Shape
{
	bool gzip = true;
	bool crlf = false;
	bool byte_order_mark = false;
	bool no_final_newline = false;
	bool blank_lines = false;
	bool two_members = false; ///< two gzip members, as "cat a.gz b.gz" makes them
	bool array = false;       ///< one JSON array instead of lines
	bool short_hour = false;
};

/// The folder that staged files are written to.
struct Staging
{
	std::string folder;
	int level;
	Pool &pool;

	std::string make_path(const std::string &partition, const std::string &name) const
	{
		std::filesystem::create_directories(folder + "/" + partition);
		return folder + "/" + partition + "/" + name;
	}
	/// Bytes as they are.
	void write_raw(const std::string &partition, const std::string &name,
				   std::string_view bytes) const
	{
		DiskFile file(make_path(partition, name));
		file.write(bytes);
		file.close();
	}
};

/// A staged file in the making: small ones are compressed by the pool, large ones on the way.
class StagedOut
{
  public:
	StagedOut(const Staging &staging, const Hour &hour, const std::string &dataset_file,
			  const Shape &shape)
		: staging_(staging), shape_(shape),
		  path_(staging.make_path(hour.folder(shape.short_hour),
								  dataset_file + (shape.gzip ? ".json.gz" : ".json")))
	{
		if (shape.byte_order_mark)
			text_ += "\xef\xbb\xbf";
		if (shape.array)
			text_ += '[';
	}
	/// A record's text (which may hold a line end, where it is broken).
	void add(std::string_view record)
	{
		if (records_++ > 0)
			text_ += shape_.array ? ",\n" : line_end();
		if (shape_.blank_lines && records_ % 5 == 2)
			text_.append(records_ % 2 == 0 ? "" : " \t").append(line_end());
		text_ += record;
		if (text_.size() >= flush_size)
			flush(false);
	}
	void close()
	{
		if (shape_.array)
			text_ += "]";
		if (!shape_.no_final_newline)
			text_ += line_end();
		if (shape_.blank_lines)
			text_.append(line_end()).append(line_end());
		if (file_)
		{
			flush(true);
			file_->close();
			return;
		}
		staging_.pool.run(
			[path = path_, text = std::move(text_), shape = shape_, level = staging_.level]
			{
				DiskFile file(path);
				if (!shape.gzip)
					file.write(text);
				else if (shape.two_members)
				{
					// not at a line end: a record may lie in both
					const size_t half = text.size() / 2;
					file.write(gzip(std::string_view(text).substr(0, half), level));
					file.write(gzip(std::string_view(text).substr(half), level));
				}
				else
					file.write(gzip(text, level));
				file.close();
			});
	}

  private:
	static constexpr size_t flush_size = 16 << 20;

	const char *line_end() const { return shape_.crlf ? "\r\n" : "\n"; }
	void flush(bool end)
	{
		if (!file_)
		{
			file_ = std::make_unique<DiskFile>(path_);
			if (shape_.gzip)
				member_ = std::make_unique<GzipMember>(staging_.level);
		}
		if (member_)
			member_->write(text_, end, [&](std::string_view part) { file_->write(part); });
		else
			file_->write(text_);
		text_.clear();
	}

	const Staging &staging_;
	const Shape shape_;
	const std::string path_;
	std::string text_;
	size_t records_ = 0;
	std::unique_ptr<DiskFile> file_;
	std::unique_ptr<GzipMember> member_;
};

} // namespace sample
