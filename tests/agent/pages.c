// SPDX-License-Identifier: Apache-2.0
/*
 * pages.c - runs inside a container: writes a known sequence of bytes to its
 * stdout by one of the ways that put other pages into a pipe than write(2)
 * does. The agent moves such pages on without looking at them.
 *
 * pages MODE BYTES, where byte I of the sequence is (7 I + I / 4096) mod 256.
 * Mode "lost" writes one page of /small/hole more behind the first 4096 bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define CHUNK ((size_t)64 << 10)
#define VECTORS 512
#define FAULTS 200
#define PAGE 4096

static void need(long result, const char *what)
{
	if (result >= 0)
		return;
	perror(what);
	exit(1);
}

/* Fresh pages each time: they are the pipe's as soon as they are in it. */
static uint8_t *fresh(size_t at, size_t len)
{
	uint8_t *page = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(page == MAP_FAILED ? -1 : 0, "mmap");
	for (size_t i = 0; i < len; i++)
		page[i] = (uint8_t)(7 * (at + i) + (at + i) / 4096);
	return page;
}

static void write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		need(n, "write");
		data += n;
		len -= (size_t)n;
	}
}

static void map_pages(const uint8_t *data, size_t len, unsigned flags)
{
	while (len > 0) {
		struct iovec iov = { (void *)(uintptr_t)data, len };
		ssize_t n = vmsplice(1, &iov, 1, flags);

		need(n, "vmsplice");
		data += n;
		len -= (size_t)n;
	}
}

/* A buffer of the pipe for each byte. */
static void map_bytes(const uint8_t *data, size_t len)
{
	struct iovec iov[VECTORS];

	while (len > 0) {
		size_t count = len < VECTORS ? len : VECTORS;
		ssize_t n;

		for (size_t i = 0; i < count; i++)
			iov[i] = (struct iovec){ (void *)(uintptr_t)(data + i),
						 1 };
		n = vmsplice(1, iov, count, 0);
		need(n, "vmsplice");
		data += n;
		len -= (size_t)n;
	}
}

/* The pages have a second owner until they are read here. */
static void share_pages(const uint8_t *data, size_t len)
{
	static uint8_t back[CHUNK];
	int fds[2];

	need(pipe(fds), "pipe");
	write_all(fds[1], data, len);
	while (len > 0) {
		ssize_t n = tee(fds[0], 1, len, 0);

		need(n, "tee");
		for (ssize_t got = 0, part; got < n; got += part) {
			part = read(fds[0], back, (size_t)(n - got));
			need(part, "read");
		}
		len -= (size_t)n;
	}
	close(fds[0]);
	close(fds[1]);
}

/* Pages of a file's cache, which stay the file's. */
static void send_file(const uint8_t *data, size_t len)
{
	int fd = open("/tmp/pages", O_RDWR | O_CREAT | O_TRUNC, 0600);
	loff_t at = 0;

	need(fd, "open");
	write_all(fd, data, len);
	while ((size_t)at < len)
		need(splice(fd, &at, 1, NULL, len - (size_t)at, 0), "splice");
	close(fd);
}

static void in_packets(const uint8_t *data, size_t len)
{
	need(fcntl(1, F_SETFL, fcntl(1, F_GETFL) | O_DIRECT), "O_DIRECT");
	for (size_t at = 0; at < len; at += 100)
		write_all(1, data + at, len - at < 100 ? len - at : 100);
}

/* Each leaves a buffer of no bytes in the pipe. Room for all: nobody reads yet. */
static void write_faults(void)
{
	void *volatile nowhere = (void *)PAGE;

	need(fcntl(1, F_SETPIPE_SZ, 1 << 20), "F_SETPIPE_SZ");
	for (int i = 0; i < FAULTS; i++)
		if (write(1, nowhere, PAGE) >= 0 || errno != EFAULT)
			need(-1, "a write that must fault");
}

/* A page of a file's cache that can no longer be read once it is in the pipe. */
static void lose_page(void)
{
	static const uint8_t some[PAGE] = { 1 };
	int fd = open("/small/hole", O_RDWR);
	loff_t at = 0;

	need(fd, "open /small/hole");
	need(splice(fd, &at, 1, NULL, PAGE, 0) == PAGE ? 0 : -1, "splice");
	if (pwrite(fd, some, PAGE, 0) >= 0 || errno != ENOSPC)
		need(-1, "a write that must find no space");
	close(fd);
}

int main(int argc, char **argv)
{
	size_t total = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	const char *mode = argc > 1 ? argv[1] : "";

	for (size_t at = 0; at < total; at += CHUNK) {
		size_t len = total - at < CHUNK ? total - at : CHUNK;
		uint8_t *data = fresh(at, len);

		if (!strcmp(mode, "map"))
			map_pages(data, len, 0);
		else if (!strcmp(mode, "gift"))
			map_pages(data, len, SPLICE_F_GIFT);
		else if (!strcmp(mode, "bytes"))
			map_bytes(data, len);
		else if (!strcmp(mode, "tee"))
			share_pages(data, len);
		else if (!strcmp(mode, "file"))
			send_file(data, len);
		else if (!strcmp(mode, "packets"))
			in_packets(data, len);
		else if (!strcmp(mode, "fault"))
			write_faults(), write_all(1, data, len);
		else if (!strcmp(mode, "fault-packets"))
			need(fcntl(1, F_SETFL, O_DIRECT), "O_DIRECT"),
				write_faults(), in_packets(data, len);
		else if (!strcmp(mode, "lost"))
			write_all(1, data, PAGE), lose_page(),
				write_all(1, data + PAGE, len - PAGE);
		else
			return 2;
		munmap(data, CHUNK);
	}
	return 0;
}
