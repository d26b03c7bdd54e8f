/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manager of systemd's, the system's or a user's, over D-Bus: transient
 * scopes and their properties. libsystemd is loaded when the first connection
 * is opened: most commands need none, and loading it costs each a millisecond.
 * The manager is trusted: it is what starts and places the caller.
 */
#ifndef LIB_SDBUS_H
#define LIB_SDBUS_H

#include "alloc.h"
#include "err.h"

/* D-Bus types of the properties that a scope takes, and no others. */
enum sdbus_type {
	SDBUS_BOOL,    /* b */
	SDBUS_I32,     /* i */
	SDBUS_U64,     /* t; UINT64_MAX is "infinity" where systemd knows it */
	SDBUS_STRING,  /* s */
	SDBUS_STRINGS, /* as */
	SDBUS_BYTES,   /* ay */
	SDBUS_PIDS     /* au: of one process */
};

struct sdbus_property {
	char *name;
	enum sdbus_type type;
	uint64_t number; /* BOOL, U64, PIDS; the bits of an I32 */
	char *text;	 /* STRING */
	struct strv texts;
	uint8_t *bytes;
	size_t length;
};

struct sdbus_properties {
	struct sdbus_property *item;
	size_t count;
};

/* A name that is there already gets the new value. Everything is copied. */
void sdbus_add_number(struct sdbus_properties *list, const char *name,
		      enum sdbus_type type, uint64_t number);
void sdbus_add_text(struct sdbus_properties *list, const char *name,
		    const char *text);
void sdbus_add_texts(struct sdbus_properties *list, const char *name,
		     const struct strv *texts);
void sdbus_add_bytes(struct sdbus_properties *list, const char *name,
		     const uint8_t *bytes, size_t length);
void sdbus_properties_done(struct sdbus_properties *list);

struct sdbus;

/*
 * Connects to the manager behind a D-Bus address ("unix:path=..."), and asks
 * for its version, so that a bus without systemd is an error here. A path that
 * ends in /systemd/private is the manager's own socket, without a bus between.
 * timeout_ms is for the connection alone. *ret is the caller's (sdbus_close).
 * -ENOENT, -ECONNREFUSED: nobody listens; -EHOSTUNREACH: a bus without systemd;
 * -EPERM: who listens is neither the caller nor root; -ETIMEDOUT
 */
int sdbus_open(const char *address, int timeout_ms, struct sdbus **ret,
	       struct err *err) MUST_CHECK;
void sdbus_close(struct sdbus *bus);
/* 252, and so on; 0 when it did not begin with a number */
uint32_t sdbus_version(const struct sdbus *bus);
/*
 * Makes a transient scope and waits until its start is done. -EEXIST: there is
 * a unit of that name; -ETIME: no end within timeout_ms, and the unit may or
 * may not be there
 */
int sdbus_start_scope(struct sdbus *bus, const char *unit,
		      const struct sdbus_properties *properties, int timeout_ms,
		      struct err *err) MUST_CHECK;
/*
 * Stops a unit, waits for the end of that, and forgets that it failed, if it
 * did. 0 also when there is none.
 */
int sdbus_stop_unit(struct sdbus *bus, const char *unit, int timeout_ms,
		    struct err *err) MUST_CHECK;
/* Forgets a failed unit, whose name is free then. */
int sdbus_reset_failed(struct sdbus *bus, const char *unit,
		       struct err *err) MUST_CHECK;
/* Until the unit ends or changes again; systemd applies them at once. */
int sdbus_set_properties(struct sdbus *bus, const char *unit,
			 const struct sdbus_properties *properties,
			 struct err *err) MUST_CHECK;
/*
 * The manager moves a process of the caller's into the unit, which it can from
 * where the caller may not: out of a login session (systemd 238).
 */
int sdbus_attach(struct sdbus *bus, const char *unit, pid_t pid,
		 struct err *err) MUST_CHECK;
/*
 * A text property of a loaded unit, for example "Unit", "Description".
 * *ret is the caller's. -ENOENT: there is no such unit
 */
int sdbus_get_text(struct sdbus *bus, const char *unit, const char *interface,
		   const char *property, char **ret, struct err *err) MUST_CHECK;

static inline void auto_sdbus_(struct sdbus **bus)
{
	sdbus_close(*bus);
}
#define AUTO_SDBUS __attribute__((cleanup(auto_sdbus_)))

#endif
