// SPDX-License-Identifier: Apache-2.0
/*
 * sdbus.c - calls to a manager of systemd's by sd-bus, in kata-runtime. The
 * only file that sees libsystemd, and it by dlopen(3): nine libraries come with
 * it, and of kata-runtime's commands only those that make, change or end a
 * scope, and only where the engine wants systemd, shall load them. Needs no
 * right but to connect. The peer is the caller's own service manager or the
 * system's; its messages are checked by sd-bus.
 */
#include "sdbus.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "auto.h"
#include "num.h"

#define LIBRARY "libsystemd.so.0"
#define SERVICE "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER SERVICE ".Manager"
#define PRIVATE "/systemd/private" /* how the path of its own socket ends */
#define CALL_USEC (10 * 1000000ull)

#define CALLS(X)                                                               \
	X(sd_bus_call)                                                         \
	X(sd_bus_close)                                                        \
	X(sd_bus_error_free)                                                   \
	X(sd_bus_get_fd)                                                       \
	X(sd_bus_get_property_string)                                          \
	X(sd_bus_is_ready)                                                     \
	X(sd_bus_match_signal)                                                 \
	X(sd_bus_message_append)                                               \
	X(sd_bus_message_append_array)                                         \
	X(sd_bus_message_append_strv)                                          \
	X(sd_bus_message_close_container)                                      \
	X(sd_bus_message_get_sender)                                           \
	X(sd_bus_message_new_method_call)                                      \
	X(sd_bus_message_open_container)                                       \
	X(sd_bus_message_read)                                                 \
	X(sd_bus_message_unref)                                                \
	X(sd_bus_new)                                                          \
	X(sd_bus_process)                                                      \
	X(sd_bus_set_address)                                                  \
	X(sd_bus_set_bus_client)                                               \
	X(sd_bus_set_method_call_timeout)                                      \
	X(sd_bus_slot_unref)                                                   \
	X(sd_bus_start)                                                        \
	X(sd_bus_unref)                                                        \
	X(sd_bus_wait)

#define MEMBER(name) __typeof__(name) *name;
static struct {
	void *library;
	CALLS(MEMBER)
} sd;

struct sdbus {
	sd_bus *bus;
	bool direct; /* its own socket: messages have no sender there */
	uint32_t version;
};

struct answer {
	char *sender; /* ":1.5", which the bus vouches for; NULL without one */
	char *path;
};

struct job {
	const struct sdbus *bus;
	struct answer answer;
	char *result; /* set once it is removed */
};

/* --- properties ---------------------------------------------------------- */

static void clear_property(struct sdbus_property *p)
{
	free(p->name);
	free(p->text);
	free(p->bytes);
	strv_done(&p->texts);
	*p = (struct sdbus_property){ 0 };
}

static struct sdbus_property *add(struct sdbus_properties *list,
				  const char *name, enum sdbus_type type)
{
	struct sdbus_property *p = NULL;

	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->item[i].name, name) == 0)
			p = &list->item[i];
	if (p) {
		clear_property(p);
	} else {
		list->item = xgrow(list->item, list->count, list->count + 1,
				   sizeof(*list->item));
		p = &list->item[list->count++];
	}
	p->name = xstrdup(name);
	p->type = type;
	return p;
}

void sdbus_add_number(struct sdbus_properties *list, const char *name,
		      enum sdbus_type type, uint64_t number)
{
	add(list, name, type)->number = number;
}

void sdbus_add_text(struct sdbus_properties *list, const char *name,
		    const char *text)
{
	add(list, name, SDBUS_STRING)->text = xstrdup(text);
}

void sdbus_add_texts(struct sdbus_properties *list, const char *name,
		     const struct strv *texts)
{
	struct sdbus_property *p = add(list, name, SDBUS_STRINGS);

	for (size_t i = 0; i < texts->count; i++)
		strv_add(&p->texts, texts->item[i]);
}

