/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer that speaks as systemd's manager does, for tests on machines without
 * one: it keeps one scope in memory and starts nothing. The real one is used on
 * the test host (tests/vm).
 */
#ifndef TESTS_UNIT_SYSTEMD_PEER_H
#define TESTS_UNIT_SYSTEMD_PEER_H

#include "base.h"

/*
 * Runs until it is killed. address: of a bus to be on ("unix:path=..."), or a
 * path to listen on as the manager's own socket, one client after another. What
 * is asked of it is written to the file log, a line each; group is the control
 * group of every scope that is started.
 *
 * Of units whose name has the word
 *   early    the job's end is told before its number
 *   late     the job's end is told a while after it
 *   slow     no job ever ends
 *   broken   the job fails
 *   failed   there is one already, which has failed
 *   taken    there is one already, which is active
 */
NORETURN void systemd_peer(const char *address, const char *log,
			   const char *group);

/*
 * Another on the bus, with no right but to be on it, until it is killed: tells
 * whoever comes after it, by name, that the peer's job is done, and that it
 * failed. The file is made when it begins.
 */
NORETURN void systemd_forger(const char *address, const char *file);

#endif
