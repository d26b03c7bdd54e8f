/* SPDX-License-Identifier: Apache-2.0 */
/* Strict numbers: decimal digits only, no sign, no space, range checked. */
#ifndef LIB_NUM_H
#define LIB_NUM_H

#include "base.h"

int num_parse_u64(const char *text, uint64_t max,
		  uint64_t *ret_value) MUST_CHECK;
int num_parse_u32(const char *text, uint32_t max,
		  uint32_t *ret_value) MUST_CHECK;

#endif
