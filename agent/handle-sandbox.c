// SPDX-License-Identifier: Apache-2.0
/*
 * handle-sandbox.c - Health, CreateSandbox, DestroySandbox and requests about
 * the guest itself. Runs in kata-agent.
 *
 * #syscalls:agent umount2 mount
 */
#include "dispatch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "container.h"
#include "health.pb-c.h"
#include "log.h"
#include "mounts.h"
#include "path.h"

#define SEED_MAX 4096

int handle_check(const struct call *call,
		 const ProtobufCMessage *request UNUSED, struct err *err UNUSED)
{
	Grpc__HealthCheckResponse answer = GRPC__HEALTH_CHECK_RESPONSE__INIT;

	answer.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	call_reply(call, &answer.base);
	return 0;
}

int handle_version(const struct call *call,
		   const ProtobufCMessage *request UNUSED,
		   struct err *err UNUSED)
{
	Grpc__VersionCheckResponse answer = GRPC__VERSION_CHECK_RESPONSE__INIT;

	answer.grpc_version = (char *)"0.0.1";
	answer.agent_version = (char *)KATA_VERSION;
	call_reply(call, &answer.base);
	return 0;
}

/* --- storages ---------------------------------------------------------------- */

static const struct {
	const char *driver, *fstype;
	bool has_source; /* a tag of the host */
} drivers[] = {
	{ "virtio-fs", "virtiofs", true },
	{ "9p", "9p", true },
	{ "ephemeral", "tmpfs", false },
};

static int check_storage(const Grpc__Storage *storage, const char *where,
			 size_t *ret_driver, struct err *err)
{
	static const char prefix[] = AGENT_RUN_DIR "/";
	size_t i = 0;

	while (i < ARRAY_SIZE(drivers) &&
	       strcmp(drivers[i].driver, storage->driver) != 0)
		i++;
	if (i == ARRAY_SIZE(drivers))
		return err_msg(err, EOPNOTSUPP,
			       "%s.driver: \"%.32s\" is not supported", where,
			       storage->driver);
	if (storage->fstype[0] && strcmp(storage->fstype, drivers[i].fstype) != 0)
		return err_msg(err, EINVAL, "%s.fstype: must be %s", where,
			       drivers[i].fstype);
	if (storage->n_driver_options)
		return err_msg(err, EOPNOTSUPP,
			       "%s.driver_options: not supported", where);
	if (storage->fs_group)
		return err_msg(err, EOPNOTSUPP, "%s.fs_group: not supported",
			       where);
	if (strncmp(storage->mount_point, prefix, sizeof(prefix) - 1) != 0 ||
	    strstr(storage->mount_point, ".."))
		return err_msg(err, EINVAL,
			       "%s.mount_point: must be below " AGENT_RUN_DIR,
			       where);
	*ret_driver = i;
	return 0;
}

/* Attribute words and file system options share one list. */
static int split_options(const Grpc__Storage *storage, const char *where,
			 struct strv *ret_data, uint64_t *ret_attrs,
			 struct err *err)
{
	struct mount_request request = { .destination = "/storage",
					 .source = "",
					 .type = "tmpfs",
					 .options = storage->options,
					 .option_count = storage->n_options };
	struct mount_plan plan;
	int r = mount_plan_parse(&request, where, &plan, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < plan.data.count; i++)
		strv_add(ret_data, plan.data.item[i]);
	*ret_attrs = plan.attr_set;
	mount_plan_done(&plan);
	return 0;
}

static int mount_storage(struct agent *agent, const Grpc__Storage *storage,
			 const char *where, struct err *err)
{
	struct strv data = { 0 };
	AUTO_FD int target_fd = -1;
	AUTO_FD int tree_fd = -1;
	uint64_t attrs = 0;
	size_t driver = 0;
	int r = check_storage(storage, where, &driver, err);

	if (r == 0)
		r = split_options(storage, where, &data, &attrs, err);
	if (r == 0 && drivers[driver].has_source)
		strv_addf(&data, "source=%s", storage->source);
	if (r < 0) {
		strv_done(&data);
		return r;
	}
	tree_fd = mount_make(drivers[driver].fstype, &data, attrs, err);
	strv_done(&data);
	if (tree_fd < 0)
		return err_wrap(err, "%s", where);
	target_fd = path_mkdirs_in_root(
		agent->share_fd, storage->mount_point + strlen(AGENT_RUN_DIR),
		0755, err);
	r = target_fd < 0 ? target_fd : mount_attach(tree_fd, target_fd, err);
	if (r < 0)
		return err_wrap(err, "%s", where);
	strv_add(&agent->storages, storage->mount_point);
	return 0;
}

/* --- sandbox ------------------------------------------------------------------ */

static int check_sandbox(const Grpc__CreateSandboxRequest *request,
			 struct err *err)
{
	int r = 0;

	if (request->n_dns)
		return err_msg(err, EOPNOTSUPP,
			       "dns: the engine's resolv.conf is used");
	if (request->sandbox_pidns)
		return err_msg(err, EOPNOTSUPP, "sandbox_pidns: not supported");
	if (request->guest_hook_path[0])
		return err_msg(err, EOPNOTSUPP,
			       "guest_hook_path: not supported");
	if (request->n_kernel_modules)
		return err_msg(err, EOPNOTSUPP,
			       "kernel_modules: the kernel has none");
	if (request->n_storages > AGENT_STORAGES_MAX)
		return err_msg(err, EINVAL, "storages: too many");
	if (request->sandbox_id[0])
		r = ids_check(request->sandbox_id, err);
	return r < 0 ? err_wrap(err, "sandbox_id") : 0;
}

