// SPDX-License-Identifier: Apache-2.0
/* num.c - strict numbers; any byte may be hostile. Linked by every process. */
#include "num.h"

#include <errno.h>

int num_parse_u64(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!text || !*text)
		return -EINVAL;
	for (; *text; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	if (value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int num_parse_u32(const char *text, uint32_t max, uint32_t *ret_value)
{
	uint64_t value;
	int r = num_parse_u64(text, max, &value);

	if (r == 0)
		*ret_value = (uint32_t)value;
	return r;
}
