// gzip members for tests.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <isa-l/igzip_lib.h>

/// One gzip member (RFC 1952), made with a function of ISA-L that the product does not use.
inline std::string
gzip_bytes(std::string_view bytes)
{
	std::string out(bytes.size() + bytes.size() / 100 + 1024, '\0');
	isal_zstream stream;
	isal_deflate_stateless_init(&stream);
	stream.next_in = reinterpret_cast<uint8_t *>(const_cast<char *>(bytes.data()));
	stream.avail_in = static_cast<uint32_t>(bytes.size());
	stream.next_out = reinterpret_cast<uint8_t *>(out.data());
	stream.avail_out = static_cast<uint32_t>(out.size());
	stream.end_of_stream = 1;
	stream.gzip_flag = IGZIP_GZIP;
	if (isal_deflate_stateless(&stream) != COMP_OK)
		throw std::runtime_error("isal_deflate_stateless failed");
	out.resize(stream.total_out);
	return out;
}
