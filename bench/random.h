// Random numbers that depend on nothing but a seed: the same on every machine and in every
// standard library (whose distributions are free to differ).
#pragma once

#include <cstddef>
#include <cstdint>

namespace sample
{

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
inline uint64_t
mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

class Random
{
  public:
	explicit Random(uint64_t seed) : state_(mix(seed + step)) {}
	/// A stream of its own for each thing that is described: customer 17 is the same person in
	/// every file that names them.
	Random(uint64_t seed, uint64_t stream, uint64_t index) : Random(seed ^ mix(mix(stream) + index))
	{
	}

	uint64_t next() { return mix(state_ += step); }
	/// 0 … n - 1
	uint64_t below(uint64_t n)
	{
		return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
	}
	/// [0, 1)
	double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
	bool chance(double p) { return unit() < p; }
	template <typename T, size_t N>
	const T &pick(const T (&from)[N])
	{
		return from[below(N)];
	}
	/// 0 … n - 1, low ones more often: a few products sell best, a few customers buy most.
	uint64_t skewed(uint64_t n)
	{
		const double u = unit();
		return static_cast<uint64_t>(u * u * static_cast<double>(n));
	}

  private:
	static constexpr uint64_t step = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t state_;
};

} // namespace sample
