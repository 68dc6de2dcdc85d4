#include "core/types/type_questions.h"

#include <utility>

#include "core/base/worker_threads.h"
#include "core/types/column_type.h"
#include "core/types/type_error.h"

namespace etl
{

void
TypeQuestions::stop()
{
	stopping_ = true;
	answers_.notify_all();
}

/// Waits until answer() has been called.
bool
TypeQuestions::ask(Question &question)
{
	std::unique_lock lock(mutex_);
	questions_.push_back(&question);
	news_.notify_one();
	answers_.wait(lock, [&] { return stopping_ || question.answered; });
	if (!question.answered)
		throw Stopped{};
	return question.accepted;
}

/// The asking threads wait meanwhile, so their questions stay valid without the lock.
void
TypeQuestions::answer(std::unique_lock<std::mutex> &lock, TypeInput &server)
{
	const std::vector<Question *> taken = std::exchange(questions_, {});
	lock.unlock();
	for (Question *question : taken)
		question->accepted =
			server.read(question->type, question->text, question->out, question->error);
	lock.lock();
	for (Question *question : taken)
		question->answered = true;
	answers_.notify_all();
}

bool
TypeQuestions::Asker::read(const ColumnType &type, std::string_view text, std::string &out,
						   TypeError &error)
{
	key_.assign(type.sql).append(1, '\0').append(text);
	const auto [known, is_new] = answers_.try_emplace(key_);
	Answer &answer = known->second;
	if (is_new)
	{
		Question question{type, text, answer.value, answer.error};
		answer.error = error;
		answer.accepted = questions_.ask(question);
	}
	const bool accepted = answer.accepted;
	if (accepted)
		out += answer.value;
	else
		error = answer.error;
	if (answers_.size() >= most_answers)
		answers_.clear();
	return accepted;
}

} // namespace etl
