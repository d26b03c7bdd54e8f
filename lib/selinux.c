// SPDX-License-Identifier: Apache-2.0
/*
 * selinux.c - SELinux labels; the only user of libselinux. Runs in
 * kata-runtime (labels of what it starts and makes, reads those of jailed
 * processes) and kata-jailer (chooses the label of what it executes). Needs no
 * right but what the policy gives.
 */
#include "selinux.h"

#include <errno.h>
#include <fcntl.h>
#include <selinux/context.h>
#include <selinux/selinux.h>
#include <string.h>

#include "alloc.h"
#include "auto.h"
#include "path.h"

#define LABEL_MAX 4096 /* a page: what /proc gives */

static void auto_con_(char **con)
{
	if (*con)
		freecon(*con);
}
#define AUTO_CON __attribute__((cleanup(auto_con_)))

static void auto_context_(context_t *context)
{
	if (*context)
		context_free(*context);
}
#define AUTO_CONTEXT __attribute__((cleanup(auto_context_)))

/* libselinux may leave errno at 0 when it fails. */
static int failure(void)
{
	return errno ? errno : EIO;
}

bool selinux_is_on(void)
{
	return is_selinux_enabled() > 0;
}

bool selinux_is_enforcing(void)
{
	return security_getenforce() == 1;
}

int selinux_set_exec(const char *label, struct err *err)
{
	errno = 0;
	if (setexeccon_raw(label) < 0)
		return err_set(err, failure(), "set the SELinux exec label %s",
			       label ? label : "to none");
	return 0;
}

/*
 * Not by getpidcon(): once a process has changed its own label libselinux 3.4
 * answers with that, whomever it is asked about.
 */
int selinux_get_at(int proc_fd, char **ret_label, struct err *err)
{
	AUTO_FREE char *label = NULL;

	if (path_read_file(proc_fd, "attr/current", LABEL_MAX, &label, err) < 0)
		return err_wrap(err, "SELinux label");
	label[strcspn(label, "\n")] = '\0';
	if (!*label)
		return err_msg(err, ESRCH, "no SELinux label");
	*ret_label = take_ptr(label);
	return 0;
}

int selinux_get(pid_t pid, char **ret_label, struct err *err)
{
	AUTO_FREE char *path = xasprintf("/proc/%d", (int)pid);
	AUTO_FD int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "SELinux label: %s", path);
	if (selinux_get_at(fd, ret_label, err) < 0)
		return err_wrap(err, "process %d", (int)pid);
	return 0;
}

static int get_own(context_t *ret, struct err *err)
{
	AUTO_CON char *con = NULL;

	errno = 0;
	if (getcon_raw(&con) < 0)
		return err_set(err, failure(), "SELinux label of this process");
	*ret = context_new(con);
	return *ret ? 0 : err_set(err, failure(), "SELinux label %s", con);
}

/**
 * selinux_with() - This process's label with another type and range
 * @type:	"kata_proxy_t"; user and role stay
 * @range:	"s0:c1,c2"; NULL: it stays as well
 * @ret_label:	Owned by the caller
 * @err:	Filled on failure
 *
 * The kernel is asked whether the result exists in the loaded policy, so that
 * a missing module shows here and not as a failed exec.
 *
 * Return: 0; -EINVAL when the policy does not know the label; -errno
 */
int selinux_with(const char *type, const char *range, char **ret_label,
		 struct err *err)
{
	AUTO_CONTEXT context_t context = NULL;
	const char *label;

	if (get_own(&context, err) < 0)
		return -err->code;
	errno = 0;
	if (context_type_set(context, type) != 0 ||
	    (range && context_range_set(context, range) != 0))
		return err_set(err, failure(), "SELinux type %s", type);
	label = context_str(context);
	if (!label)
		return err_set(err, failure(), "SELinux label with type %s",
			       type);
	if (security_check_context_raw(label) == 0) {
		*ret_label = xstrdup(label);
		return 0;
	}
	if (errno != EINVAL)
		return err_set(err, failure(), "ask for the SELinux label %s",
			       label);
	return err_msg(
		err, EINVAL,
		"the SELinux policy has no label %s: is the kata module loaded?",
		label);
}

