// SPDX-License-Identifier: Apache-2.0
/*
 * filter.c - opens a seccomp filter that this build made. Runs in kata-runtime
 * (for proxy and shim, and when it reads a jail back) and in kata-jailer (for
 * what a jail loads), without any right. The file is ours; should it have been
 * altered, by a disk or by somebody who may write it, no byte of it is loaded.
 */
#include "filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>

#include "alloc.h"
#include "auto.h"
#include "fd.h"
#include "filter-digests.h"
#include "path.h"
#include "sha256.h"

#define FILTER_MAX (BPF_MAXINSNS * sizeof(struct sock_filter))

const char *filter_digest(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(filter_digests); i++)
		if (strcmp(filter_digests[i].name, name) == 0)
			return filter_digests[i].sha256;
	return NULL;
}

static int check_bytes(const char *path, const char *name, const void *data,
		       size_t len, struct err *err)
{
	const char *built = filter_digest(name);
	char found[SHA256_HEX_MAX];

	if (!built)
		return err_msg(err, ENOENT,
			       "%s: this build has no filter of that name",
			       path);
	sha256_hex(data, len, found);
	if (strcmp(found, built) != 0)
		return err_msg(
			err, EBADMSG,
			"%s: altered (SHA-256 %.16s..., built as %.16s...); install it again",
			path, found, built);
	return 0;
}

/**
 * filter_read() - The bytes of a filter of this build
 * @dir:	Where the filters are
 * @name:	Without suffix; a profile that is compiled later: NAME.json
 * @ret_bpf:	struct sock_filter bytes, or the text; owned by the caller
 * @ret_len:	Their number
 * @err:	Filled on failure
 *
 * Return: 0; -EBADMSG when the file is another one; -errno
 */
int filter_read(const char *dir, const char *name, void **ret_bpf,
		size_t *ret_len, struct err *err)
{
	bool is_source = strstr(name, ".json") != NULL;
	AUTO_FREE char *path =
		xasprintf("%s/%s%s", dir, name, is_source ? "" : ".bpf");
	AUTO_FD int fd = path_open_trusted(path, err);
	AUTO_FREE char *data = NULL;
	size_t len = 0;

	if (fd < 0)
		return fd;
	if (fd_read_text(fd, FILTER_MAX, &data, &len, err) < 0)
		return err_wrap(err, "%s", path);
	if (check_bytes(path, name, data, len, err) < 0)
		return -err->code;
	*ret_bpf = take_ptr(data);
	*ret_len = len;
	return 0;
}

/**
 * filter_open() - A filter of this build, for a program to load
 * @dir:	Where the filters are
 * @name:	Without suffix
 * @err:	Filled on failure
 *
 * What was checked is what is loaded: the descriptor is a sealed copy.
 *
 * Return: close-on-exec descriptor at position 0, or -errno
 */
int filter_open(const char *dir, const char *name, struct err *err)
{
	AUTO_FREE void *data = NULL;
	size_t len = 0;
	int r = filter_read(dir, name, &data, &len, err);

	return r < 0 ? r : fd_memfd("seccomp", data, len, err);
}

int filter_check_file(const char *dir, const char *name, struct err *err)
{
	AUTO_FREE void *data = NULL;
	size_t len = 0;

	return filter_read(dir, name, &data, &len, err);
}
