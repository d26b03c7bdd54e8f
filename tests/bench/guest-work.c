// SPDX-License-Identifier: Apache-2.0
/*
 * guest-work.c - the work that is timed inside of a guest: "port" writes zeros
 * to a virtio-serial port, "files" reads and writes below a directory. As init
 * of a bare guest it takes the work from the kernel's command line (role=,
 * mib=), mounts what it needs and ends the machine; in a container it is
 * called as guest-work files DIR MIB. Guest root; no input.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SMALL_FILES 300
#define SMALL_BYTES 4096

static char buffer[1 << 16];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int write_all(int fd, size_t len)
{
	while (len > 0) {
		size_t part = len < sizeof(buffer) ? len : sizeof(buffer);
		ssize_t n = write(fd, buffer, part);

		if (n <= 0)
			return -1;
		len -= (size_t)n;
	}
	return 0;
}

static int read_all(int fd, size_t len)
{
	while (len > 0) {
		ssize_t n = read(fd, buffer, sizeof(buffer));

		if (n <= 0)
			return -1;
		len -= (size_t)n;
	}
	return 0;
}

static int one_file(const char *path, size_t len, int (*work)(int, size_t),
		    int flags)
{
	int fd = open(path, flags, 0600);
	int r = fd < 0 ? -1 : work(fd, len);

	if (fd >= 0 && close(fd) < 0)
		r = -1;
	return r;
}

static int small_files(const char *dir)
{
	char path[256];
	int r = 0;

	for (int i = 0; r == 0 && i < SMALL_FILES; i++) {
		snprintf(path, sizeof(path), "%s/small-%d", dir, i);
		r = one_file(path, SMALL_BYTES, write_all, O_WRONLY | O_CREAT);
	}
	for (int i = 0; r == 0 && i < SMALL_FILES; i++) {
		snprintf(path, sizeof(path), "%s/small-%d", dir, i);
		r = one_file(path, SMALL_BYTES, read_all, O_RDONLY);
	}
	for (int i = 0; r == 0 && i < SMALL_FILES; i++) {
		snprintf(path, sizeof(path), "%s/small-%d", dir, i);
		r = unlink(path);
	}
	return r;
}

static int files(const char *dir, size_t mib)
{
	char path[256];
	double start = now(), middle;
	int r;

	snprintf(path, sizeof(path), "%s/large", dir);
	r = one_file(path, mib << 20, write_all, O_WRONLY | O_CREAT | O_TRUNC);
	if (r == 0)
		r = one_file(path, mib << 20, read_all, O_RDONLY);
	if (r == 0)
		r = unlink(path);
	middle = now();
	if (r == 0)
		r = small_files(dir);
	if (r == 0)
		printf("guest-work %.6f %.6f\n", middle - start, now() - middle);
	else
		perror("guest-work: files");
	fflush(stdout);
	return r;
}

/* The first port that is number 1 of its device: the agent's. */
static int port(size_t mib)
{
	for (int tries = 0; tries < 1000; tries++) {
		for (int device = 0; device < 8; device++) {
			char path[32];
			int fd;

			snprintf(path, sizeof(path), "/dev/vport%dp1", device);
			fd = open(path, O_WRONLY);
			if (fd >= 0)
				return write_all(fd, mib << 20);
		}
		usleep(10000);
	}
	return -1;
}

static int as_init(void)
{
	const char *role = getenv("role"), *text = getenv("mib");
	size_t mib = text ? (size_t)atoi(text) : 0;
	int r = -1;

	mkdir("/mnt", 0755);
	if (role && strcmp(role, "port") == 0 &&
	    mount("dev", "/dev", "devtmpfs", 0, NULL) == 0)
		r = port(mib);
	else if (role && strcmp(role, "files") == 0 &&
		 mount("kataShared", "/mnt", "virtiofs", 0, NULL) == 0)
		r = files("/mnt", mib);
	if (r < 0)
		puts("guest-work: failed");
	fflush(stdout);
	sync();
	sleep(1); /* console and port are written in the background */
	return reboot(RB_AUTOBOOT);
}

int main(int argc, char **argv)
{
	if (getpid() == 1 && argc < 2)
		return as_init();
	if (argc == 4 && strcmp(argv[1], "files") == 0)
		return files(argv[2], (size_t)atoi(argv[3])) < 0;
	return 2;
}
