// Signing with OpenSSL's EVP_PKEY_ED25519: etl_certificate, etl_internal.sign, etl_signing_key.
#include "audit/signing_key.h"

#include <memory>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "core/base/sqlstate.h"
#include "pg/guard.h"
#include "pg/key_file.h"
#include "pg/settings.h"
#include "pg/spi.h"

namespace etl
{

namespace
{

struct Free
{
	void operator()(EVP_PKEY *p) const { EVP_PKEY_free(p); }
	void operator()(EVP_MD_CTX *p) const { EVP_MD_CTX_free(p); }
	void operator()(BIO *p) const { BIO_free(p); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Bio = std::unique_ptr<BIO, Free>;

std::string
contents(BIO *bio)
{
	char *data = nullptr;
	const long size = BIO_get_mem_data(bio, &data);
	return {data, static_cast<size_t>(size)};
}

[[noreturn]] void
fail(const char *what)
{
	throw pg::Error(sqlstate::internal_error, std::string("could not ") + what + " an Ed25519 key");
}

/// A new private key as PEM (PKCS #8).
std::string
new_key()
{
	const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
	const Bio bio(BIO_new(BIO_s_mem()));
	if (!key || !bio ||
		PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr,
									  nullptr) != 1)
		fail("make");
	return contents(bio.get());
}

Key
load_key()
{
	const pg::Settings settings = pg::Settings::current();
	const std::string pem = pg::key_file(settings.signing_key_file, "etl.signing_key_file",
										 ".etl.signing_key", new_key);
	const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
	Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr) : nullptr);
	if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519)
		throw pg::Error(sqlstate::object_not_in_prerequisite_state,
						"etl.signing_key_file \"" + settings.signing_key_file +
							"\" holds no Ed25519 key",
						"It must be a private key in PEM form without a passphrase.",
						"openssl genpkey -algorithm ed25519 -out " + settings.signing_key_file);
	return key;
}

} // namespace

std::string
sign(std::string_view bytes)
{
	const Key key = load_key();
	const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
	unsigned char signature[64];
	size_t size = sizeof signature;
	if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
		EVP_DigestSign(context.get(), signature, &size,
					   reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size()) != 1)
		fail("sign with");
	return {reinterpret_cast<const char *>(signature), size};
}

std::string
public_key_pem()
{
	const Key key = load_key();
	const Bio bio(BIO_new(BIO_s_mem()));
	if (!bio || PEM_write_bio_PUBKEY(bio.get(), key.get()) != 1)
		fail("write");
	return contents(bio.get());
}

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_sign)
{
	const std::string signature = sign(pg::text_argument(fcinfo, 0));
	return pg::text_datum(signature); // bytea has the same form
}

constexpr char certificate_body_sql[] = R"(SELECT etl_internal.certificate_body($1)::text)";

constexpr char signed_certificate_sql[] = R"(
SELECT $1::text::jsonb
       || jsonb_build_object('signed', $1::text,
                             'signature', replace(encode($2, 'base64'), E'\n', ''),
                             'algorithm', 'Ed25519', 'public_key', $3::text))";

/// Returns the result of etl_internal.certificate_body with a signature. The text is made here, so
/// that a role that may create certificates cannot have anything else signed.
PG_ETL_ENTRY(etl_certificate)
{
	pg::require_argument(fcinfo, 0, "erasure_id");
	const int64_t erasure_id = PG_GETARG_INT64(0);
	const pg::Spi spi;
	const std::string body = pg::query(certificate_body_sql, {pg::param(erasure_id)}).text(0, 0);
	return pg::query_value(signed_certificate_sql, {pg::param(body), pg::param_bytes(sign(body)),
													pg::param(public_key_pem())});
}

PG_ETL_ENTRY(etl_signing_key)
{
	return pg::text_datum(public_key_pem());
}
