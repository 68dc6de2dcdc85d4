#include "core/base/text_store.h"

namespace etl
{

TextStore::Place
TextStore::add(std::string_view text)
{
	if (last_.size() + text.size() > memory_)
	{
		if (!file_)
			file_ = open_file_();
		file_->append(last_.data(), last_.size());
		spilled_ += last_.size();
		last_.clear();
	}
	const Place place{spilled_ + last_.size(), text.size()};
	if (text.size() > memory_)
	{
		file_->append(text.data(), text.size());
		spilled_ += text.size();
	}
	else
		last_ += text;
	return place;
}

void
TextStore::read(const Place &place, std::string &to) const
{
	if (place.at >= spilled_)
	{
		to.assign(last_, place.at - spilled_, place.size);
		return;
	}
	to.resize(place.size);
	file_->read(place.at, to.data(), place.size);
}

void
TextStore::clear()
{
	file_.reset();
	spilled_ = 0;
	last_ = {};
}

} // namespace etl
