// SPDX-License-Identifier: Apache-2.0
/*
 * boot-cache.c - numbers measured once per boot of the host, in kata-runtime.
 * The state root belongs to the caller and is closed to others; what is read
 * is still checked, and anything unexpected counts as not measured.
 */
#include "boot-cache.h"

#include <fcntl.h>
#include <string.h>

#include "auto.h"
#include "num.h"
#include "path.h"

#define CACHE_MAX 512
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static int boot_id(char *ret, size_t size, struct err *err)
{
	AUTO_FREE char *text = NULL;

	if (path_read_file(AT_FDCWD, BOOT_ID, 128, &text, err) < 0)
		return -err->code;
	text[strcspn(text, "\n")] = '\0';
	snprintf(ret, size, "%s", text);
	return 0;
}

/**
 * boot_cache_load() - A number measured earlier in this boot
 * @root_fd:	State root, or -1
 * @name:	File in it
 * @max:	Largest number that makes sense
 * @ret:	The number
 *
 * The file holds "1 BOOT_ID NUMBER\n". Anything else is measured again.
 *
 * Return: is there one?
 */
bool boot_cache_load(int root_fd, const char *name, uint64_t max, uint64_t *ret)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *text = NULL;
	char id[64], *save = NULL, *field;

	if (root_fd < 0 || boot_id(id, sizeof(id), &err) < 0 ||
	    path_read_file(root_fd, name, CACHE_MAX, &text, &err) < 0)
		return false;
	field = strtok_r(text, " \n", &save);
	if (!field || strcmp(field, "1") != 0)
		return false;
	field = strtok_r(NULL, " \n", &save);
	if (!field || strcmp(field, id) != 0)
		return false;
	field = strtok_r(NULL, " \n", &save);
	return field && num_parse_u64(field, max, ret) == 0;
}

/**
 * boot_cache_save() - Keep a number for the rest of this boot
 * @root_fd:	State root, or -1
 * @name:	File in it
 * @value:	The number
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int boot_cache_save(int root_fd, const char *name, uint64_t value,
		    struct err *err)
{
	char id[64], text[CACHE_MAX];

	if (root_fd < 0)
		return 0;
	if (boot_id(id, sizeof(id), err) < 0)
		return -err->code;
	snprintf(text, sizeof(text), "1 %s %llu\n", id,
		 (unsigned long long)value);
	return path_write_atomic(root_fd, name, text, strlen(text), err);
}
