// Stops threads when the process exits.
#pragma once

#include <functional>

#include "core/output/file_rewriter.h"
#include "core/staging/stager.h"

namespace etl
{

/// While an object of this class exists, a backend that is terminated stops the threads before it
/// exits. A FATAL error ends the process without unwinding C++ frames. The threads must not outlive
/// the objects that they use, and must not write files after those of the transaction have been
/// removed.
class StopOnExit
{
  public:
	explicit StopOnExit(std::function<void()> stop);
	explicit StopOnExit(Stager &stager);
	explicit StopOnExit(FileRewriter &rewriter);
	~StopOnExit();
	StopOnExit(const StopOnExit &) = delete;
	StopOnExit &operator=(const StopOnExit &) = delete;

	/// Calls all stop functions, beginning with the latest.
	static void stop_all();

  private:
	std::function<void()> stop_;
	StopOnExit *outer_;
};

/// Registers the exit callback; called once when the library is loaded.
void register_exit_callback();

} // namespace etl
