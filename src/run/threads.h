// Threads and the end of the process.
#pragma once

#include "core/file_rewriter.h"
#include "core/stager.h"

namespace etl
{

/// While it lives, a backend that is terminated stops the object's threads before it exits: a FATAL
/// error ends the process without unwinding C++ frames, and threads must not outlive what they use.
class StopOnExit
{
  public:
	explicit StopOnExit(Stager &stager);
	explicit StopOnExit(FileRewriter &rewriter);
	~StopOnExit();
	StopOnExit(const StopOnExit &) = delete;
	StopOnExit &operator=(const StopOnExit &) = delete;

	/// Stops them, and those of the objects around.
	void stop();

  private:
	void (*const stop_)(void *);
	void *const object_;
	StopOnExit *const outer_;
};

/// Registers the exit callback; called once when the library is loaded.
void register_exit_callback();

} // namespace etl
