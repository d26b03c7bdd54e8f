/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SELinux labels; selinux.c is the only user of libselinux. Labels are the
 * kernel's own ("raw"), never mcstrans' words for them.
 */
#ifndef LIB_SELINUX_H
#define LIB_SELINUX_H

#include "err.h"

#define SELINUX_RUNTIME "kata_runtime_t" /* type of kata-runtime */

bool selinux_is_on(void);
/* False also when the kernel does not say. */
bool selinux_is_enforcing(void);
/* Label that the next execve of this thread takes; NULL resets. */
int selinux_set_exec(const char *label, struct err *err) MUST_CHECK;
/*
 * In kata-runtime's own domain: the next execve is a stranger's program (hook,
 * newuidmap) and takes the label of whoever ran kata-runtime, for it is to have
 * those rights. Elsewhere nothing is changed. Undone by selinux_exec_done().
 */
int selinux_exec_foreign(struct err *err) MUST_CHECK;
void selinux_exec_done(void);
/*
 * Label of a process; caller frees. proc_fd: /proc/PID, which follows the
 * process and not its number. -ESRCH, -ENOENT: it has ended.
 */
int selinux_get_at(int proc_fd, char **ret_label, struct err *err) MUST_CHECK;
int selinux_get(pid_t pid, char **ret_label, struct err *err) MUST_CHECK;
/*
 * This process's label with another type, and another range unless it is NULL;
 * caller frees. -EINVAL: the loaded policy has no such label.
 */
int selinux_with(const char *type, const char *range, char **ret_label,
		 struct err *err) MUST_CHECK;
/* Is the type of a label exactly this one? */
bool selinux_has_type(const char *label, const char *type);
/*
 * Change this process's own range; user, role and type stay. The process must
 * have one thread. What it makes from now on carries the new range.
 */
int selinux_set_range(const char *range, struct err *err) MUST_CHECK;
/*
 * In kata-runtime's own domain: sockets that this thread makes have no category
 * until selinux_socket_done(). What they are connected to can ask who is there,
 * which it may not of a socket with categories that it lacks. Elsewhere nothing
 * is changed.
 */
int selinux_socket_plain(struct err *err) MUST_CHECK;
void selinux_socket_done(void);
/*
 * Label of the files that this thread makes: type NULL leaves it to the policy,
 * else object_r with this type and level.
 */
int selinux_set_create(const char *type, const char *level,
		       struct err *err) MUST_CHECK;
/*
 * In kata-runtime's own domain: what this thread makes until
 * selinux_create_done() has this type and no category, whatever directory it is
 * made in. Elsewhere nothing is changed.
 */
int selinux_create_plain(const char *type, struct err *err) MUST_CHECK;
void selinux_create_done(void);
/*
 * Are rules about processes with this label only reported and not enforced
 * (semanage permissive)? Return: 1, 0, -errno
 */
int selinux_is_permissive(const char *label, struct err *err) MUST_CHECK;

#endif
