/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switches that only test builds have (make HOOKS=1, -DTEST_HOOKS): a test
 * leaves one layer out of a jail and expects the verification to notice, or
 * stops a program at a named step, kills something and lets it go on. In every
 * other build all of this is nothing at all: no variable, no option, and none
 * of the names exists in the program (tests/e2e/87-faults.bats looks).
 */
#ifndef LIB_HOOKS_H
#define LIB_HOOKS_H

#include "base.h"

#ifdef TEST_HOOKS
#include <signal.h>
#include <string.h>

/* First word for kata-jail-exec: the layer "layout" is left out. */
#define JAIL_EXEC_LEAVE "leave-layout"
/* The same, before that one: it waits inside the jail, until it gets SIGCONT. */
#define JAIL_EXEC_HOLD "hold-inside"

/* The layers to leave out, as "LAYER+LAYER", or NULL. One per program. */
__attribute__((weak)) const char *hook_layer;

static inline bool hook_has_layer(const char *layers, const char *layer)
{
	size_t len = strlen(layer);

	for (const char *at = layers; at; at = strchr(at, '+')) {
		at += *at == '+';
		if (strncmp(at, layer, len) == 0 &&
		    (at[len] == '\0' || at[len] == '+'))
			return true;
	}
	return false;
}

static inline bool hook_is_broken(const char *layer)
{
	return hook_has_layer(hook_layer, layer);
}

/*
 * For the starter of a jail: KATA_TEST_BREAK=JAIL:LAYER[+LAYER...]
 * ("vmm:uid+pid"). Returns the layers when it names this jail, else NULL.
 */
static inline const char *hook_layer_for(const char *jail)
{
	const char *value = getenv("KATA_TEST_BREAK");
	size_t len = strlen(jail);

	if (!value || strncmp(value, jail, len) != 0 || value[len] != ':')
		return NULL;
	return value + len + 1;
}

/*
 * For the guest's agent: agent_break=LAYER on the kernel's command line, which
 * becomes a variable of init's environment.
 */
static inline void hook_guest_layer(void)
{
	hook_layer = getenv("agent_break");
}

/* Is this layer of that jail to be left out? For what its starter does. */
static inline bool hook_is_broken_in(const char *jail, const char *layer)
{
	return hook_has_layer(hook_layer_for(jail), layer);
}

/*
 * KATA_TEST_UNVERIFIED=1: a start goes on with a jail that the verification
 * refuses: what the layer that is left out would have stopped can be tried then.
 */
static inline bool hook_goes_on(void)
{
	return getenv("KATA_TEST_UNVERIFIED") != NULL;
}

static inline bool hook_is_step(const char *step)
{
	const char *value = getenv("KATA_TEST_STOP");

	return value && strcmp(value, step) == 0;
}

/* KATA_TEST_STOP=STEP: kata-runtime stops there, until it gets SIGCONT. */
static inline void hook_step(const char *step)
{
	if (hook_is_step(step))
		raise(SIGSTOP);
}

/* --break hold: the jailer stops before it has done anything. */
static inline void hook_hold(void)
{
	if (hook_is_broken("hold"))
		raise(SIGSTOP);
}

/* The first process of a pid namespace cannot stop itself. */
static inline void hook_hold_inside(void)
{
	sigset_t set, before;
	int signo;

	sigemptyset(&set);
	sigaddset(&set, SIGCONT);
	sigprocmask(SIG_BLOCK, &set, &before);
	sigwait(&set, &signo);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/*
 * The guest's init cannot be killed from inside: the agent of a test build
 * dies by a fault of its own when it is asked to.
 */
static inline void hook_die_by(const char *method)
{
	if (method && strcmp(method, "TestDie") == 0)
		__builtin_trap();
}
#else
#define hook_is_broken(layer) (false)
#define hook_guest_layer() ((void)0)
#define hook_is_broken_in(jail, layer) (false)
#define hook_goes_on() (false)
#define hook_step(step) ((void)0)
#define hook_hold() ((void)0)
#define hook_die_by(method) ((void)0)
#endif

#endif
