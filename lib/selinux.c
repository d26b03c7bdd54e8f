// SPDX-License-Identifier: Apache-2.0
/*
 * selinux.c - SELinux labels; the only user of libselinux. Runs in
 * kata-runtime (reads labels of jailed processes) and kata-jailer (chooses the
 * label of what it executes). Needs no right but what the policy gives.
 */
#include "selinux.h"

#include <errno.h>
#include <selinux/context.h>
#include <selinux/selinux.h>
#include <string.h>

#include "alloc.h"

static void auto_con_(char **con)
{
	if (*con)
		freecon(*con);
}

static void auto_context_(context_t *context)
{
	if (*context)
		context_free(*context);
}

/* libselinux may leave errno at 0 when it fails. */
static int failure(void)
{
	return errno ? errno : EIO;
}

bool selinux_is_on(void)
{
	return is_selinux_enabled() > 0;
}

int selinux_set_exec(const char *label, struct err *err)
{
	errno = 0;
	if (setexeccon(label) < 0)
		return err_set(err, failure(), "set the SELinux exec label %s",
			       label ? label : "to none");
	return 0;
}

int selinux_get(pid_t pid, char **ret_label, struct err *err)
{
	__attribute__((cleanup(auto_con_))) char *con = NULL;

	errno = 0;
	if (getpidcon(pid, &con) < 0)
		return err_set(err, failure(), "SELinux label of process %d",
			       (int)pid);
	*ret_label = xstrdup(con);
	return 0;
}

/**
 * selinux_with_type() - The caller's label with another type
 * @type:	"kata_qemu_t"; user, role and level stay
 * @ret_label:	Owned by the caller
 * @err:	Filled on failure
 *
 * The kernel is asked whether the result exists in the loaded policy, so that
 * a missing module shows here and not as a failed exec.
 *
 * Return: 0; -EINVAL when the policy does not know the label; -errno
 */
int selinux_with_type(const char *type, char **ret_label, struct err *err)
{
	__attribute__((cleanup(auto_con_))) char *con = NULL;
	__attribute__((cleanup(auto_context_))) context_t context = NULL;
	const char *label;

	errno = 0;
	if (getcon(&con) < 0)
		return err_set(err, failure(), "SELinux label of this process");
	context = context_new(con);
	if (!context || context_type_set(context, type) != 0)
		return err_set(err, failure(), "SELinux type %s in label %s",
			       type, con);
	label = context_str(context);
	if (!label)
		return err_set(err, failure(), "SELinux label with type %s",
			       type);
	if (security_check_context(label) < 0)
		return err_msg(
			err, EINVAL,
			"the SELinux policy has no label %s: load the kata module",
			label);
	*ret_label = xstrdup(label);
	return 0;
}
