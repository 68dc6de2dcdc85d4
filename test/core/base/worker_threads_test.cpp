#include "core/base/worker_threads.h"

#include <atomic>
#include <csignal>

#include <gtest/gtest.h>

using namespace etl;

TEST(WorkerThreads, RunEachNumberOnce)
{
	std::atomic<unsigned> seen{0};
	WorkerThreads threads;
	EXPECT_TRUE(threads.empty());
	EXPECT_EQ(threads.start(5, [&](size_t i) { seen += 1u << i; }), 5u);
	EXPECT_EQ(threads.start(0, [](size_t) {}), 0u);
	threads.join();
	threads.join();
	EXPECT_TRUE(threads.empty());
	EXPECT_EQ(seen, 31u);
}

TEST(WorkerThreads, LeaveSignalsToTheMainThread)
{
	sigset_t in_thread, here;
	sigemptyset(&in_thread);
	WorkerThreads threads;
	threads.start(1, [&](size_t) { pthread_sigmask(SIG_SETMASK, nullptr, &in_thread); });
	threads.join();
	pthread_sigmask(SIG_SETMASK, nullptr, &here);
	EXPECT_EQ(sigismember(&in_thread, SIGTERM), 1);
	EXPECT_EQ(sigismember(&in_thread, SIGUSR1), 1);
	EXPECT_EQ(sigismember(&here, SIGTERM), 0);
}
