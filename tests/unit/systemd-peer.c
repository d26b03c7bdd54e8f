// SPDX-License-Identifier: Apache-2.0
/* systemd-peer.c - see systemd-peer.h; a child of a unit test. */
#include "systemd-peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "alloc.h"
#include "auto.h"

#define SERVICE "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define JOB OBJECT "/job/7"
#define LATE_MS 300
#define FORGED_NAMES 8 /* connections after the forger's own */

static struct peer {
	sd_bus *bus;
	FILE *log;
	const char *group;
	char *unit, *description, *active; /* NULL: none */
} peer;

static void set(char **at, const char *text)
{
	free(*at);
	*at = text ? xstrdup(text) : NULL;
}

static void nap(long ms)
{
	const struct timespec time = { 0, ms * 1000000 };

	nanosleep(&time, NULL);
}

static bool is(const char *unit, const char *word)
{
	return strstr(unit, word) != NULL;
}

static int no_such_unit(const char *unit, sd_bus_error *error)
{
	return sd_bus_error_setf(error, SERVICE ".NoSuchUnit",
				 "Unit %s not loaded.", unit);
}

/* --- properties as text ----------------------------------------------------- */

static int print_array(sd_bus_message *m, const char *type)
{
	const char *text;
	uint32_t number;
	uint8_t byte;

	sd_bus_message_enter_container(m, 'a', type);
	if (*type == 's')
		while (sd_bus_message_read(m, "s", &text) > 0)
			fprintf(peer.log, "[%s]", text);
	else if (*type == 'u')
		while (sd_bus_message_read(m, "u", &number) > 0)
			fprintf(peer.log, "[%s]", number > 1 ? "pid" : "?");
	else
		while (sd_bus_message_read(m, "y", &byte) > 0)
			fprintf(peer.log, "%02x", byte);
	return sd_bus_message_exit_container(m);
}

static void print_value(sd_bus_message *m, const char *name, const char *type)
{
	const char *text;
	uint64_t number;
	int value;

	sd_bus_message_enter_container(m, 'v', type);
	fprintf(peer.log, "  %s %s ", name, type);
	if (*type == 'a') {
		print_array(m, type + 1);
	} else if (*type == 's') {
		sd_bus_message_read(m, "s", &text);
		if (strcmp(name, "Description") == 0)
			set(&peer.description, text);
		fputs(text, peer.log);
	} else if (*type == 't') {
		sd_bus_message_read(m, "t", &number);
		fprintf(peer.log, "%llu", (unsigned long long)number);
	} else {
		sd_bus_message_read(m, type, &value);
		fprintf(peer.log, "%d", value);
	}
	fputc('\n', peer.log);
	sd_bus_message_exit_container(m);
}

static void print_properties(sd_bus_message *m)
{
	const char *name, *type;

	sd_bus_message_enter_container(m, 'a', "(sv)");
	while (sd_bus_message_enter_container(m, 'r', "sv") > 0) {
		sd_bus_message_read(m, "s", &name);
		sd_bus_message_peek_type(m, NULL, &type);
		print_value(m, name, type);
		sd_bus_message_exit_container(m);
	}
	sd_bus_message_exit_container(m);
}

/* --- methods ---------------------------------------------------------------- */

static int job(sd_bus_message *m, const char *unit)
{
	const char *result = is(unit, "broken") ? "failed" : "done";
	bool early = is(unit, "early");
	int r = early ? 0 : sd_bus_reply_method_return(m, "o", JOB);

	if (is(unit, "late"))
		nap(LATE_MS);
	if (!is(unit, "slow"))
		sd_bus_emit_signal(peer.bus, OBJECT, SERVICE ".Manager",
				   "JobRemoved", "uoss", 7, JOB, unit, result);
	return early ? sd_bus_reply_method_return(m, "o", JOB) : r;
}

