#include "core/files/file_format.h"

#include <algorithm>

namespace etl
{

namespace
{

using namespace std::string_view_literals;

struct Magic
{
	std::string_view bytes;
	const char *name;
	bool could_be_text = false; ///< these bytes could be text, so control characters must follow
	size_t at = 0;
};

constexpr Magic magics[] = {
	{"\x1f\x8b"sv, "gzip data inside of compressed data"},
	{"\x28\xb5\x2f\xfd"sv, "zstd data inside of compressed data"},
	{"BZh"sv, "bzip2 data", true},
	{"\xfd\x37zXZ\0"sv, "xz data"},
	{"\x5d\0\0"sv, "lzma data"},
	{"\x04\x22\x4d\x18"sv, "lz4 data"},
	{"\x02\x21\x4c\x18"sv, "lz4 data"},
	{"\x1f\x9d"sv, "data of compress (.Z)"},
	{"LZIP"sv, "lzip data", true},
	{"\x89LZO\0\r\n\x1a\n"sv, "lzop data"},
	{"\xff\x06\0\0sNaPpY"sv, "snappy data"},
	{"PK\x03\x04"sv, "a ZIP archive"},
	{"PK\x05\x06"sv, "a ZIP archive"},
	{"PK\x07\x08"sv, "a ZIP archive"},
	{"7z\xbc\xaf\x27\x1c"sv, "a 7z archive"},
	{"Rar!\x1a\x07"sv, "a RAR archive"},
	{"ustar"sv, "a tar archive", true, 257},
	{"\x89PNG\r\n\x1a\n"sv, "a PNG image"},
	{"\xff\xd8\xff"sv, "a JPEG image"},
	{"GIF87a"sv, "a GIF image", true},
	{"GIF89a"sv, "a GIF image", true},
	{"%PDF-"sv, "a PDF document"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "an Office document"},
	{"\x7f"
	 "ELF"sv,
	 "an executable"},
	{"MZ"sv, "an executable", true},
	{"\xfe\xed\xfa\xce"sv, "an executable"},
	{"\xfe\xed\xfa\xcf"sv, "an executable"},
	{"\xce\xfa\xed\xfe"sv, "an executable"},
	{"\xcf\xfa\xed\xfe"sv, "an executable"},
	{"\xca\xfe\xba\xbe"sv, "an executable"},
	{"\0asm"sv, "an executable"},
	{"PAR1"sv, "a Parquet file", true},
	{"Obj\x01"sv, "an Avro file"},
	{"ORC"sv, "an ORC file", true},
	{"ARROW1\0\0"sv, "an Arrow file"},
	{"SQLite format 3\0"sv, "an SQLite database"},
	{"PGDMP"sv, "a dump of PostgreSQL", true},
	{"\x89HDF\r\n\x1a\n"sv, "an HDF5 file"},
};

bool
has_at(std::string_view head, size_t at, std::string_view bytes)
{
	return head.size() >= at + bytes.size() && head.substr(at, bytes.size()) == bytes;
}

bool
is_control(char c)
{
	const unsigned char byte = static_cast<unsigned char>(c);
	return byte < 0x20 && !(byte >= '\t' && byte <= '\r');
}

size_t
count_controls(std::string_view bytes)
{
	return static_cast<size_t>(std::count_if(bytes.begin(), bytes.end(), is_control));
}

/// Recognises text with 16 or 32 bits for a character, by a byte-order mark or because the first
/// two characters are ASCII.
std::string
wide_text(std::string_view head)
{
	const auto zero = [&](size_t i) { return head[i] == '\0'; };
	const auto ascii = [&](size_t i)
	{ return static_cast<unsigned char>(head[i]) < 0x80 && !zero(i) && !is_control(head[i]); };
	if (has_at(head, 0, "\xff\xfe\0\0"sv) || has_at(head, 0, "\0\0\xfe\xff"sv))
		return "text in UTF-32";
	if (has_at(head, 0, "\xff\xfe"sv) || has_at(head, 0, "\xfe\xff"sv))
		return "text in UTF-16";
	if (head.size() >= 8 && ((ascii(0) && zero(1) && zero(2) && zero(3) && ascii(4) && zero(5)) ||
							 (zero(0) && zero(1) && zero(2) && ascii(3) && zero(4) && ascii(7))))
		return "text in UTF-32";
	if (head.size() >= 4 && ((ascii(0) && zero(1) && ascii(2) && zero(3)) ||
							 (zero(0) && ascii(1) && zero(2) && ascii(3))))
		return "text in UTF-16";
	return {};
}

/// Whether any line looks like a record, or the first line like a damaged record.
bool
has_record(std::string_view head)
{
	bool is_first = true;
	for (size_t at = 0; at < head.size();)
	{
		const size_t end = std::min(head.find('\n', at), head.size());
		const std::string_view line = head.substr(at, end - at);
		const size_t first = line.find_first_not_of(" \t\r");
		at = end + 1;
		if (first == line.npos)
			continue;
		const bool begins = line[first] == '{' || line[first] == '[';
		const size_t controls = count_controls(line);
		if (begins && (controls == 0 || (is_first && controls * 4 < line.size())))
			return true;
		is_first = false;
	}
	return false;
}

} // namespace

Compression
compression_of(std::string_view head)
{
	// a zstd stream may begin with skippable frames (0x184D2A50 to 0x184D2A5F)
	const bool skippable = head.size() >= 4 &&
						   (static_cast<unsigned char>(head[0]) & 0xf0) == 0x50 &&
						   has_at(head, 1, "\x2a\x4d\x18"sv);
	if (skippable || has_at(head, 0, "\x28\xb5\x2f\xfd"sv))
		return Compression::zstd;
	return has_at(head, 0, "\x1f\x8b"sv) ? Compression::gzip : Compression::none;
}

std::string
foreign_format(std::string_view head)
{
	head = head.substr(0, format_head_bytes);
	if (std::string wide = wide_text(head); !wide.empty())
		return wide;
	const size_t controls = count_controls(head);
	for (const Magic &magic : magics)
		if (has_at(head, magic.at, magic.bytes) && (!magic.could_be_text || controls > 0))
			return magic.name;
	// about a tenth of random bytes are control characters, while damaged text has few of them, or
	// has an intact line
	const bool begins_with_zeros = has_at(head, 0, "\0\0"sv);
	if ((begins_with_zeros || controls * 16 > head.size()) && !has_record(head))
		return "binary data";
	return {};
}

} // namespace etl
