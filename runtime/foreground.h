/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command that stays until its process ends (run, exec): signals, the
 * caller's terminal, the exit code.
 */
#ifndef RUNTIME_FOREGROUND_H
#define RUNTIME_FOREGROUND_H

#include <sys/types.h>

#include "err.h"

/*
 * Before anything is made: wait for the terminal when stdin is one and will be
 * read (no console socket), become the sub-reaper of what will be started, keep
 * the terminal's settings, and hold back the signals that a user or
 * supervisor sends, until there is a process to pass them to.
 */
int foreground_begin(bool reads_stdin, struct err *err) MUST_CHECK;
/* There is one: what was held back goes to it, and all that comes. */
void foreground_watch(pid_t pid);
/* Its exit code, 128+n for a signal. */
int foreground_wait(pid_t pid, struct err *err) MUST_CHECK;
/* On every way out; fine without a begin. */
void foreground_end(void);

#endif
