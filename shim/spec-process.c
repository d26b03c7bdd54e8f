// SPDX-License-Identifier: Apache-2.0
/*
 * spec-process.c - OCI process to protobuf, for containers and execs.
 *
 * Runs in kata-shim. Needs no rights; its input is the engine's, checked by
 * lib/oci. Messages are built from malloc'ed parts, so that protobuf-c's own
 * free function releases them.
 */
#include "agent.pb-c.h"
#include "alloc.h"
#include "shim.h"

char **spec_strings(const struct strv *list, size_t *ret_count)
{
	char **copy = NULL;

	*ret_count = list->count;
	if (!list->count)
		return NULL;
	copy = xcalloc(list->count, sizeof(*copy));
	for (size_t i = 0; i < list->count; i++)
		copy[i] = xstrdup(list->item[i]);
	return copy;
}

static Grpc__User *user_message(const struct oci_user *user)
{
	Grpc__User *out = xcalloc(1, sizeof(*out));

	grpc__user__init(out);
	out->uid = user->uid;
	out->gid = user->gid;
	if (user->additional_gid_count) {
		out->n_additionalgids = user->additional_gid_count;
		out->additionalgids = xcalloc(user->additional_gid_count,
					      sizeof(*out->additionalgids));
		for (size_t i = 0; i < user->additional_gid_count; i++)
			out->additionalgids[i] = user->additional_gids[i];
	}
	if (user->username)
		out->username = xstrdup(user->username);
	if (user->has_umask) {
		out->has_umask_case = GRPC__USER__HAS_UMASK_UMASK;
		out->umask = user->umask;
	}
	return out;
}

static Grpc__LinuxCapabilities *caps_message(const struct oci_caps *caps)
{
	Grpc__LinuxCapabilities *out = xcalloc(1, sizeof(*out));

	grpc__linux_capabilities__init(out);
	out->bounding = spec_strings(&caps->bounding, &out->n_bounding);
	out->effective = spec_strings(&caps->effective, &out->n_effective);
	out->inheritable = spec_strings(&caps->inheritable, &out->n_inheritable);
	out->permitted = spec_strings(&caps->permitted, &out->n_permitted);
	out->ambient = spec_strings(&caps->ambient, &out->n_ambient);
	return out;
}

static void rlimits_fill(Grpc__Process *out, const struct oci_process *process)
{
	out->n_rlimits = process->rlimit_count;
	out->rlimits = xcalloc(process->rlimit_count, sizeof(*out->rlimits));
	for (size_t i = 0; i < process->rlimit_count; i++) {
		Grpc__POSIXRlimit *one = xcalloc(1, sizeof(*one));

		grpc__posixrlimit__init(one);
		one->type = xstrdup(process->rlimits[i].type);
		one->hard = process->rlimits[i].hard;
		one->soft = process->rlimits[i].soft;
		out->rlimits[i] = one;
	}
}

/**
 * spec_process() - Build the Process message
 * @process:	From lib/oci
 *
 * The SELinux label stays on the host: it confines the VM. The name of an
 * AppArmor profile goes along for the record.
 *
 * Return: message, owned by the caller
 */
struct Grpc__Process *spec_process(const struct oci_process *process)
{
	Grpc__Process *out = xcalloc(1, sizeof(*out));

	grpc__process__init(out);
	out->terminal = process->terminal;
	if (process->console_height && process->console_width) {
		out->consolesize = xcalloc(1, sizeof(*out->consolesize));
		grpc__box__init(out->consolesize);
		out->consolesize->height = process->console_height;
		out->consolesize->width = process->console_width;
	}
	out->user = user_message(&process->user);
	out->args = spec_strings(&process->args, &out->n_args);
	out->env = spec_strings(&process->env, &out->n_env);
	out->cwd = xstrdup(process->cwd ? process->cwd : "/");
	if (process->has_caps)
		out->capabilities = caps_message(&process->caps);
	if (process->rlimit_count)
		rlimits_fill(out, process);
	out->nonewprivileges = process->no_new_privileges;
	if (process->apparmor_profile)
		out->apparmorprofile = xstrdup(process->apparmor_profile);
	if (process->has_oom_score_adj)
		out->oomscoreadj = process->oom_score_adj;
	return out;
}

/* The request of ExecProcess. */
struct ProtobufCMessage *spec_to_exec(const struct shim *shim)
{
	Grpc__ExecProcessRequest *out = xcalloc(1, sizeof(*out));

	grpc__exec_process_request__init(out);
	out->container_id = xstrdup(shim->id);
	out->exec_id = xstrdup(shim->process_id);
	out->process = spec_process(shim->process);
	out->hold = true; /* until the runtime has compared what was read back */
	return &out->base;
}