void sdbus_add_bytes(struct sdbus_properties *list, const char *name,
		     const uint8_t *bytes, size_t length)
{
	struct sdbus_property *p = add(list, name, SDBUS_BYTES);

	p->bytes = xcalloc(1, length);
	memcpy(p->bytes, bytes, length);
	p->length = length;
}

void sdbus_properties_done(struct sdbus_properties *list)
{
	for (size_t i = 0; i < list->count; i++)
		clear_property(&list->item[i]);
	free(list->item);
	*list = (struct sdbus_properties){ 0 };
}

static int append_value(sd_bus_message *m, const struct sdbus_property *p)
{
	switch (p->type) {
	case SDBUS_BOOL:
		return sd.sd_bus_message_append(m, "b", (int)p->number);
	case SDBUS_I32:
		return sd.sd_bus_message_append(m, "i", (int32_t)p->number);
	case SDBUS_U64:
		return sd.sd_bus_message_append(m, "t", p->number);
	case SDBUS_STRING:
		return sd.sd_bus_message_append(m, "s", p->text);
	case SDBUS_STRINGS:
		return sd.sd_bus_message_append_strv(m, p->texts.item);
	case SDBUS_BYTES:
		return sd.sd_bus_message_append_array(m, 'y', p->bytes,
						      p->length);
	default:
		return sd.sd_bus_message_append(m, "au", 1, (uint32_t)p->number);
	}
}

static int append_property(sd_bus_message *m, const struct sdbus_property *p)
{
	static const char *const signature[] = {
		[SDBUS_BOOL] = "b",	[SDBUS_I32] = "i",
		[SDBUS_U64] = "t",	[SDBUS_STRING] = "s",
		[SDBUS_STRINGS] = "as", [SDBUS_BYTES] = "ay",
		[SDBUS_PIDS] = "au",
	};
	int r = sd.sd_bus_message_open_container(m, 'r', "sv");

	if (r >= 0)
		r = sd.sd_bus_message_append(m, "s", p->name);
	if (r >= 0)
		r = sd.sd_bus_message_open_container(m, 'v', signature[p->type]);
	if (r >= 0)
		r = append_value(m, p);
	if (r >= 0)
		r = sd.sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd.sd_bus_message_close_container(m);
	return r;
}

static int append_properties(sd_bus_message *m,
			     const struct sdbus_properties *list)
{
	int r = sd.sd_bus_message_open_container(m, 'a', "(sv)");

	for (size_t i = 0; i < list->count && r >= 0; i++)
		r = append_property(m, &list->item[i]);
	return r < 0 ? r : sd.sd_bus_message_close_container(m);
}

/* --- connection ---------------------------------------------------------- */

