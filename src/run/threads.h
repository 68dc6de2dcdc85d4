// Threads and the end of the process.
#pragma once

#include <functional>

#include "core/file_rewriter.h"
#include "core/stager.h"

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

/// While it lives, malloc keeps what is freed instead of giving it back to the system. A run frees
/// a batch as large as the one that it allocates next; fetched from the system anew, every page of
/// it would be faulted in and zeroed again (that was a tenth of a run's CPU time). Gives all back
/// at the end. glibc only; elsewhere it does nothing.
class KeepFreedMemory
{
  public:
	KeepFreedMemory();
	~KeepFreedMemory();
	KeepFreedMemory(const KeepFreedMemory &) = delete;
	KeepFreedMemory &operator=(const KeepFreedMemory &) = delete;
};

/// Registers the exit callback; called once when the library is loaded.
void register_exit_callback();

} // namespace etl
