/* SPDX-License-Identifier: Apache-2.0 */
/* A skip that says why; tests/unit/run prints the line. After cmocka.h. */
#ifndef TESTS_UNIT_SKIP_H
#define TESTS_UNIT_SKIP_H

#include <stdio.h>

#define skip_because(why)                                                      \
	do {                                                                   \
		printf("[  REASON  ] %s: %s\n", __func__, why);                \
		skip();                                                        \
	} while (0)

#endif