static int load_library(struct err *err)
{
	void *library;

	if (sd.library)
		return 0;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_msg(err, ENOPKG, "%s", dlerror());
#define FIND(name)                                                             \
	*(void **)&sd.name = dlsym(library, #name);                            \
	if (!sd.name) {                                                        \
		dlclose(library);                                              \
		return err_msg(err, ENOPKG, LIBRARY " has no " #name);         \
	}
	CALLS(FIND)
#undef FIND
	sd.library = library;
	return 0;
}

/* What the peer said, else what errno says; the error is freed. */
static int fail(sd_bus_error *error, int r, struct err *err, const char *what,
		const char *which)
{
	static const struct {
		const char *name;
		int code;
	} known[] = {
		{ SERVICE ".UnitExists", EEXIST },
		{ SERVICE ".NoSuchUnit", ENOENT },
		{ "org.freedesktop.DBus.Error.ServiceUnknown", EHOSTUNREACH },
		{ "org.freedesktop.DBus.Error.NameHasNoOwner", EHOSTUNREACH },
	};
	int code = -r;

	for (size_t i = 0; error->name && i < ARRAY_SIZE(known); i++)
		if (strcmp(error->name, known[i].name) == 0)
			code = known[i].code;
	if (error->message)
		err_msg(err, code, "systemd: %s %s: %s", what, which,
			error->message);
	else
		err_set(err, code, "systemd: %s %s", what, which);
	sd.sd_bus_error_free(error);
	return -err->code;
}

static int read_version(struct sdbus *bus, const char *address, struct err *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *digits = NULL;
	int r = sd.sd_bus_get_property_string(
		bus->bus, SERVICE, OBJECT, MANAGER, "Version", &error, &text);

	if (r < 0)
		return fail(&error, r, err, "at", address);
	digits = xstrndup(text, strspn(text, "0123456789"));
	if (num_parse_u32(digits, UINT32_MAX, &bus->version) < 0)
		bus->version = 0;
	return 0;
}

static bool is_private(const char *address)
{
	size_t len = strlen(address), tail = strlen(PRIVATE);

	return len >= tail && strcmp(address + len - tail, PRIVATE) == 0;
}

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/*
 * Who listens, as the kernel noted when he began to. A session bus in /tmp
 * leaves its address behind, where anybody can listen after it; what he would
 * say of control groups and jobs is believed. Not a UNIX socket: uid -1.
 */
static int check_peer(const struct sdbus *bus, const char *address,
		      struct err *err)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);
	int fd = sd.sd_bus_get_fd(bus->bus);

	if (fd < 0)
		return err_set(err, -fd, "systemd: at %s", address);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return err_set(err, errno, "systemd: who is at %s", address);
	if (peer.uid != 0 && peer.uid != geteuid())
		return err_msg(err, EPERM,
			       "systemd: at %s: uid %d listens there, who is "
			       "neither this user nor root: refused",
			       address, (int)peer.uid);
	return 0;
}

/* Authentication, and on a bus its welcome; sd-bus waits 90 s for the first. */
static int wait_until_ready(struct sdbus *bus, const char *address,
			    int timeout_ms, struct err *err)
{
	uint64_t end = now_usec() + (uint64_t)timeout_ms * 1000;

	while (sd.sd_bus_is_ready(bus->bus) <= 0) {
		int r = sd.sd_bus_process(bus->bus, NULL);
		uint64_t now = now_usec();

		if (r >= 0 && now >= end)
			return err_msg(err, ETIMEDOUT,
				       "systemd: at %s: no answer within %d ms",
				       address, timeout_ms);
		if (r == 0)
			r = sd.sd_bus_wait(bus->bus, end - now);
		if (r < 0 && r != -EINTR)
			return err_set(err, -r, "systemd: at %s", address);
	}
	return 0;
}

int sdbus_open(const char *address, int timeout_ms, struct sdbus **ret,
	       struct err *err)
{
	AUTO_SDBUS struct sdbus *bus = NULL;
	int r;

	if (load_library(err) < 0)
		return -err->code;
	bus = xcalloc(1, sizeof(*bus));
	bus->direct = is_private(address);
	r = sd.sd_bus_new(&bus->bus);
	if (r >= 0)
		r = sd.sd_bus_set_address(bus->bus, address);
	if (r >= 0)
		r = sd.sd_bus_set_bus_client(bus->bus, !bus->direct);
	if (r >= 0)
		r = sd.sd_bus_set_method_call_timeout(bus->bus, CALL_USEC);
	if (r >= 0)
		r = sd.sd_bus_start(bus->bus);
	if (r < 0)
		return err_set(err, -r, "systemd: at %s", address);
	if (check_peer(bus, address, err) < 0 ||
	    wait_until_ready(bus, address, timeout_ms, err) < 0)
		return -err->code;
	if (read_version(bus, address, err) < 0)
		return -err->code;
	*ret = take_ptr(bus);
	return 0;
}

void sdbus_close(struct sdbus *bus)
{
	if (!bus)
		return;
	/* Every call was waited for; to flush would wait for what is not ready. */
	sd.sd_bus_close(bus->bus);
	sd.sd_bus_unref(bus->bus);
	free(bus);
}

uint32_t sdbus_version(const struct sdbus *bus)
{
	return bus->version;
}

