// SPDX-License-Identifier: Apache-2.0
/*
 * net-text.c - network addresses from and to text. Runs in kata-agent; the
 * texts come from the host.
 */
#include "net-text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "num.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int net_text_mac(const char *text, uint8_t mac[6])
{
	if (strlen(text) != 17)
		return -EINVAL;
	for (int i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]), low = hex_digit(text[1]);

		if (high < 0 || low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

uint8_t net_text_family(const char *address)
{
	return strchr(address, ':') ? AF_INET6 : AF_INET;
}

int net_text_address(const char *text, uint8_t *ret_family, uint8_t bytes[16],
		     uint8_t *ret_prefix)
{
	uint32_t prefix;
	char copy[64];
	char *slash;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	*ret_family = net_text_family(copy);
	prefix = *ret_family == AF_INET ? 32 : 128;
	if (slash && num_parse_u32(slash, prefix, &prefix) < 0)
		return -EINVAL;
	*ret_prefix = (uint8_t)prefix;
	return inet_pton(*ret_family, copy, bytes) == 1 ? 0 : -EINVAL;
}

char *net_text_format(uint8_t family, const uint8_t *bytes, int prefix)
{
	char text[INET6_ADDRSTRLEN] = "";

	BUG_ON(!inet_ntop(family, bytes, text, sizeof(text)));
	return prefix < 0 ? xstrdup(text) : xasprintf("%s/%d", text, prefix);
}
