// SPDX-License-Identifier: Apache-2.0
/*
 * userns.c - which user namespace we are in; linked by every process, needs no
 * right. The maps are the kernel's own text.
 */
#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "auto.h"
#include "fd.h"
#include "num.h"

#define MAP_MAX 65536

int userns_extent_parse(char *line, struct userns_extent *ret)
{
	uint32_t value[3];
	char *save = NULL, *field = strtok_r(line, " \t\n", &save);

	for (size_t i = 0; i < ARRAY_SIZE(value); i++) {
		int r = field ? num_parse_u32(field, UINT32_MAX, &value[i]) :
				-EINVAL;

		if (r < 0)
			return r;
		field = strtok_r(NULL, " \t\n", &save);
	}
	if (field)
		return -EINVAL;
	*ret = (struct userns_extent){ value[0], value[1], value[2] };
	return 0;
}

bool userns_map_is_initial(const char *map)
{
	struct userns_extent extent;
	char line[64];

	if (strlen(map) >= sizeof(line))
		return false; /* more than one line */
	snprintf(line, sizeof(line), "%s", map);
	return userns_extent_parse(line, &extent) == 0 && extent.inside == 0 &&
	       extent.outside == 0 && extent.count == UINT32_MAX;
}

bool userns_map_is_single(const char *map)
{
	struct userns_extent extent;
	char line[64];

	if (strlen(map) >= sizeof(line) ||
	    strchr(map, '\n') != strrchr(map, '\n'))
		return false; /* more than one line */
	snprintf(line, sizeof(line), "%s", map);
	return userns_extent_parse(line, &extent) == 0 && extent.count == 1;
}

bool userns_is_initial(void)
{
	AUTO_FD int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *map = NULL;
	struct err err = ERR_INIT;

	if (fd < 0 || fd_read_text(fd, MAP_MAX, &map, NULL, &err) < 0)
		return true;
	return userns_map_is_initial(map);
}
