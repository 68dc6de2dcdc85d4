#include "core/audit/journal_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "core/base/calendar.h"
#include "core/base/hash.h"
#include "core/json/write.h"

namespace etl
{

namespace
{

constexpr const char *kinds[] = {"begin", "erasure", "committed", "rolled_back", "decision"};
/// The text between the hashed part of a line and its hash.
constexpr std::string_view before_hash = ",\"hash\":\"";
constexpr size_t hash_digits = 64;
/// The number of digits of a keyed hash of 64 bits.
constexpr size_t hash_text_digits = 16;
/// The largest size of a line.
constexpr size_t max_line = 64 * 1024;

std::string
hash_of(std::string_view bytes)
{
	const auto hash = sha256(bytes);
	return to_hex({reinterpret_cast<const char *>(hash.data()), hash.size()});
}

void
add_text(std::string &out, const char *name, std::string_view value)
{
	out += std::string(",\"") + name + "\":";
	append_json_string(out, value);
}

void
add_number(std::string &out, const char *name, uint64_t value)
{
	out += std::string(",\"") + name + "\":" + std::to_string(value);
}

/// Splits a line into the hashed part and the hash. Returns false if the line does not have the
/// right end.
bool
split_line(std::string_view line, std::string_view &hashed, std::string_view &hash)
{
	const size_t tail = before_hash.size() + hash_digits + 2; // "}
	if (line.size() <= tail || line.substr(line.size() - 2) != "\"}")
		return false;
	const size_t at = line.size() - tail;
	if (line.substr(at, before_hash.size()) != before_hash)
		return false;
	hashed = line.substr(0, at);
	hash = line.substr(at + before_hash.size(), hash_digits);
	return true;
}

std::string
hash_text(uint64_t hash)
{
	if (hash == 0)
		return {};
	char text[hash_text_digits + 1];
	std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
	return text;
}

/// Throws exceptions of nlohmann::json, and std::runtime_error.
void
read_line(std::string_view text, JournalLine &line, std::string &previous)
{
	const nlohmann::json json = nlohmann::json::parse(text);
	const std::string kind = json.at("kind");
	line = JournalLine();
	bool known = false;
	for (size_t i = 0; i < std::size(kinds); ++i)
		if (kind == kinds[i])
		{
			line.kind = static_cast<JournalLine::Kind>(i);
			known = true;
		}
	if (!known)
		throw std::runtime_error("unknown kind");
	line.seq = json.at("seq");
	line.at = json.at("at");
	previous = json.at("previous");
	if (line.kind == JournalLine::Kind::begin)
		line.text = json.at("journal");
	else if (line.kind == JournalLine::Kind::erasure || line.kind == JournalLine::Kind::decision)
	{
		line.erasure_id = json.at("erasure_id");
		line.dataset = json.at("dataset");
		line.subject = json.at("subject");
		line.email = json.at("email");
		if (line.kind == JournalLine::Kind::erasure)
		{
			line.status = json.at("status");
			line.received_at = json.at("received_at");
			line.row_count = json.at("rows");
			line.email_hash = read_journal_hash(json.at("email_hash").get<std::string>());
			if (json.contains("known_emails"))
				for (const nlohmann::json &hash : json["known_emails"])
					line.known_emails.push_back(read_journal_hash(hash.get<std::string>()));
		}
		else
		{
			line.action = json.at("action");
			line.reason = json.at("reason");
			line.actor = json.at("actor");
			line.received_at = json.at("decided_at");
		}
		line.file_hash = read_journal_hash(json.at("file_hash").get<std::string>());
		line.key_id = json.at("key");
		line.origin.system = json.at("system");
		line.origin.database = json.at("database");
		line.origin.timeline = json.at("timeline");
		line.origin.lsn = json.at("lsn");
		line.origin.xid = json.at("xid");
	}
	else
	{
		line.first = json.at("first");
		line.last = json.at("last");
	}
}

} // namespace

uint64_t
read_journal_hash(std::string_view digits)
{
	uint64_t hash = 0;
	if (digits.empty())
		return hash;
	const char *end = digits.data() + digits.size();
	if (digits.size() != hash_text_digits ||
		std::from_chars(digits.data(), end, hash, 16).ptr != end)
		throw std::runtime_error("no hash");
	return hash;
}

std::string
journal_text(JournalLine &line, JournalEnd &end)
{
	line.seq = end.seq + 1;
	std::string out = "{\"seq\":" + std::to_string(line.seq);
	add_text(out, "kind", kinds[static_cast<size_t>(line.kind)]);
	add_text(out, "at", line.at);
	if (line.kind == JournalLine::Kind::begin)
		add_text(out, "journal", line.text);
	else if (line.kind == JournalLine::Kind::erasure || line.kind == JournalLine::Kind::decision)
	{
		out += ",\"erasure_id\":" + std::to_string(line.erasure_id);
		add_text(out, "dataset", line.dataset);
		add_text(out, "subject", line.subject);
		add_text(out, "email", line.email);
		if (line.kind == JournalLine::Kind::erasure)
		{
			add_text(out, "status", line.status);
			add_text(out, "received_at", line.received_at);
			out += ",\"rows\":" + std::to_string(line.row_count);
			add_text(out, "email_hash", hash_text(line.email_hash));
			if (!line.known_emails.empty())
			{
				out += ",\"known_emails\":[";
				for (size_t i = 0; i < line.known_emails.size(); ++i)
					out += (i == 0 ? "\"" : ",\"") + hash_text(line.known_emails[i]) + "\"";
				out += ']';
			}
		}
		else
		{
			add_text(out, "action", line.action);
			add_text(out, "reason", line.reason);
			add_text(out, "actor", line.actor);
			add_text(out, "decided_at", line.received_at);
		}
		add_text(out, "file_hash", hash_text(line.file_hash));
		add_text(out, "key", line.key_id);
		add_number(out, "system", line.origin.system);
		add_number(out, "database", line.origin.database);
		add_number(out, "timeline", line.origin.timeline);
		add_number(out, "lsn", line.origin.lsn);
		add_number(out, "xid", line.origin.xid);
	}
	else
	{
		out += ",\"first\":" + std::to_string(line.first);
		out += ",\"last\":" + std::to_string(line.last);
	}
	add_text(out, "previous", end.hash);
	const std::string hash = hash_of(out);
	out += before_hash;
	out += hash + "\"}\n";
	end.seq = line.seq;
	end.position += out.size();
	end.hash = hash;
	return out;
}

bool
JournalReader::fail(const std::string &problem)
{
	problem_ = "line " + std::to_string(end_.seq + 1) + " " + problem;
	return false;
}

bool
JournalReader::fill()
{
	buffer_.erase(0, at_);
	at_ = 0;
	const size_t had = buffer_.size();
	buffer_.resize(had + (1 << 18));
	ssize_t got;
	do
		got = pread(fd_, buffer_.data() + had, buffer_.size() - had,
					static_cast<off_t>(end_.position + had));
	while (got < 0 && errno == EINTR);
	buffer_.resize(had + (got > 0 ? static_cast<size_t>(got) : 0));
	if (got < 0)
		problem_ = std::string("could not be read: ") + std::strerror(errno);
	return got > 0;
}

bool
JournalReader::next(JournalLine &line)
{
	size_t newline;
	while ((newline = buffer_.find('\n', at_)) == std::string::npos)
	{
		if (buffer_.size() - at_ > max_line)
			return fail("has no end");
		if (!fill())
		{
			torn_ = problem_.empty() && buffer_.size() > at_;
			return false;
		}
	}
	const std::string_view text = std::string_view(buffer_).substr(at_, newline - at_);
	std::string_view hashed, hash;
	if (!split_line(text, hashed, hash) || hash_of(hashed) != hash)
		return fail("was altered: its contents do not give its hash");
	std::string previous;
	try
	{
		read_line(text, line, previous);
	}
	catch (const std::exception &)
	{
		return fail("is not a line of a journal");
	}
	if (line.seq != end_.seq + 1 || previous != end_.hash)
		return fail("does not follow the line before it: lines were removed, moved or inserted");
	end_.seq = line.seq;
	end_.position += text.size() + 1;
	end_.hash = std::string(hash);
	at_ = newline + 1;
	return true;
}

bool
journal_line_matches(int fd, const JournalEnd &end)
{
	if (end.position == 0)
		return end.seq == 0;
	std::string tail(std::min<uint64_t>(end.position, max_line), '\0');
	const uint64_t start = end.position - tail.size();
	if (pread(fd, tail.data(), tail.size(), static_cast<off_t>(start)) !=
			static_cast<ssize_t>(tail.size()) ||
		tail.back() != '\n')
		return false;
	tail.pop_back();
	const size_t newline = tail.rfind('\n');
	if (newline == std::string::npos && start > 0)
		return false;
	const std::string_view line =
		std::string_view(tail).substr(newline == std::string::npos ? 0 : newline + 1);
	std::string_view hashed, hash;
	return split_line(line, hashed, hash) && hash == end.hash && hash_of(hashed) == hash;
}

std::string
journal_time()
{
	const auto now =
		std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
	return format_utc((now - postgres_epoch).count());
}

} // namespace etl
