/*
 * I/O errors for tests, to be preloaded into a server (LD_PRELOAD): calls on files whose path holds
 * a text fail with an errno. Which, the file named by the environment's ETL_IO_FAULT says, in one
 * line: "call errno skip text", such as "read 5 0 products.json"; skip: how many calls of a process
 * go well before. No such file: nothing fails. And a clock that is put back or forward: by as many
 * seconds as the file says that the environment's ETL_CLOCK names.
 */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_int passed;

/* By system calls, so that nothing here comes back to this file. */
static int
wanted(const char *call, int fd, const char *name)
{
	const char *control = getenv("ETL_IO_FAULT");
	char line[512], what[32], text[256], link[64], path[PATH_MAX];
	int error, skip;
	const int before = errno;

	if (control == NULL)
		return 0;
	const int in = (int) syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0);
	if (in < 0)
	{
		errno = before;
		return 0;
	}
	const long size = syscall(SYS_read, in, line, sizeof line - 1);
	syscall(SYS_close, in);
	errno = before;
	if (size <= 0)
		return 0;
	line[size] = '\0';
	if (sscanf(line, "%31s %d %d %255s", what, &error, &skip, text) != 4 || strcmp(what, call) != 0)
		return 0;
	if (name == NULL)
	{
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		const ssize_t length = readlink(link, path, sizeof path - 1);
		errno = before;
		if (length < 0)
			return 0;
		path[length] = '\0';
		name = path;
	}
	if (strstr(name, text) == NULL || atomic_fetch_add(&passed, 1) < skip)
		return 0;
	errno = error;
	return 1;
}

#define REAL(name) \
	static __typeof__(name) *real; \
	if (real == NULL) \
		real = (__typeof__(real)) dlsym(RTLD_NEXT, #name)

ssize_t
read(int fd, void *buffer, size_t size)
{
	REAL(read);
	return wanted("read", fd, NULL) ? -1 : real(fd, buffer, size);
}

ssize_t
__read_chk(int fd, void *buffer, size_t size, size_t room)
{
	(void) room;
	return read(fd, buffer, size);
}

ssize_t
write(int fd, const void *buffer, size_t size)
{
	REAL(write);
	return wanted("write", fd, NULL) ? -1 : real(fd, buffer, size);
}

ssize_t
copy_file_range(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t size, unsigned flags)
{
	REAL(copy_file_range);
	return wanted("write", out, NULL) ? -1 : real(in, in_offset, out, out_offset, size, flags);
}

int
fsync(int fd)
{
	REAL(fsync);
	return wanted("fsync", fd, NULL) ? -1 : real(fd);
}

int
syncfs(int fd)
{
	REAL(syncfs);
	return wanted("syncfs", fd, NULL) ? -1 : real(fd);
}

int
renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	REAL(renameat);
	return wanted("rename", -1, from) ? -1 : real(from_folder, from, to_folder, to);
}

int
renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	REAL(renameat2);
	return wanted("rename", -1, from) ? -1 : real(from_folder, from, to_folder, to, flags);
}

int
unlinkat(int folder, const char *name, int flags)
{
	REAL(unlinkat);
	return wanted("unlink", -1, name) ? -1 : real(folder, name, flags);
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	const char *control = getenv("ETL_CLOCK");
	const int before = errno;
	struct timespec real;
	char text[32];

	(void) zone;
	clock_gettime(CLOCK_REALTIME, &real);
	now->tv_sec = real.tv_sec;
	now->tv_usec = real.tv_nsec / 1000;
	const int in = control == NULL ? -1 : (int) syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0);
	if (in >= 0)
	{
		const long size = syscall(SYS_read, in, text, sizeof text - 1);
		syscall(SYS_close, in);
		if (size > 0)
		{
			text[size] = '\0';
			now->tv_sec += atol(text);
		}
	}
	errno = before;
	return 0;
}