/* --- calls --------------------------------------------------------------- */

static int new_call(struct sdbus *bus, const char *method, sd_bus_message **ret)
{
	return sd.sd_bus_message_new_method_call(bus->bus, ret, SERVICE, OBJECT,
						 MANAGER, method);
}

static void answer_done(struct answer *answer)
{
	free(answer->sender);
	free(answer->path);
}

/*
 * Sends the message, which is freed, unless r says that making it failed.
 * ret: of an answer that must have an object path; NULL: none is wanted.
 */
static int call(struct sdbus *bus, int r, sd_bus_message *m, const char *what,
		const char *unit, struct answer *ret, struct err *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *path = NULL, *sender = NULL;

	if (r >= 0)
		r = sd.sd_bus_call(bus->bus, m, CALL_USEC, &error, &reply);
	if (r >= 0 && ret)
		r = sd.sd_bus_message_read(reply, "o", &path);
	if (r >= 0 && ret) {
		sender = sd.sd_bus_message_get_sender(reply);
		ret->sender = sender ? xstrdup(sender) : NULL;
		ret->path = xstrdup(path);
	}
	sd.sd_bus_message_unref(m);
	sd.sd_bus_message_unref(reply);
	return r < 0 ? fail(&error, r, err, what, unit) : 0;
}

/* Also where somebody else with this connection did before. */
static int subscribe(struct sdbus *bus, struct err *err)
{
	sd_bus_message *m = NULL;
	int r = new_call(bus, "Subscribe", &m);

	return call(bus, r, m, "subscribe to", "signals", NULL, err);
}

/*
 * A bus filters what is told to all, by the name systemd has; anybody on it can
 * still send one to this connection alone, and libsystemd lets it through.
 */
static bool is_from_manager(const struct job *job, sd_bus_message *m)
{
	const char *sender = sd.sd_bus_message_get_sender(m);

	if (job->bus->direct)
		return true; /* nobody else is there */
	return sender && job->answer.sender &&
	       strcmp(sender, job->answer.sender) == 0;
}

static int on_removed(sd_bus_message *m, void *arg, sd_bus_error *error UNUSED)
{
	const char *path, *unit, *result;
	struct job *job = arg;
	uint32_t number;

	if (!job->result && is_from_manager(job, m) &&
	    sd.sd_bus_message_read(m, "uoss", &number, &path, &unit, &result) >=
		    0 &&
	    job->answer.path && strcmp(job->answer.path, path) == 0)
		job->result = xstrdup(result);
	return 0;
}

/*
 * Until the job is removed. sd-bus kept what came before its path was known.
 * The time counts also while messages keep coming: they may be anybody's.
 */
static int wait_for_job(struct sdbus *bus, struct job *job, const char *what,
			const char *unit, int timeout_ms, struct err *err)
{
	uint64_t end = now_usec() + (uint64_t)timeout_ms * 1000;

	while (!job->result) {
		int r = sd.sd_bus_process(bus->bus, NULL);
		uint64_t now = now_usec();

		if (!job->result && now >= end)
			return err_msg(
				err, ETIME,
				"systemd: %s %s: not done within %d seconds",
				what, unit, timeout_ms / 1000);
		if (r == 0)
			r = sd.sd_bus_wait(bus->bus, end - now);
		if (r < 0 && r != -EINTR)
			return err_set(err, -r, "systemd: %s %s", what, unit);
	}
	if (strcmp(job->result, "done") != 0)
		return err_msg(err, EIO,
			       "systemd: %s %s: the job's result is %.32s",
			       what, unit, job->result);
	return 0;
}

/* A method that answers with a job, and the job's end. Frees m. */
static int run_job(struct sdbus *bus, int made, sd_bus_message *m,
		   const char *what, const char *unit, int timeout_ms,
		   struct err *err)
{
	struct job job = { .bus = bus };
	sd_bus_slot *slot = NULL;
	int r = sd.sd_bus_match_signal(bus->bus, &slot,
				       bus->direct ? NULL : SERVICE, OBJECT,
				       MANAGER, "JobRemoved", on_removed, &job);