/* One ioctl: a list of links by netlink costs ten times that. */
static int loopback_up(struct err *err)
{
	AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (fd < 0)
		return err_set(err, errno, "loopback: socket");
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return err_set(err, errno, "loopback: set up");
	return 0;
}

static void undo_storages(struct agent *agent)
{
	for (size_t i = agent->storages.count; i-- > 0;)
		IGNORE(umount2(agent->storages.item[i], MNT_DETACH),
		       "the error that led here is told");
	strv_done(&agent->storages);
}

int handle_create_sandbox(const struct call *call,
			  const ProtobufCMessage *request, struct err *err)
{
	const Grpc__CreateSandboxRequest *from =
		(const Grpc__CreateSandboxRequest *)request;
	struct agent *agent = call->agent;
	int r = check_sandbox(from, err);

	if (r < 0)
		return r;
	if (agent->state == SANDBOX_READY) {
		if (strcmp(agent->sandbox_id, from->sandbox_id) != 0)
			return err_msg(err, EEXIST,
				       "the guest already is sandbox %s",
				       agent->sandbox_id);
		call_reply_empty(call);
		return 0;
	}
	for (size_t i = 0; r == 0 && i < from->n_storages; i++) {
		char where[32];

		snprintf(where, sizeof(where), "storages[%zu]", i);
		r = mount_storage(agent, from->storages[i], where, err);
	}
	if (r == 0 && from->hostname[0] &&
	    sethostname(from->hostname, strlen(from->hostname)) < 0)
		r = err_set(err, errno, "hostname");
	if (r == 0)
		r = loopback_up(err);
	if (r < 0) {
		undo_storages(agent);
		return r;
	}
	agent->sandbox_id = xstrdup(from->sandbox_id);
	agent->state = SANDBOX_READY;
	call_reply_empty(call);
	return 0;
}

int handle_destroy_sandbox(const struct call *call,
			   const ProtobufCMessage *request UNUSED,
			   struct err *err)
{
	struct agent *agent = call->agent;

	if (agent->state == SANDBOX_NONE || agent->state == SANDBOX_ENDED) {
		agent->state = SANDBOX_ENDED;
		call_reply_empty(call);
		return 0;
	}
	if (agent->destroy_stream)
		return err_msg(err, EBUSY, "the sandbox is ending already");
	agent->state = SANDBOX_ENDING;
	agent->destroy_stream = call->stream;
	for (struct container *at = agent->containers; at; at = at->next) {
		struct err kill_err = ERR_INIT;

		at->removing = true;
		if (container_kill_all(at, &kill_err) < 0)
			log_err("%s: %s", at->id, kill_err.text);
	}
	container_check_removal(agent);
	return 0;
}

/* --- the guest ---------------------------------------------------------------- */

int handle_guest_details(const struct call *call,
			 const ProtobufCMessage *request UNUSED,
			 struct err *err UNUSED)
{
	static char *features[] = { (char *)AGENT_FEATURE };
	static char *storage_names[ARRAY_SIZE(drivers)];
	Grpc__GuestDetailsResponse answer = GRPC__GUEST_DETAILS_RESPONSE__INIT;
	Grpc__AgentDetails details = GRPC__AGENT_DETAILS__INIT;

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		storage_names[i] = (char *)(uintptr_t)drivers[i].driver;
	details.version = (char *)KATA_VERSION;
	details.init_daemon = true;
	details.supports_seccomp = true;
	details.n_storage_handlers = ARRAY_SIZE(storage_names);
	details.storage_handlers = storage_names;
	details.n_extra_features = ARRAY_SIZE(features);
	details.extra_features = features;
	answer.agent_details = &details;
	call_reply(call, &answer.base);
	return 0;
}

int handle_set_date_time(const struct call *call,
			 const ProtobufCMessage *request, struct err *err)
{
	const Grpc__SetGuestDateTimeRequest *from =
		(const Grpc__SetGuestDateTimeRequest *)request;
	struct timespec now = { .tv_sec = from->sec,
				.tv_nsec = from->usec * 1000 };

	if (from->usec < 0 || from->usec > 999999)
		return err_msg(err, EINVAL, "Usec: out of range");
	if (clock_settime(CLOCK_REALTIME, &now) < 0)
		return err_set(err, errno, "set the clock");
	call_reply_empty(call);
	return 0;
}

int handle_reseed(const struct call *call, const ProtobufCMessage *request,
		  struct err *err)
{
	const Grpc__ReseedRandomDevRequest *from =
		(const Grpc__ReseedRandomDevRequest *)request;
	AUTO_FREE struct rand_pool_info *pool = NULL;
	AUTO_FD int fd = -1;

	if (!from->data.len || from->data.len > SEED_MAX)
		return err_msg(err, EINVAL, "data: 1 to %d bytes", SEED_MAX);
	fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "open /dev/urandom");
	pool = xcalloc(1, sizeof(*pool) + SEED_MAX);
	pool->entropy_count = (int)from->data.len * 8;
	pool->buf_size = (int)from->data.len;
	memcpy(pool->buf, from->data.data, from->data.len);
	if (ioctl(fd, RNDADDENTROPY, pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		return err_set(err, errno, "reseed");
	call_reply_empty(call);
	return 0;
}
