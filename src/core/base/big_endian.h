// Big-endian integers, as in PostgreSQL's wire formats.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace etl
{

inline void
append_int16(std::string &out, int16_t v)
{
	const uint16_t u = static_cast<uint16_t>(v);
	const char b[2] = {static_cast<char>(u >> 8), static_cast<char>(u)};
	out.append(b, 2);
}
inline void
append_int32(std::string &out, int32_t v)
{
	const uint32_t u = __builtin_bswap32(static_cast<uint32_t>(v));
	out.append(reinterpret_cast<const char *>(&u), 4);
}
inline void
append_int64(std::string &out, int64_t v)
{
	const uint64_t u = __builtin_bswap64(static_cast<uint64_t>(v));
	out.append(reinterpret_cast<const char *>(&u), 8);
}

/// The integer that begins at `offset`. If the bytes end early, the missing low bits are zero.
template <typename T>
inline T
load_be(std::string_view bytes, size_t offset = 0)
{
	T v = 0;
	for (size_t i = 0; i < sizeof(T) && offset + i < bytes.size(); ++i)
		v = static_cast<T>(static_cast<T>(v << 8) | static_cast<unsigned char>(bytes[offset + i]));
	return v;
}

} // namespace etl
