// SPDX-License-Identifier: Apache-2.0
/*
 * mountinfo.c - reads a table of mounts line by line, in constant memory. Runs
 * in kata-agent. The table of a running container is hostile: what is in it was
 * mounted by whoever may, so its size and the length of a line are bounded.
 */
#include "mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "auto.h"
#include "readback-kinds.h"

/*
 * Two paths of 4095 bytes, of which each may be escaped to four, the words of
 * the mount's options, and those of its file system: a page at mount(2), and
 * the kernel keeps a line in a buffer that it doubles.
 */
#define LINE_BYTES_MAX (64u << 10)

static const struct {
	const char *word;
	uint64_t flag;
} flag_words[] = {
	{ "ro", READBACK_FLAG_RDONLY },
	{ "nosuid", READBACK_FLAG_NOSUID },
	{ "nodev", READBACK_FLAG_NODEV },
	{ "noexec", READBACK_FLAG_NOEXEC },
	{ "nosymfollow", READBACK_FLAG_NOSYMFOLLOW },
};

static uint64_t flags_of(char *options)
{
	uint64_t flags = 0;
	char *save = NULL;

	for (char *at = strtok_r(options, ",", &save); at;
	     at = strtok_r(NULL, ",", &save))
		for (size_t i = 0; i < ARRAY_SIZE(flag_words); i++)
			if (strcmp(at, flag_words[i].word) == 0)
				flags |= flag_words[i].flag;
	return flags;
}

/*
 * "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": spaces in
 * paths are escaped, so words are words. proc(5).
 */
static bool parse_line(char *line, struct mount_line *ret)
{
	char *save = NULL, *word;
	int n = 0;

	*ret = (struct mount_line){ 0 };
	for (word = strtok_r(line, " ", &save); word && n < 6;
	     word = strtok_r(NULL, " ", &save), n++) {
		if (n == 0)
			ret->id = strtoull(word, NULL, 10);
		if (n == 5)
			ret->flags = flags_of(word);
	}
	for (; word && strcmp(word, "-") != 0; word = strtok_r(NULL, " ", &save))
		if (strncmp(word, "shared:", 7) == 0)
			ret->flags |= READBACK_FLAG_SHARED;
	word = word ? strtok_r(NULL, " ", &save) : NULL;
	if (!word)
		return false;
	ret->is_tmpfs = strcmp(word, "tmpfs") == 0;
	return true;
}

/* What was read and not yet given out. */
struct window {
	char *text; /* LINE_BYTES_MAX */
	size_t len;
};

/*
 * Gives out the whole lines, and keeps the rest. Return: 1 when no more are
 * wanted
 */
static int give_lines(struct window *window, mountinfo_fn fn, void *ctx,
		      struct err *err)
{
	char *at = window->text, *stop = window->text + window->len, *end;

	for (; (end = memchr(at, '\n', (size_t)(stop - at))); at = end + 1) {
		struct mount_line line;

		*end = '\0';
		if (!parse_line(at, &line))
			return err_msg(err, EIO, "read-back: mountinfo");
		if (!fn(&line, ctx))
			return 1;
	}
	window->len = (size_t)(stop - at);
	memmove(window->text, at, window->len);
	return 0;
}

static int read_lines(int fd, mountinfo_fn fn, void *ctx, struct err *err)
{
	AUTO_FREE char *text = xcalloc(1, LINE_BYTES_MAX);
	struct window window = { .text = text };
	size_t total = 0;

	for (;;) {
		ssize_t n = read(fd, text + window.len,
				 LINE_BYTES_MAX - window.len);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, errno, "read-back: mountinfo");
		if (n == 0)
			return 0;
		window.len += (size_t)n;
		total += (size_t)n;
		r = give_lines(&window, fn, ctx, err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (window.len == LINE_BYTES_MAX)
			return err_msg(
				err, EFBIG,
				"read-back: a line of mountinfo is longer than %u bytes",
				LINE_BYTES_MAX);
		if (total > MOUNTINFO_MAX)
			return err_msg(
				err, EFBIG,
				"read-back: the table of mounts is larger than %u MiB",
				MOUNTINFO_MAX >> 20);
	}
}

int mountinfo_each(int proc_fd, const char *who, mountinfo_fn fn, void *ctx,
		   struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/mountinfo", who);
	AUTO_FD int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "read-back: %s", path);
	return read_lines(fd, fn, ctx, err);
}
