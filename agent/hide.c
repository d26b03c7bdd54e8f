// SPDX-License-Identifier: Apache-2.0
/*
 * hide.c - the process of an exec does not take the agent's memory along.
 * Runs in the helper of setup.c, before the filter and the last clone.
 *
 * The helper is a copy of PID 1: its heap has held every container's
 * environment, input and output. The process that it clones is visible to the
 * container until its exec, so all anonymous memory but the stack, the
 * program's own variables and the pages of the thread's control block is
 * marked to be empty in a child, what is shared to be missing there, and what
 * the child needs is put into a fresh mapping. The child must not use the
 * heap: not even free() what it finds.
 */
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"

#define MAPS_MAX (256 * 1024)
#define PAGE 4096ul
/* Of the linker: where the program's own variables end. */
extern char _end[];

/* The thread's variables lie below its pointer, its control block above. */
#define THREAD_BELOW PAGE
#define THREAD_ABOVE PAGE

struct hide_range {
	unsigned long start, end;
	bool is_anonymous; /* private, writable, of no file */
	bool is_shared;	   /* writable: with the agent (sync.c) */
};

static bool parse_line(const char *line, struct hide_range *ret)
{
	char perms[5], name[16] = "";
	unsigned long inode;

	/* Most have no name, and the next line is not one. */
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own text */
	if (sscanf(line, "%lx-%lx %4s %*x %*s %lu%*[ ]%15[^\n]", &ret->start,
		   &ret->end, perms, &inode, name) < 4)
		return false;
	ret->is_shared = strcmp(perms, "rw-s") == 0;
	ret->is_anonymous = !inode && strcmp(perms, "rw-p") == 0 &&
			    (!name[0] || strcmp(name, "[heap]") == 0);
	/* Only the heap has a name here; the stack's is "[stack]". */
	return true;
}

static int wipe(unsigned long start, unsigned long end, struct err *err)
{
	if (start >= end)
		return 0;
	/* An address that the kernel gave in its list of our mappings. */
	if (madvise((void *)start, end - start, MADV_WIPEONFORK) < 0)
		return err_set(err, errno, "hide memory");
	return 0;
}

static int wipe_around_thread(const struct hide_range *range, struct err *err)
{
	unsigned long at = (unsigned long)__builtin_thread_pointer();
	unsigned long first = (at - THREAD_BELOW) & ~(PAGE - 1);
	unsigned long last = (at + THREAD_ABOVE + PAGE - 1) & ~(PAGE - 1);
	int r;

	if (last <= range->start || first >= range->end)
		return wipe(range->start, range->end, err);
	r = wipe(range->start, first, err);
	return r < 0 ? r : wipe(last, range->end, err);
}

int hide_open(int proc_fd, struct err *err)
{
	int fd = openat(proc_fd, "self/maps", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_set(err, errno, "open the list of mappings") : fd;
}

/*
 * The program's own zeroed variables follow its file without a gap, and what
 * follows them without one is in the same range. They hold nothing of a
 * container: what does is allocated.
 */
static void keep_variables(struct hide_range *range)
{
	unsigned long end = ((unsigned long)_end + PAGE - 1) & ~(PAGE - 1);

	if (range->start < end && end <= range->end)
		range->start = end;
}

static int leave_out(const struct hide_range *range, struct err *err)
{
	if (madvise((void *)range->start, range->end - range->start,
		    MADV_DONTFORK) < 0)
		return err_set(err, errno, "leave out shared memory");
	return 0;
}

static int wipe_all(const char *text, struct err *err)
{
	int r = 0;

	while (r == 0 && *text) {
		struct hide_range range;

		if (!parse_line(text, &range))
			return err_msg(err, EIO, "list of mappings");
		keep_variables(&range);
		if (range.is_anonymous)
			r = wipe_around_thread(&range, err);
		if (range.is_shared)
			r = leave_out(&range, err);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return r;
}

static char *pack_text(char **at, const char *text)
{
	size_t len = strlen(text) + 1;
	char *copy = memcpy(*at, text, len);

	*at += len;
	return copy;
}

static size_t size_of(const struct strv *list)
{
	size_t size = (list->count + 1) * sizeof(char *);

	for (size_t i = 0; i < list->count; i++)
		size += strlen(list->item[i]) + 1;
	return size;
}

static char **pack_list(char ***pointers, char **text, const struct strv *list)
{
	char **copy = *pointers;

	for (size_t i = 0; i < list->count; i++)
		copy[i] = pack_text(text, list->item[i]);
	copy[list->count] = NULL;
	*pointers += list->count + 1;
	return copy;
}

/**
 * hide_memory() - What the next clone takes along: the stack, and ret
 * @maps_fd:	From hide_open()
 * @program:	Path of what is to be executed
 * @launch:	For its arguments and environment
 * @ret:	Gets pointers into memory that stays
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int hide_memory(int maps_fd, const char *program, const struct launch *launch,
		struct hide_parcel *ret, struct err *err)
{
	size_t size = size_of(&launch->args) + size_of(&launch->env) +
		      strlen(program) + 1;
	AUTO_FREE char *maps = NULL;
	char **pointers, *text;
	int r = fd_read_text(maps_fd, MAPS_MAX, &maps, NULL, err);

	if (r == 0)
		r = wipe_all(maps, err);
	if (r < 0)
		return r;
	pointers = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pointers == MAP_FAILED)
		return err_set(err, errno, "memory of the process");
	text = (char *)(pointers + launch->args.count + launch->env.count + 2);
	ret->argv = pack_list(&pointers, &text, &launch->args);
	ret->envp = pack_list(&pointers, &text, &launch->env);
	ret->program = pack_text(&text, program);
	return 0;
}