bool selinux_has_type(const char *label, const char *type)
{
	AUTO_CONTEXT context_t context = context_new(label);
	const char *have = context ? context_type_get(context) : NULL;

	return have && strcmp(have, type) == 0;
}

int selinux_exec_foreign(struct err *err)
{
	AUTO_CON char *caller = NULL, *own = NULL;

	if (!selinux_is_on())
		return 0;
	errno = 0;
	/* the label before this program was executed */
	if (getcon_raw(&own) < 0 || getprevcon_raw(&caller) < 0)
		return err_set(err, failure(), "SELinux label of the caller");
	return selinux_has_type(own, SELINUX_RUNTIME) ?
		       selinux_set_exec(caller, err) :
		       0;
}

void selinux_exec_done(void)
{
	struct err err = ERR_INIT;

	IGNORE(selinux_is_on() && selinux_set_exec(NULL, &err) < 0,
	       "the next execve asks for a label that it may not have, and fails");
}

int selinux_set_range(const char *range, struct err *err)
{
	AUTO_CONTEXT context_t context = NULL;
	const char *label;

	if (get_own(&context, err) < 0)
		return -err->code;
	errno = 0;
	if (context_range_set(context, range) != 0)
		return err_set(err, failure(), "SELinux range %s", range);
	label = context_str(context);
	if (!label || setcon_raw(label) < 0)
		return err_set(err, failure(), "take the SELinux range %s",
			       range);
	return 0;
}

int selinux_socket_plain(struct err *err)
{
	AUTO_CONTEXT context_t context = NULL;
	const char *label;

	if (!selinux_is_on())
		return 0;
	if (get_own(&context, err) < 0)
		return -err->code;
	if (strcmp(context_type_get(context), SELINUX_RUNTIME) != 0)
		return 0;
	errno = 0;
	if (context_range_set(context, "s0") != 0)
		return err_set(err, failure(), "SELinux range s0");
	label = context_str(context);
	if (!label || setsockcreatecon_raw(label) < 0)
		return err_set(err, failure(), "SELinux label of a socket");
	return 0;
}

void selinux_socket_done(void)
{
	IGNORE(selinux_is_on() && setsockcreatecon_raw(NULL) < 0,
	       "a socket without categories is no less than ours");
}

int selinux_set_create(const char *type, const char *level, struct err *err)
{
	AUTO_CONTEXT context_t context = NULL;
	const char *label = NULL;

	if (type) {
		if (get_own(&context, err) < 0)
			return -err->code;
		errno = 0;
		if (context_role_set(context, "object_r") != 0 ||
		    context_type_set(context, type) != 0 ||
		    context_range_set(context, level) != 0)
			return err_set(err, failure(), "SELinux type %s", type);
		label = context_str(context);
		if (!label)
			return err_set(err, failure(),
				       "SELinux label with type %s", type);
	}
	errno = 0;
	if (setfscreatecon_raw(label) < 0)
		return err_set(err, failure(), "SELinux label of new files %s",
			       label ? label : "to the policy's");
	return 0;
}

int selinux_create_plain(const char *type, struct err *err)
{
	AUTO_CONTEXT context_t context = NULL;

	if (!selinux_is_on())
		return 0;
	if (get_own(&context, err) < 0)
		return -err->code;
	if (strcmp(context_type_get(context), SELINUX_RUNTIME) != 0)
		return 0;
	return selinux_set_create(type, "s0", err);
}

void selinux_create_done(void)
{
	IGNORE(selinux_is_on() && setfscreatecon_raw(NULL) < 0,
	       "what is made next is refused, or no less than ours");
}

int selinux_is_permissive(const char *label, struct err *err)
{
	security_class_t process = string_to_security_class("process");
	struct av_decision decision;

	errno = 0;
	if (process == 0 || security_compute_av_flags_raw(label, label, process,
							  0, &decision) < 0)
		return err_set(err, failure(), "ask what %s may", label);
	return (decision.flags & SELINUX_AVD_FLAGS_PERMISSIVE) != 0;
}