	if (r < 0) {
		sd.sd_bus_message_unref(m);
		return err_set(err, -r, "systemd: listen for JobRemoved");
	}
	r = call(bus, made, m, what, unit, &job.answer, err);
	if (r == 0)
		r = wait_for_job(bus, &job, what, unit, timeout_ms, err);
	sd.sd_bus_slot_unref(slot);
	answer_done(&job.answer);
	free(job.result);
	return r;
}

int sdbus_start_scope(struct sdbus *bus, const char *unit,
		      const struct sdbus_properties *properties, int timeout_ms,
		      struct err *err)
{
	sd_bus_message *m = NULL;
	int r;

	if (subscribe(bus, err) < 0)
		return -err->code;
	r = new_call(bus, "StartTransientUnit", &m);
	if (r >= 0)
		r = sd.sd_bus_message_append(m, "ss", unit, "fail");
	if (r >= 0)
		r = append_properties(m, properties);
	if (r >= 0)
		r = sd.sd_bus_message_append(m, "a(sa(sv))", 0);
	return run_job(bus, r, m, "start", unit, timeout_ms, err);
}

int sdbus_reset_failed(struct sdbus *bus, const char *unit, struct err *err)
{
	sd_bus_message *m = NULL;
	int r = new_call(bus, "ResetFailedUnit", &m);

	if (r >= 0)
		r = sd.sd_bus_message_append(m, "s", unit);
	return call(bus, r, m, "reset", unit, NULL, err);
}

int sdbus_stop_unit(struct sdbus *bus, const char *unit, int timeout_ms,
		    struct err *err)
{
	sd_bus_message *m = NULL;
	int r;

	if (subscribe(bus, err) < 0)
		return -err->code;
	r = new_call(bus, "StopUnit", &m);
	if (r >= 0)
		r = sd.sd_bus_message_append(m, "ss", unit, "replace");
	r = run_job(bus, r, m, "stop", unit, timeout_ms, err);
	if (r == 0)
		r = sdbus_reset_failed(bus, unit, err);
	if (r == -ENOENT) {
		err_clear(err); /* gone, as it should be */
		r = 0;
	}
	return r;
}

int sdbus_set_properties(struct sdbus *bus, const char *unit,
			 const struct sdbus_properties *properties,
			 struct err *err)
{
	sd_bus_message *m = NULL;
	int r = new_call(bus, "SetUnitProperties", &m);

	if (r >= 0)
		r = sd.sd_bus_message_append(m, "sb", unit, 1);
	if (r >= 0)
		r = append_properties(m, properties);
	return call(bus, r, m, "set properties of", unit, NULL, err);
}

int sdbus_attach(struct sdbus *bus, const char *unit, pid_t pid, struct err *err)
{
	sd_bus_message *m = NULL;
	int r = new_call(bus, "AttachProcessesToUnit", &m);

	if (r >= 0)
		r = sd.sd_bus_message_append(m, "ssau", unit, "", 1,
					     (uint32_t)pid);
	return call(bus, r, m, "attach a process to", unit, NULL, err);
}

int sdbus_get_text(struct sdbus *bus, const char *unit, const char *interface,
		   const char *property, char **ret, struct err *err)
{
	AUTO_FREE char *full = xasprintf(SERVICE ".%s", interface);
	struct answer found = { 0 };
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	int r = new_call(bus, "GetUnit", &m);

	if (r >= 0)
		r = sd.sd_bus_message_append(m, "s", unit);
	if (call(bus, r, m, "look at", unit, &found, err) < 0)
		return -err->code;
	r = sd.sd_bus_get_property_string(bus->bus, SERVICE, found.path, full,
					  property, &error, ret);
	answer_done(&found);
	return r < 0 ? fail(&error, r, err, property, unit) : 0;
}
