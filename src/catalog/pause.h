// Datasets that are paused: they are not to be run until somebody resumes them.
#pragma once

#include <optional>
#include <string>

namespace etl
{

/// Who has paused the dataset, when and why, as a text for etl.run.error. Nothing if neither the
/// dataset nor all datasets are paused.
std::optional<std::string> pause_of(const std::string &dataset);

/// Ends the pause of a dataset that is dropped, because another dataset may get its name.
void end_pause(const std::string &dataset);

} // namespace etl
