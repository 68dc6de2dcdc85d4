// Treatments as SQL functions: etl.treat and etl.generalize, with which tables are treated and
// which etl_generalize wraps, and etl_partial, etl_sha256, etl_pseudonymize, etl_random and
// etl_token. Also etl_rotate_key.
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <openssl/crypto.h>

#include "audit/trail.h"
#include "catalog/definitions.h"
#include "catalog/people.h"
#include "core/base/sqlstate.h"
#include "core/definition/personal.h"
#include "core/json/document.h"
#include "core/json/exact.h"
#include "core/json/pointer.h"
#include "core/privacy/anonymize.h"
#include "core/privacy/generalize.h"
#include "core/privacy/person_key.h"
#include "core/privacy/pseudonym.h"
#include "core/privacy/record_eraser.h"
#include "core/privacy/treatment.h"
#include "core/types/column_type.h"
#include "pg/arguments.h"
#include "pg/call_cache.h"
#include "pg/exclusive_call.h"
#include "pg/guard.h"
#include "pg/key_file.h"
#include "pg/key_fingerprint.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/srf.h"

extern "C"
{
#include "access/xact.h"
}

namespace etl
{

namespace
{

/// The bytes of the key file, which are in memory only during a query.
class QuerySecret
{
  public:
	~QuerySecret() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }
	std::string_view get()
	{
		if (bytes_.empty())
			bytes_ = pg::secret(pg::KeyUse::look);
		return bytes_;
	}

  private:
	std::string bytes_;
};

std::string_view
view_of(text *value)
{
	return {VARDATA_ANY(value), static_cast<size_t>(VARSIZE_ANY_EXHDR(value))};
}

text *
text_of(FunctionCallInfo fcinfo, int n)
{
	const Datum value = PG_GETARG_DATUM(n);
	return pg::call([=] { return DatumGetTextPP(value); });
}

ColumnType
type_of(const std::string &sql)
{
	ColumnType type;
	if (!ColumnType::parse(sql, type))
		throw pg::Error(sqlstate::invalid_parameter_value,
						"type \"" + sql + "\" is not one that can be treated",
						std::string("Types are ") + ColumnType::supported() + ".");
	return type;
}

PersonalDefinition
personal_of(const nlohmann::json &options)
{
	try
	{
		return read_personal(options, "");
	}
	catch (const DefinitionError &e)
	{
		throw pg::Error(sqlstate::invalid_parameter_value, e.what(), "", e.hint());
	}
	catch (const nlohmann::json::exception &)
	{
		throw pg::Error(sqlstate::invalid_parameter_value, "not a treatment", "",
						"A treatment is an element of \"personal\": {\"treatment\": \"partial\"}.");
	}
}

nlohmann::json
options_of(const std::string &options)
{
	try
	{
		return parse_exact(options);
	}
	catch (const std::invalid_argument &e)
	{
		throw pg::Error(sqlstate::invalid_parameter_value,
						std::string("not a treatment: ") + e.what());
	}
}

/// A treatment and the type of its column, read once for many rows.
struct Treated
{
	std::string options, type_name; ///< as given in the call
	PersonalDefinition personal;
	ColumnType type;
	Document document;
	QuerySecret secret;

	/// Reads the options and the type if they have changed. They are constants in all calls by the
	/// extension.
	void read(const std::string &new_options, const std::string &new_type, bool generalization)
	{
		if (!options.empty() && options == new_options && type_name == new_type)
			return;
		options.clear();
		nlohmann::json given = options_of(new_options);
		if (generalization)
		{
			given = {{"treatment", "generalize"}, {"to", given}};
		}
		personal = personal_of(given);
		type = type_of(new_type);
		type_name = new_type;
		options = new_options;
	}

	/// The text of the treated value. Nothing for null.
	std::optional<std::string> treat_text(const std::string &json, std::string_view token)
	{
		ParseError error;
		if (!document.parse(json, error))
			throw pg::Error(sqlstate::internal_error, "could not read a value for its treatment");
		const bool keyed = personal.treatment == Treatment::pseudonymize;
		const std::string treated = treat(personal, type, document.root(),
										  {keyed ? secret.get() : std::string_view(), token});
		if (!document.parse(treated, error))
			throw pg::Error(sqlstate::internal_error, "could not read a treated value");
		const Value result = document.root();
		if (result.is(Kind::null))
			return std::nullopt;
		return std::string(type.id == TypeId::json || type.id == TypeId::jsonb  ? result.raw()
						   : result.is(Kind::string) || result.is(Kind::number) ? result.text()
																				: result.raw());
	}
};

/// The fields inside JSON documents and their treatments, read once for many rows.
struct TreatedDocument
{
	std::string options; ///< as given in the call
	std::vector<PersonalDefinition> fields;
	bool keyed = false;
	Document document;
	QuerySecret secret;

