// SPDX-License-Identifier: Apache-2.0
/*
 * mounts.c - mounts PATH COUNT: binds a directory upon itself so often, and
 * prints how many bytes the table of mounts has then. busybox's mount reads
 * the table each time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static long size_of(const char *path)
{
	static char data[65536];
	int fd = open(path, O_RDONLY);
	long size = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	while ((n = read(fd, data, sizeof(data))) > 0)
		size += n;
	close(fd);
	return size;
}

int main(int argc, char **argv)
{
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

	for (long i = 0; i < count; i++)
		if (mount(argv[1], argv[1], NULL, MS_BIND, NULL) < 0) {
			printf("mount %ld: %s\n", i, strerror(errno));
			return 1;
		}
	printf("%ld\n", size_of("/proc/self/mountinfo"));
	return 0;
}
