// Threads and the end of the process.
#pragma once

#include <functional>

#include "core/output/file_rewriter.h"
#include "core/staging/stager.h"

namespace etl
{

/// While it lives, a backend that is terminated stops threads before it exits: a FATAL error ends
/// the process without unwinding C++ frames, and threads must not outlive what they use, nor write
/// files after the transaction's have been removed.
class StopOnExit
{
  public:
	explicit StopOnExit(std::function<void()> stop);
	explicit StopOnExit(Stager &stager);
	explicit StopOnExit(FileRewriter &rewriter);
	~StopOnExit();
	StopOnExit(const StopOnExit &) = delete;
	StopOnExit &operator=(const StopOnExit &) = delete;

	/// Calls all of them, the latest first.
	static void stop_all();

  private:
	std::function<void()> stop_;
	StopOnExit *outer_;
};

/// Registers the exit callback; called once when the library is loaded.
void register_exit_callback();

} // namespace etl