static int on_start(sd_bus_message *m, void *arg UNUSED, sd_bus_error *error)
{
	const char *unit, *mode;

	sd_bus_message_read(m, "ss", &unit, &mode);
	fprintf(peer.log, "start %s %s\n", unit, mode);
	if (!peer.unit && (is(unit, "failed") || is(unit, "taken"))) {
		set(&peer.unit, unit);
		set(&peer.description, "another's");
		set(&peer.active, is(unit, "failed") ? "failed" : "active");
	}
	if (peer.unit)
		return sd_bus_error_setf(error, SERVICE ".UnitExists",
					 "Unit %s already exists.", unit);
	print_properties(m);
	set(&peer.unit, unit);
	set(&peer.active, "active");
	return job(m, unit);
}

static int on_stop(sd_bus_message *m, void *arg UNUSED, sd_bus_error *error)
{
	const char *unit, *mode;

	sd_bus_message_read(m, "ss", &unit, &mode);
	fprintf(peer.log, "stop %s %s\n", unit, mode);
	if (!peer.unit || strcmp(unit, peer.unit) != 0)
		return no_such_unit(unit, error);
	set(&peer.unit, NULL);
	return job(m, unit);
}

static int on_reset(sd_bus_message *m, void *arg UNUSED, sd_bus_error *error)
{
	const char *unit;

	sd_bus_message_read(m, "s", &unit);
	fprintf(peer.log, "reset %s\n", unit);
	if (!peer.unit || strcmp(unit, peer.unit) != 0)
		return no_such_unit(unit, error);
	set(&peer.unit, NULL);
	/* the name is free from now on */
	if (is(unit, "failed"))
		set(&peer.description, NULL);
	return sd_bus_reply_method_return(m, "");
}

static int on_get(sd_bus_message *m, void *arg UNUSED, sd_bus_error *error)
{
	const char *unit;

	sd_bus_message_read(m, "s", &unit);
	if (!peer.unit || strcmp(unit, peer.unit) != 0)
		return no_such_unit(unit, error);
	return sd_bus_reply_method_return(m, "o", OBJECT "/unit/the_one");
}

static int on_set(sd_bus_message *m, void *arg UNUSED, sd_bus_error *error)
{
	const char *unit;
	int at_runtime;

	sd_bus_message_read(m, "sb", &unit, &at_runtime);
	fprintf(peer.log, "set %s %d\n", unit, at_runtime);
	if (!peer.unit || strcmp(unit, peer.unit) != 0)
		return no_such_unit(unit, error);
	print_properties(m);
	return sd_bus_reply_method_return(m, "");
}

static int on_attach(sd_bus_message *m, void *arg UNUSED,
		     sd_bus_error *error UNUSED)
{
	const char *unit, *below;

	sd_bus_message_read(m, "ss", &unit, &below);
	fprintf(peer.log, "attach %s \"%s\" ", unit, below);
	print_array(m, "u");
	fputc('\n', peer.log);
	return sd_bus_reply_method_return(m, "");
}

static int on_subscribe(sd_bus_message *m, void *arg UNUSED,
			sd_bus_error *error UNUSED)
{
	return sd_bus_reply_method_return(m, "");
}

static int get_text(sd_bus *bus UNUSED, const char *path UNUSED,
		    const char *interface UNUSED, const char *property,
		    sd_bus_message *reply, void *arg UNUSED,
		    sd_bus_error *error UNUSED)
{
	const char *text = strcmp(property, "Version") == 0 ? "252.39-1~test" :
			   strcmp(property, "Description") == 0 ?
							      peer.description :
			   strcmp(property, "ControlGroup") == 0 ? peer.group :
								   peer.active;

	return sd_bus_message_append(reply, "s", text ? text : "");
}

#define METHOD(name, in, out, call)                                            \
	SD_BUS_METHOD(name, in, out, call, SD_BUS_VTABLE_UNPRIVILEGED)
static const sd_bus_vtable manager[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Version", "s", get_text, 0, 0),
	METHOD("Subscribe", "", "", on_subscribe),
	METHOD("StartTransientUnit", "ssa(sv)a(sa(sv))", "o", on_start),
	METHOD("StopUnit", "ss", "o", on_stop),
	METHOD("ResetFailedUnit", "s", "", on_reset),
	METHOD("GetUnit", "s", "o", on_get),
	METHOD("SetUnitProperties", "sba(sv)", "", on_set),
	METHOD("AttachProcessesToUnit", "ssau", "", on_attach),
	SD_BUS_SIGNAL("JobRemoved", "uoss", 0),
	SD_BUS_VTABLE_END
};

