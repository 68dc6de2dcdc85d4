#include "core/files/action_log.h"

#include <algorithm>
#include <cstring>

#include "core/base/hash.h"
#include "core/files/file_identity.h"

namespace etl
{

namespace
{

/// The fixed part of an entry in the log. The two paths of the action follow it.
struct Entry
{
	int64_t file_id;
	FileIdentity identity;
	Sha256 sha256;
	uint32_t from_size, to_size;
	FileAction::Kind kind;
	size_t size() const { return sizeof(Entry) + from_size + to_size; }
};
static_assert(std::is_trivially_copyable_v<Entry>);

Entry
entry_at(const std::string &block, size_t at)
{
	Entry entry;
	std::memcpy(&entry, block.data() + at, sizeof entry);
	return entry;
}

} // namespace

void
ActionLog::add(const FileAction &action)
{
	Entry entry{};
	entry.file_id = action.file_id;
	entry.identity = action.identity;
	entry.sha256 = action.sha256;
	entry.from_size = static_cast<uint32_t>(action.from.size());
	entry.to_size = static_cast<uint32_t>(action.to.size());
	entry.kind = action.kind;
	buffer_.append(reinterpret_cast<const char *>(&entry), sizeof entry);
	buffer_ += action.from;
	buffer_ += action.to;
	if (buffer_.size() < memory_)
		return;
	if (!file_)
		file_ = open_file_();
	file_->append(buffer_.data(), buffer_.size());
	spilled_ += buffer_.size();
	buffer_.clear();
}

void
ActionLog::read(Position at, char *to, size_t size) const
{
	const size_t from_file = at >= spilled_ ? 0 : std::min<uint64_t>(size, spilled_ - at);
	if (from_file > 0)
		file_->read(at, to, from_file);
	if (size > from_file)
		std::memcpy(to + from_file, buffer_.data() + (at + from_file - spilled_), size - from_file);
}

void
ActionLog::Cursor::need(size_t size)
{
	constexpr size_t block_size = 64 * 1024;
	if (block_.size() - at_ >= size)
		return;
	const Position entry = next_;
	const size_t left = std::min<uint64_t>(std::max(size, block_size), end_ - entry);
	block_.resize(left);
	at_ = 0;
	log_.read(entry, block_.data(), left);
}

bool
ActionLog::Cursor::begin_entry()
{
	if (next_ >= end_)
		return false;
	need(sizeof(Entry));
	need(entry_at(block_, at_).size());
	return true;
}

int64_t
ActionLog::Cursor::file_id() const
{
	return entry_at(block_, at_).file_id;
}

void
ActionLog::Cursor::read_entry(FileAction &action) const
{
	const Entry entry = entry_at(block_, at_);
	const char *const paths = block_.data() + at_ + sizeof entry;
	action.kind = entry.kind;
	action.file_id = entry.file_id;
	action.identity = entry.identity;
	action.sha256 = entry.sha256;
	action.from.assign(paths, entry.from_size);
	action.to.assign(paths + entry.from_size, entry.to_size);
}

void
ActionLog::Cursor::end_entry()
{
	const size_t size = entry_at(block_, at_).size();
	next_ += size;
	at_ += size;
}

} // namespace etl
