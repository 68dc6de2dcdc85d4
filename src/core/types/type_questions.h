// Questions of threads to the main thread about texts that only the server's input functions can
// read.
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

/// Questions on their way to the main thread. The owner provides the mutex and the condition
/// variable `news`, on which its main thread waits. `news` is notified when waits() becomes true.
/// The main thread then has to call answer().
class TypeQuestions
{
  public:
	TypeQuestions(std::mutex &mutex, std::condition_variable &news) : mutex_(mutex), news_(news) {}

	/// From now on no question is answered. The mutex must be locked.
	void stop();
	/// Whether a thread has asked and waits for an answer. The mutex must be locked.
	bool waits() const { return !questions_.empty(); }
	/// Answers all questions. Unlocks the mutex while the server reads, because this may take time.
	/// Passes on exceptions of `server`. Call it in the main thread only.
	void answer(std::unique_lock<std::mutex> &lock, TypeInput &server);

	/// Asks, and remembers the last answers, because dates in the same form repeat. Each thread has
	/// its own Asker.
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
	std::vector<Question *> questions_; ///< questions that the main thread has not taken yet
	bool stopping_ = false;
};

class TypeQuestions::Asker : public TypeInput
{
  public:
	explicit Asker(TypeQuestions &questions) : questions_(questions) {}
	/// Throws Stopped after stop().
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