static const sd_bus_vtable unit[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Description", "s", get_text, 0, 0),
	SD_BUS_PROPERTY("ActiveState", "s", get_text, 0, 0), SD_BUS_VTABLE_END
};

static const sd_bus_vtable scope[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("ControlGroup", "s", get_text, 0, 0), SD_BUS_VTABLE_END
};

/* --- its life --------------------------------------------------------------- */

static int listen_at(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ||
	    listen(fd, 4) < 0)
		_exit(90);
	return fd;
}

/* Until the client has left. */
static void serve(void)
{
	int r = sd_bus_start(peer.bus);

	if (r >= 0)
		r = sd_bus_add_object_vtable(peer.bus, NULL, OBJECT,
					     SERVICE ".Manager", manager, NULL);
	if (r >= 0)
		r = sd_bus_add_object_vtable(peer.bus, NULL,
					     OBJECT "/unit/the_one",
					     SERVICE ".Unit", unit, NULL);
	if (r >= 0)
		r = sd_bus_add_object_vtable(peer.bus, NULL,
					     OBJECT "/unit/the_one",
					     SERVICE ".Scope", scope, NULL);
	if (r >= 0 && sd_bus_is_bus_client(peer.bus) > 0)
		r = sd_bus_request_name(peer.bus, SERVICE, 0);
	while (r >= 0) {
		r = sd_bus_process(peer.bus, NULL);
		if (r == 0)
			r = sd_bus_wait(peer.bus, UINT64_MAX);
		if (r == -EINTR)
			r = 0;
	}
	sd_bus_close_unref(peer.bus);
}

static void serve_direct(int listen_fd)
{
	static const sd_id128_t id = SD_ID128_MAKE(
		11, 22, 33, 44, 55, 66, 77, 88, 99, aa, bb, cc, dd, ee, ff, 10);
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 || sd_bus_new(&peer.bus) < 0 ||
	    sd_bus_set_fd(peer.bus, fd, fd) < 0 ||
	    sd_bus_set_server(peer.bus, 1, id) < 0)
		_exit(91);
	serve();
}

NORETURN void systemd_peer(const char *address, const char *log,
			   const char *group)
{
	int fd = *address == '/' ? listen_at(address) : -1;

	peer.group = group;
	peer.log = fopen(log, "we");
	if (!peer.log)
		_exit(92);
	setvbuf(peer.log, NULL, _IOLBF, 0);
	while (fd >= 0)
		serve_direct(fd);
	if (sd_bus_new(&peer.bus) < 0 ||
	    sd_bus_set_address(peer.bus, address) < 0 ||
	    sd_bus_set_bus_client(peer.bus, 1) < 0)
		_exit(93);
	serve();
	_exit(94);
}

/* --- another on the bus ----------------------------------------------------- */

static int forge(sd_bus *bus, unsigned number, const char *result)
{
	AUTO_FREE char *name = xasprintf(":1.%u", number);
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_signal(bus, &m, OBJECT, SERVICE ".Manager",
					  "JobRemoved");

	if (r >= 0)
		r = sd_bus_message_append(m, "uoss", 7, JOB, "any.scope",
					  result);
	if (r >= 0)
		r = sd_bus_message_set_destination(m, name);
	if (r >= 0)
		r = sd_bus_send(bus, m, NULL);
	sd_bus_message_unref(m);
	return r;
}

NORETURN void systemd_forger(const char *address, const char *file)
{
	const char *name = NULL;
	unsigned own = 0;
	sd_bus *bus = NULL;
	FILE *begun;

	if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, address) < 0 ||
	    sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_start(bus) < 0 ||
	    sd_bus_get_unique_name(bus, &name) < 0 ||
	    sscanf(name, ":1.%u", &own) != 1)
		_exit(95);
	begun = fopen(file, "we");
	if (!begun || fclose(begun) != 0)
		_exit(96);
	for (int i = 0;; i++) {
		for (unsigned n = 1; n <= FORGED_NAMES; n++)
			if (forge(bus, own + n, i % 2 ? "done" : "failed") < 0)
				_exit(97);
		while (sd_bus_process(bus, NULL) > 0)
			;
		nap(1);
	}
}
