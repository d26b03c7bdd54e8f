/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that invite overflow, injection or silent misparsing do not compile.
 * Use the bounded or checked counterpart named beside each.
 */
#ifndef LIB_BANNED_H
#define LIB_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* macros in some fortified libc headers */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat sprintf vsprintf gets strtok /* xasprintf */
#pragma GCC poison atoi atol atoll		      /* num_parse_*() */
#pragma GCC poison system popen tmpnam mktemp tempnam /* child_spawn(), memfd */

#endif
