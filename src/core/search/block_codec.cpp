#include "core/search/block_codec.h"

#include <algorithm>
#include <cstring>

namespace etl
{

namespace
{

/// Output to which references can refer back. It is passed on in parts.
class Window
{
  public:
	/// `distance`: how far back a reference may go.
	Window(uint64_t limit, size_t distance, const BytesSink &sink)
		: limit_(limit), distance_(distance), sink_(sink)
	{
		held_.reserve(static_cast<size_t>(std::min<uint64_t>(limit, piece + distance)));
	}

	uint64_t left() const { return limit_ - total_; }

	void literal(std::string_view bytes)
	{
		bytes = bytes.substr(0, static_cast<size_t>(std::min<uint64_t>(bytes.size(), left())));
		while (!bytes.empty())
		{
			const size_t n = std::min(bytes.size(), piece);
			held_ += bytes.substr(0, n);
			total_ += n;
			bytes.remove_prefix(n);
			slide();
		}
	}

	/// Returns false if the reference goes back further than there are bytes.
	bool copy(size_t back, uint64_t length)
	{
		if (back == 0 || back > held_.size())
			return false;
		length = std::min(length, left());
		while (length > 0)
		{
			// the source may overlap the destination, so at most `back` bytes are copied at once
			const size_t n = static_cast<size_t>(std::min<uint64_t>({length, back, piece}));
			const size_t at = held_.size();
			held_.resize(at + n);
			memcpy(held_.data() + at, held_.data() + at - back, n);
			total_ += n;
			length -= n;
			slide();
		}
		return true;
	}

	void flush()
	{
		sink_(std::string_view(held_).substr(given_));
		given_ = held_.size();
	}

  private:
	static constexpr size_t piece = 1 << 19;

	void slide()
	{
		if (held_.size() < piece + distance_)
			return;
		flush();
		held_.erase(0, held_.size() - distance_);
		given_ = held_.size();
	}

	const uint64_t limit_;
	const size_t distance_;
	const BytesSink &sink_;
	std::string held_;
	size_t given_ = 0;
	uint64_t total_ = 0;
};

} // namespace

Decoded
decode_pglz(std::string_view input, uint64_t raw_size, const BytesSink &sink)
{
	Window out(raw_size, 4096, sink);
	const auto byte = [&](size_t i) { return static_cast<unsigned char>(input[i]); };
	size_t at = 0;
	bool fits = true, cut = false;
	while (fits && !cut && at < input.size() && out.left() > 0)
	{
		unsigned control = byte(at++);
		for (int i = 0; i < 8 && at < input.size() && out.left() > 0; ++i, control >>= 1)
		{
			if ((control & 1) == 0)
			{
				out.literal(input.substr(at++, 1));
				continue;
			}
			if (input.size() - at < 2)
			{
				cut = true;
				break;
			}
			unsigned length = (byte(at) & 0x0F) + 3;
			const unsigned back = (byte(at) & 0xF0u) << 4 | byte(at + 1);
			at += 2;
			if (length == 18)
			{
				if (at == input.size())
				{
					cut = true;
					break;
				}
				length += byte(at++);
			}
			if (!out.copy(back, length))
			{
				fits = false;
				break;
			}
		}
	}
	out.flush();
	return !fits || (out.left() == 0 && at < input.size()) ? Decoded::damaged
		   : out.left() == 0                               ? Decoded::complete
														   : Decoded::prefix;
}

Decoded
decode_lz4(std::string_view input, uint64_t raw_size, const BytesSink &sink)
{
	Window out(raw_size, 65536, sink);
	const auto byte = [&](size_t i) { return static_cast<unsigned char>(input[i]); };
	size_t at = 0;
	bool fits = true, cut = false;
	// a length whose four bits are all set continues in further bytes
	const auto length = [&](unsigned nibble) -> uint64_t
	{
		uint64_t n = nibble;
		if (nibble == 15)
			for (;;)
			{
				if (at == input.size())
				{
					cut = true;
					break;
				}
				const unsigned more = byte(at++);
				n += more;
				if (more != 255)
					break;
			}
		return n;
	};
	while (at < input.size())
	{
		const unsigned token = byte(at++);
		const uint64_t literals = length(token >> 4);
		if (cut)
			break;
		const size_t n = static_cast<size_t>(std::min<uint64_t>(literals, input.size() - at));
		cut = n < literals;
		fits = n <= out.left();
		out.literal(input.substr(at, n));
		at += n;
		if (cut || !fits || at == input.size())
			break; // the last sequence has only literals
		if (input.size() - at < 2)
		{
			cut = true;
			break;
		}
		const size_t back = byte(at) | static_cast<size_t>(byte(at + 1)) << 8;
		at += 2;
		const uint64_t copied = length(token & 15) + 4;
		if (cut)
			break;
		fits = copied <= out.left() && out.copy(back, copied);
		if (!fits)
			break;
	}
	out.flush();
	return !fits                                           ? Decoded::damaged
		   : out.left() == 0 && !cut && at == input.size() ? Decoded::complete
														   : Decoded::prefix;
}

} // namespace etl
