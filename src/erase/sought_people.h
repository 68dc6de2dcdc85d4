// The people of one erasure: by what they are recognised, and which of them a statement is about.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/privacy/identities.h"
#include "erase/erase.h"
#include "erase/readings.h"
#include "pg/spi.h"

namespace etl
{

/// Knows the people by the requests, and by the emails that were found of them. A person is meant
/// by the index of the request. What it was told to look for last is what identities() recognises,
/// and references to identities() and strangers() stay valid.
class SoughtPeople
{
  public:
	/// The requests and the known emails must outlive this object, and the subjects of the requests
	/// must not change. Emails that become known are added to known_emails.
	SoughtPeople(const std::string &dataset, const std::string &secret,
				 std::vector<ErasureRequest> &requests, KnownEmails &known_emails);

	/// Looks for everybody, except for people whose request is not carried out.
	void look_for_all();
	/// Looks for these emails only, and only in records that name nobody otherwise.
	void look_for_emails(const KnownEmails &emails);
	/// Looks for everybody, but only among the words of texts; keys that nobody is known to have
	/// count like others.
	void look_for_words();
	/// Recognises nobody any more. The subjects stay.
	void look_for_nobody() { identities_ = Identities(secret_); }
	/// Marks people as known who were found by key in a table or in quarantine, or are in a file.
	/// The keys of all others may be words that mean no person.
	void find_known(const Readings &readings);
	/// An email that the person had: from now on it counts in records that name nobody otherwise,
	/// also in those that come later.
	void add_known_email(uint32_t person, uint64_t hash);

	/// Whether look_for_all() has found anybody to look for.
	bool is_anybody() const { return is_anybody_; }
	const Identities &identities() const { return identities_; }
	/// People whose keys nobody is known to have.
	const Identities &strangers() const { return strangers_; }
	/// The subjects of all people, whatever statements are about.
	const std::vector<std::string_view> &subjects() const { return subjects_; }
	/// The request that the subject is of; nothing where it is none of subjects().
	std::optional<uint32_t> request_of(std::string_view subject) const;

	/// Sets the subjects that the next statements are about: all of subjects(), or some of them.
	void use_subjects(std::vector<std::string_view> subjects);
	const std::vector<std::string_view> &used_subjects() const { return used_; }
	/// The subjects of use_subjects() as a parameter for statements: text[].
	pg::Param texts();
	/// Their tokens, in the same order: text[].
	pg::Param tokens();

  private:
	const std::string &dataset_;
	const std::string &secret_;
	std::vector<ErasureRequest> &requests_;
	KnownEmails &known_emails_;
	Identities identities_, strangers_;
	bool is_anybody_ = false;
	std::vector<std::string_view> subjects_;
	std::unordered_map<std::string_view, uint32_t> by_subject_; ///< to the index of the request
	std::vector<std::string_view> used_;                        ///< of use_subjects()
	std::optional<pg::Param> texts_, tokens_;                   ///< of used_
};

} // namespace etl
