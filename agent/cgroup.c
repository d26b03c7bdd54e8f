// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup.c - sets the limits of a container in the guest, at its creation and
 * while it lives. Runs in kata-agent as guest root; input is a plan of
 * cgroup-plan.c. A file that the guest's kernel does not have is an error
 * that names the setting. An update is made whole or not at all: what a file
 * said is kept, and written back when a later one refuses.
 */
#include "cgroup.h"

#include <errno.h>
#include <string.h>

#include "auto.h"
#include "hooks.h"
#include "log.h"
#include "path.h"

#define OLD_MAX 4096

/* A file that is missing is a controller that this kernel does not have. */
static int explain(const struct cgroup_write *write, struct err *err)
{
	if (err->code == ENOENT)
		return err_msg(err, EOPNOTSUPP,
			       "%s: the guest's kernel has no %.64s",
			       write->where, write->file);
	return err_wrap(err, "%s", write->where);
}

static int write_one(int cgroup_fd, const struct cgroup_write *write,
		     struct err *err)
{
	int r = path_write_file(cgroup_fd, write->file, write->text, err);

	return r < 0 ? explain(write, err) : 0;
}

/**
 * cgroup_apply() - All of linux.resources, for a cgroup without processes
 * @cgroup_fd:	The container's cgroup, a directory
 * @resources:	As the host sent it, may be NULL
 * @err:	Filled on failure, with the JSON path
 *
 * Return: 0 or -errno
 */
int cgroup_apply(int cgroup_fd, const Grpc__LinuxResources *resources,
		 struct err *err)
{
	struct cgroup_plan plan = { 0 };
	int r;

	if (!resources)
		return device_filter_attach(cgroup_fd, NULL, 0, err);
	r = cgroup_plan_make(cgroup_fd, resources, &plan, err);
	for (size_t i = 0;
	     r == 0 && i < plan.count && !hook_is_broken("limits"); i++)
		r = write_one(cgroup_fd, &plan.writes[i], err);
	cgroup_plan_done(&plan);
	if (r == 0 && !hook_is_broken("devices"))
		r = device_filter_attach(cgroup_fd, resources->devices,
					 resources->n_devices, err);
	return r;
}

/*
 * One line, as it is written back. A file that cannot be read, or that holds
 * a table, cannot be put back, so it is not touched.
 */
static int read_old(int cgroup_fd, const struct cgroup_write *write,
		    char **ret_old, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = path_read_file(cgroup_fd, write->file, OLD_MAX, &text, err);
	char *end;

	if (r < 0)
		return explain(write, err);
	end = strchr(text, '\n');
	if (end && end[1])
		return err_msg(
			err, EOPNOTSUPP,
			"%s: a table cannot be changed while the container runs",
			write->where);
	/* Nothing at all would not be a write: an empty list is a bare line. */
	if (end && end != text)
		*end = '\0';
	*ret_old = text[0] ? take_ptr(text) : xstrdup("\n");
	return 0;
}

/* Newest first. Return: whether everything is as it was. */
static bool write_back(int cgroup_fd, const struct cgroup_plan *plan,
		       char *const *old, size_t count)
{
	struct err err = ERR_INIT;
	bool fine = true;

	while (count-- > 0) {
		if (path_write_file(cgroup_fd, plan->writes[count].file,
				    old[count], &err) == 0)
			continue;
		log_err("undo an update: %s", err.text);
		fine = false;
	}
	return fine;
}

static int update(int cgroup_fd, const struct cgroup_plan *plan, char **old,
		  struct err *err)
{
	size_t done = 0;
	int r = 0;

	while (r == 0 && done < plan->count) {
		const struct cgroup_write *write = &plan->writes[done];

		r = read_old(cgroup_fd, write, &old[done], err);
		if (r == 0)
			r = write_one(cgroup_fd, write, err);
		if (r == 0)
			done++;
	}
	if (r < 0 && !write_back(cgroup_fd, plan, old, done))
		err_wrap(err, "partly applied, the guest's log says what");
	return r;
}

/**
 * cgroup_update() - Changes what is given, while the container lives
 * @cgroup_fd:	The container's cgroup, a directory
 * @resources:	As the host sent it
 * @err:	Filled on failure, with the JSON path
 *
 * The device filter stays as it was made: rules that could be loosened later
 * would not be what was verified before the start.
 *
 * Return: 0, or -errno and everything is as before
 */
int cgroup_update(int cgroup_fd, const Grpc__LinuxResources *resources,
		  struct err *err)
{
	struct cgroup_plan plan = { 0 };
	char **old;
	int r;

	if (resources->n_devices)
		return err_msg(
			err, EOPNOTSUPP,
			"linux.resources.devices: cannot be changed while the container runs");
	r = cgroup_plan_make(cgroup_fd, resources, &plan, err);
	old = xcalloc(plan.count ? plan.count : 1, sizeof(*old));
	if (r == 0)
		r = update(cgroup_fd, &plan, old, err);
	for (size_t i = 0; i < plan.count; i++)
		free(old[i]);
	free(old);
	cgroup_plan_done(&plan);
	return r;
}
