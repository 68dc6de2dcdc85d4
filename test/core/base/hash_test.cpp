
#include <gtest/gtest.h>

#include "core/base/hash.h"

using namespace etl;

namespace
{

std::string
hex(const std::array<uint8_t, 32> &hash)
{
	return to_hex({reinterpret_cast<const char *>(hash.data()), hash.size()});
}

TEST(Hash, Hex)
{
	EXPECT_EQ(to_hex(""), "");
	EXPECT_EQ(to_hex(std::string_view("\x00\x7f\x80\xff\x0a", 5)), "007f80ff0a");
}

// The examples of FIPS 180-4.
TEST(Hash, Sha256)
{
	EXPECT_EQ(hex(sha256("abc")),
			  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	EXPECT_EQ(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
			  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	EXPECT_EQ(hex(sha256(std::string(1000000, 'a'))),
			  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	EXPECT_EQ(sha256({}), sha256(""));
}

// RFC 4231, test cases 1, 2, 3, 6 and 7.
TEST(Hash, HmacSha256)
{
	EXPECT_EQ(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
			  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
			  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	EXPECT_EQ(hex(hmac_sha256(std::string(20, '\xaa'), std::string(50, '\xdd'))),
			  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'),
							  "Test Using Larger Than Block-Size Key - Hash Key First")),
			  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	EXPECT_EQ(
		hex(hmac_sha256(std::string(131, '\xaa'),
						"This is a test using a larger than block-size key and a larger than "
						"block-size data. The key needs to be hashed before being used by the "
						"HMAC algorithm.")),
		"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
	EXPECT_EQ(hex(hmac_sha256("", "")),
			  "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	// an empty key is a key and does not mean the key of the previous call
	hmac_sha256("another", "");
	EXPECT_EQ(hex(hmac_sha256({}, {})),
			  "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

// The vector of the paper's appendix A (15 bytes) and other vectors of the authors: key 00 01 … 0f,
// input 00 01 … of each length.
TEST(Hash, SipHash24)
{
	std::array<uint8_t, 16> key;
	for (uint8_t i = 0; i < 16; ++i)
		key[i] = i;
	std::string bytes;
	for (char i = 0; i < 63; ++i)
		bytes += i;
	const auto of = [&](size_t size)
	{ return siphash(key, std::string_view(bytes).substr(0, size)); };
	EXPECT_EQ(of(15), UINT64_C(0xa129ca6149be45e5));
	EXPECT_EQ(of(0), UINT64_C(0x726fdb47dd0e0e31));
	EXPECT_EQ(of(1), UINT64_C(0x74f839c593dc67fd));
	EXPECT_EQ(of(7), UINT64_C(0xab0200f58b01d137));
	EXPECT_EQ(of(8), UINT64_C(0x93f5f5799a932462));
	EXPECT_EQ(of(63), UINT64_C(0x958a324ceb064572));
	// also at an odd address
	const std::string shifted = "x" + bytes;
	EXPECT_EQ(siphash(key, std::string_view(shifted).substr(1)), of(63));
}

} // namespace