	void read(const std::string &new_options)
	{
		if (!options.empty() && options == new_options)
			return;
		options.clear();
		fields.clear();
		keyed = false;
		const nlohmann::json given = nlohmann::json::parse(new_options);
		if (!given.is_array())
			throw pg::Error(sqlstate::invalid_parameter_value, "not a list of treatments");
		for (const nlohmann::json &field : given)
		{
			fields.push_back(personal_of(field));
			PersonalDefinition &personal = fields.back();
			try
			{
				personal.path = field.at("path").get<Path>();
				personal.type = type_of(field.value("type", "text"));
			}
			catch (const nlohmann::json::exception &)
			{
				throw pg::Error(sqlstate::invalid_parameter_value,
								"a treatment inside a document needs a path", "",
								"\"path\" is an array of member names, \"*\" for each.");
			}
			keyed = keyed || personal.treatment == Treatment::pseudonymize;
		}
		options = new_options;
	}

	std::string treat(const std::string &text, std::optional<std::string> token)
	{
		ParseError error;
		// a document that cannot be parsed must not be shown
		if (!document.parse(text, error))
			return std::string(erased_text);
		std::vector<PersonalDefinition> without_token;
		if (!token)
		{
			without_token = fields;
			for (PersonalDefinition &field : without_token)
				if (field.treatment == Treatment::token)
					field.treatment = Treatment::null;
		}
		return anonymize(document, token ? fields : without_token,
						 {keyed ? secret.get() : std::string_view(),
						  token ? std::string_view(*token) : std::string_view()});
	}
};

Datum
text_or_null(FunctionCallInfo fcinfo, const std::optional<std::string> &value)
{
	if (!value)
		PG_RETURN_NULL();
	return pg::text_datum(*value);
}

/// For the tokens of the subjects of a dataset, which are made from canonical keys.
struct Tokens
{
	std::string dataset;
	bool read = false, canonical = false;
	ColumnType key;
	Document document;
	QuerySecret secret;
};

} // namespace

} // namespace etl

using namespace etl;

PG_ETL_ENTRY(etl_treat)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	Treated &treated = pg::call_cache<Treated>(fcinfo, [] { return std::make_unique<Treated>(); });
	treated.read(jsonb_text(PG_GETARG_DATUM(0)), pg::text_argument(fcinfo, 1), false);
	const std::string token = PG_ARGISNULL(3) ? std::string() : pg::text_argument(fcinfo, 3);
	if (token.empty() && treated.personal.treatment == Treatment::token)
		throw pg::Error(sqlstate::null_value_not_allowed, "the treatment \"token\" needs a token",
						"", "Give the result of etl_token(dataset, subject).");
	return text_or_null(fcinfo, treated.treat_text(jsonb_text(PG_GETARG_DATUM(2)), token));
}

/// treat_document(fields jsonb, document text, token text)
PG_ETL_ENTRY(etl_treat_document)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	TreatedDocument &treated =
		pg::call_cache<TreatedDocument>(fcinfo, [] { return std::make_unique<TreatedDocument>(); });
	treated.read(jsonb_text(PG_GETARG_DATUM(0)));
	std::optional<std::string> token;
	if (!PG_ARGISNULL(2))
		token = pg::text_argument(fcinfo, 2);
	return pg::text_datum(treated.treat(pg::text_argument(fcinfo, 1), std::move(token)));
}

/// generalize(value jsonb, type text, "to" jsonb), strict. Returns null for a value of another
/// kind.
PG_ETL_ENTRY(etl_generalize_value)
{
	Treated &treated = pg::call_cache<Treated>(fcinfo, [] { return std::make_unique<Treated>(); });
	treated.read(jsonb_text(PG_GETARG_DATUM(2)), pg::text_argument(fcinfo, 1), true);
	// without a constant, because the caller decides what replaces other values
	static const std::string none("\0", 1);
	treated.personal.value = none;
	const std::optional<std::string> result =
		treated.treat_text(jsonb_text(PG_GETARG_DATUM(0)), {});
	return text_or_null(fcinfo, result == none ? std::nullopt : result);
}

PG_ETL_ENTRY(etl_partial)
{
	text *const value = text_of(fcinfo, 0);
	return pg::text_datum(partial_text(view_of(value)));
}

PG_ETL_ENTRY(etl_sha256)
{
	text *const value = text_of(fcinfo, 0);
	return pg::text_datum(sha256_hex(view_of(value)));
}

PG_ETL_ENTRY(etl_pseudonymize)
{
	QuerySecret &secret =
		pg::call_cache<QuerySecret>(fcinfo, [] { return std::make_unique<QuerySecret>(); });
	text *const value = text_of(fcinfo, 0);
	return pg::text_datum(value_pseudonym(secret.get(), view_of(value)));
}

PG_ETL_ENTRY(etl_random)
{
	return pg::text_datum(random_token());
}

