/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the probe share: verbs. Each returns the exit status. */
#ifndef TESTS_E2E_PROBE_H
#define TESTS_E2E_PROBE_H

/* files DIR: all that a file system can be asked for, in that directory. */
int probe_files(int argc, char **argv);

#endif
