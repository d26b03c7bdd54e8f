/* SPDX-License-Identifier: Apache-2.0 */
/* Network addresses as the protocol writes them. */
#ifndef AGENT_NET_TEXT_H
#define AGENT_NET_TEXT_H

#include "base.h"

/* "02:00:00:00:00:01". Return: 0 or -EINVAL */
int net_text_mac(const char *text, uint8_t mac[6]) MUST_CHECK;
/* AF_INET6 for anything with a colon. */
uint8_t net_text_family(const char *address);
/* "10.0.2.100" or "10.0.2.0/24"; without a prefix the whole address. */
int net_text_address(const char *text, uint8_t *ret_family, uint8_t bytes[16],
		     uint8_t *ret_prefix) MUST_CHECK;
/* prefix -1: the address alone; the caller frees it. */
char *net_text_format(uint8_t family, const uint8_t *bytes, int prefix);

#endif