PG_ETL_ENTRY(etl_subject_token)
{
	Tokens &tokens = pg::call_cache<Tokens>(fcinfo, [] { return std::make_unique<Tokens>(); });
	const std::string dataset = pg::text_argument(fcinfo, 0);
	std::string subject = pg::text_argument(fcinfo, 1);
	if (!tokens.read || tokens.dataset != dataset)
	{
		const pg::Spi spi;
		const Catalog catalog = Catalog::load();
		const auto type = catalog.key_types().find(dataset);
		tokens.canonical = type != catalog.key_types().end();
		if (tokens.canonical)
			tokens.key = type->second;
		tokens.dataset = dataset;
		tokens.read = true;
	}
	if (tokens.canonical)
	{
		std::string canonical;
		if (read_person_key(tokens.key, subject, canonical))
			subject = canonical;
	}
	return pg::text_datum(subject_token(tokens.secret.get(), dataset, subject));
}

/// etl.person_key(type, text): the canonical key for a text.
PG_ETL_ENTRY(etl_person_key)
{
	Tokens &tokens = pg::call_cache<Tokens>(fcinfo, [] { return std::make_unique<Tokens>(); });
	const std::string type = pg::text_argument(fcinfo, 0);
	if (!tokens.read || tokens.dataset != type)
	{
		tokens.key = type_of(type);
		tokens.dataset = type;
		tokens.read = true;
	}
	std::string canonical;
	if (!read_person_key(tokens.key, view_of(text_of(fcinfo, 1)), canonical))
		PG_RETURN_NULL();
	return pg::text_datum(canonical);
}

/// etl.subject_token for a person as etl_erase identifies them.
PG_ETL_ENTRY(etl_token)
{
	Tokens &tokens = pg::call_cache<Tokens>(fcinfo, [] { return std::make_unique<Tokens>(); });
	const std::string dataset = pg::text_argument(fcinfo, 0);
	if (!tokens.read || tokens.dataset != dataset)
	{
		const pg::Spi spi;
		const Catalog catalog = Catalog::load();
		(void)people_definition(catalog, dataset);
		tokens.key = catalog.key_type(dataset);
		tokens.dataset = dataset;
		tokens.read = true;
	}
	return pg::text_datum(
		subject_token(tokens.secret.get(), dataset,
					  canonical_person(tokens.key, dataset, pg::text_argument(fcinfo, 1))));
}

/// The line of etl.health about etl.key_file.
PG_ETL_ENTRY(etl_key_check)
{
	pg::ResultSet result(fcinfo);
	const auto add = [&](const char *status, const std::string &detail, const std::string &hint)
	{
		result.add({pg::Cell::text("key"), pg::Cell::text(status), pg::Cell::text(detail),
					pg::Cell::text_or_null(hint)});
		return static_cast<Datum>(0);
	};
	try
	{
		const std::string path = pg::Settings::current().key_file;
		const bool used = !pg::known_keys().empty();
		if (!used && access(path.c_str(), F_OK) != 0)
			return add("ok", "etl.key_file is not needed yet", "");
		(void)pg::secret(pg::KeyUse::look);
		const size_t left = pg::unfinished_key_files(path).size();
		if (left > 0)
			return add("warning",
					   std::to_string(left) + " unfinished key files lie beside etl.key_file \"" +
						   path + "\"",
					   "etl_rotate_key() was killed, or is at work. SELECT * FROM "
					   "etl_rotate_key(); removes them.");
		return add("ok",
				   used ? "etl.key_file holds the key of this database"
						: "etl.key_file holds a key, which this database has not used yet",
				   "");
	}
	catch (const pg::Error &error)
	{
		return add("error", error.what() + (error.detail().empty() ? "" : ": " + error.detail()),
				   error.hint());
	}
}

/// (key_file, kept_as, destroyed)
PG_ETL_ENTRY(etl_rotate_key)
{
	const ExclusiveCall exclusive_call(fcinfo);
	pg::require_argument(fcinfo, 0, "destroy");
	const bool destroy = PG_GETARG_BOOL(0);
	pg::secret(pg::KeyUse::look); // makes all checks, and creates the first key if there is none
	// the file changes at once, so its entry in the audit trail must not be rolled back
	if (IsTransactionBlock() || IsSubTransaction())
		throw pg::Error(
			sqlstate::active_sql_transaction,
			"etl_rotate_key cannot run inside a transaction block",
			"A rollback would not undo it, and would take its entry in etl.audit back.");
	pg::ResultSet result(fcinfo);
	const pg::Spi spi;
	append_audit({{0, destroy ? "destroy key" : "rotate key", "etl.key_file", {}, 1}});
	const pg::KeyRotation rotation = pg::rotate_key_file(destroy);
	(void)pg::secret(pg::KeyUse::keep); // notes the new key in this database
	result.add({pg::Cell::text(rotation.path), pg::Cell::text_or_null(rotation.kept_as),
				pg::Cell::bigint(rotation.destroyed)});
	return static_cast<Datum>(0);
}
