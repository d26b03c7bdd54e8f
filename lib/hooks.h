/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switches that only test builds have (make HOOKS=1, -DTEST_HOOKS): a test
 * leaves one layer out of a jail and expects the verification to notice. In
 * every other build hook_is_broken() is the constant false, there is no
 * variable behind it, and neither the option nor the environment name exists
 * in the program.
 */
#ifndef LIB_HOOKS_H
#define LIB_HOOKS_H

#include "base.h"

#ifdef TEST_HOOKS
#include <string.h>

/* The layer to leave out, or NULL. One per program. */
__attribute__((weak)) const char *hook_layer;

static inline bool hook_is_broken(const char *layer)
{
	return hook_layer && strcmp(hook_layer, layer) == 0;
}

/*
 * For the starter of a jail: KATA_TEST_BREAK=JAIL:LAYER ("vmm:uid"). Returns
 * the layer when it names this jail, else NULL.
 */
static inline const char *hook_layer_for(const char *jail)
{
	const char *value = getenv("KATA_TEST_BREAK");
	size_t len = strlen(jail);

	if (!value || strncmp(value, jail, len) != 0 || value[len] != ':')
		return NULL;
	return value + len + 1;
}
#else
#define hook_is_broken(layer) (false)
#endif

#endif
