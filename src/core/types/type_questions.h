// What threads ask the main thread about texts that only the server's input functions can read.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/types/type_input.h"

namespace etl
{

/// Questions on their way to the main thread. Their owner has the mutex, and a condition on which
/// its main thread waits for news: waits() is such news, and answer() is to be called then.
class TypeQuestions
{
  public:
	TypeQuestions(std::mutex &mutex, std::condition_variable &news) : mutex_(mutex), news_(news) {}

	/// Nobody answers any more. The mutex must be held.
	void stop();
	/// Somebody has asked and waits. The mutex must be held.
	bool waits() const { return !questions_.empty(); }
	/// Answers all that is asked, without the lock, for the server may take its time. Passes on
	/// what `server` throws. Main thread only.
	void answer(std::unique_lock<std::mutex> &lock, TypeInput &server);

	/// Asks, and remembers what was said: dates of one form repeat. One for each thread.
	class Asker;

  private:
	struct Question
	{
		const ColumnType &type;
		std::string_view text;
		std::string &out;
		TypeError &error;
		bool accepted = false, answered = false;
	};
	bool ask(Question &question);

	std::mutex &mutex_;
	std::condition_variable &news_;
	std::condition_variable answers_;
	std::vector<Question *> questions_; ///< that nobody has taken up yet
	bool stopping_ = false;
};

class TypeQuestions::Asker : public TypeInput
{
  public:
	/// Thrown by read() when nobody answers any more.
	struct Stopped
	{
	};
	explicit Asker(TypeQuestions &questions) : questions_(questions) {}
	bool read(const ColumnType &type, std::string_view text, std::string &out,
			  TypeError &error) override;

  private:
	static constexpr size_t most_answers = 4096;
	struct Answer
	{
		std::string value;
		TypeError error{"", {}};
		bool accepted = false;
	};
	TypeQuestions &questions_;
	std::unordered_map<std::string, Answer> answers_;
	std::string key_;
};

} // namespace etl
