// SPDX-License-Identifier: Apache-2.0
/*
 * verify-status.c - identity, rights, namespaces, environment, limits and
 * label of a jailed process. Capabilities, ids and filters belong to threads,
 * so every thread is read. Part of verify.c; runs in kata-runtime.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "num.h"
#include "path.h"
#include "selinux.h"
#include "verify-parts.h"

#define TASKS_MAX 512
#define VALUE_MAX 256

int verify_status_field(const char *status, const char *field, char *value,
			size_t size)
{
	size_t len = strlen(field), out = 0;

	while (strncmp(status, field, len) != 0 || status[len] != ':') {
		status = strchr(status, '\n');
		if (!status)
			return -ENOENT;
		status++;
	}
	status += len + 1;
	while (*status == ' ' || *status == '\t')
		status++;
	/* one blank between words, none at the end */
	for (; *status && *status != '\n' && out + 1 < size; status++) {
		bool blank = *status == ' ' || *status == '\t';

		if (!blank)
			value[out++] = *status;
		else if (out > 0 && value[out - 1] != ' ')
			value[out++] = ' ';
	}
	while (out > 0 && value[out - 1] == ' ')
		out--;
	value[out] = '\0';
	return 0;
}

uint32_t verify_own_filters(void)
{
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	char value[VALUE_MAX];
	uint32_t count = 0;

	if (path_read_file(AT_FDCWD, "/proc/thread-self/status",
			   VERIFY_FILE_MAX, &text, &err) < 0 ||
	    verify_status_field(text, "Seccomp_filters", value, sizeof(value)) <
		    0 ||
	    num_parse_u32(value, UINT32_MAX, &count) < 0)
		return 0;
	return count;
}

struct wanted {
	const char *name;  /* of the check */
	const char *field; /* of /proc/PID/status */
	char value[VALUE_MAX];
	char found[VALUE_MAX]; /* of the first thread that differs, or the leader */
	bool bad;
};

enum { WANT_COUNT = 12 };

static void set_wanted(const struct verify *v, struct wanted *w)
{
	const struct policy *policy = v->policy;
	unsigned uid = v->expect->uid, gid = v->expect->gid;
	unsigned filters = v->expect->inherited_filters;
	static const char *const table[WANT_COUNT][2] = {
		{ "uid", "Uid" },
		{ "gid", "Gid" },
		{ "groups", "Groups" },
		{ "cap inheritable", "CapInh" },
		{ "cap permitted", "CapPrm" },
		{ "cap effective", "CapEff" },
		{ "cap bounding", "CapBnd" },
		{ "cap ambient", "CapAmb" },
		{ "no_new_privs", "NoNewPrivs" },
		{ "seccomp mode", "Seccomp" },
		{ "seccomp filters", "Seccomp_filters" },
		{ "tracer", "TracerPid" },
	};

	if (filters == VERIFY_OWN_FILTERS)
		filters = verify_own_filters();
	for (size_t i = 0; i < WANT_COUNT; i++) {
		w[i] = (struct wanted){ .name = table[i][0],
					.field = table[i][1] };
		snprintf(w[i].value, sizeof(w[i].value), "%016" PRIx64,
			 UINT64_C(0));
	}
	snprintf(w[0].value, sizeof(w[0].value), "%u %u %u %u", uid, uid, uid,
		 uid);
	snprintf(w[1].value, sizeof(w[1].value), "%u %u %u %u", gid, gid, gid,
		 gid);
	w[2].value[0] = '\0';
	snprintf(w[4].value, sizeof(w[4].value), "%016" PRIx64, policy->caps);
	snprintf(w[5].value, sizeof(w[5].value), "%016" PRIx64, policy->caps);
	snprintf(w[8].value, sizeof(w[8].value), "1");
	snprintf(w[9].value, sizeof(w[9].value), "2");
	snprintf(w[10].value, sizeof(w[10].value), "%u",
		 filters + 1 + policy->own_filters);
	snprintf(w[11].value, sizeof(w[11].value), "0");
}

/*
 * Where setgroups(2) is denied to the whole user namespace nothing but the
 * caller's own groups can be: exactly those are expected.
 */
static int want_own_groups(struct wanted *w, struct err *err)
{
	AUTO_FREE char *text = NULL;

	if (path_read_file(AT_FDCWD, "/proc/thread-self/status",
			   VERIFY_FILE_MAX, &text, err) < 0)
		return -err->code;
	if (verify_status_field(text, w->field, w->value, sizeof(w->value)) < 0 ||
	    strlen(w->value) == sizeof(w->value) - 1)
		return err_msg(err, ENOTSUP, "the caller's groups");
	return 0;
}

/*
 * Groups: none, unless /dev/kvm is reached through one. A rootless jail cannot
 * drop unmapped groups one by one then (DESIGN: accelerator).
 */
static bool value_fits(const struct verify *v, const struct wanted *w,
		       const char *found)
{
	if (strcmp(w->value, found) == 0)
		return true;
	return strcmp(w->field, "Groups") == 0 &&
	       (policy_has_device(v->policy, "/dev/kvm") ||
		(v->expect->single_id && !*found));
}

/*
 * A program that drops its start capabilities and adds a filter does so for its
 * main thread, and those that this one makes inherit it. What was made before
 * keeps what the jail gave: our filter, and no more than the start capabilities
 * (the bounding set was cut to them by kata-jail-exec). The C virtiofsd has one
 * such thread, for RCU, and the Rust one none; how many there may be is in the
 * policy.
 */
static bool early_fits(const struct verify *v, const struct wanted *w,
		       const char *found)
{
	uint64_t allowed = v->policy->caps | v->policy->start_caps;
	uint32_t filters, wanted;
	uint64_t bits;
	char *end;

	if (strncmp(w->field, "Cap", 3) == 0) {
		bits = strtoull(found, &end, 16);
		return *end == '\0' && !(bits & ~allowed);
	}
	return strcmp(w->field, "Seccomp_filters") == 0 &&
	       num_parse_u32(found, UINT32_MAX, &filters) == 0 &&
	       num_parse_u32(w->value, UINT32_MAX, &wanted) == 0 &&
	       filters < wanted && filters + v->policy->own_filters >= wanted;
}

/* early_left: so many threads more may be early ones. */
static int read_task(const struct verify *v, const char *task, struct wanted *w,
		     bool leader, uint32_t *early_left, struct err *err)
{
	AUTO_FREE char *path = xasprintf("task/%s/status", task);
	AUTO_FREE char *text = NULL;
	bool is_early = false;
	char value[VALUE_MAX];

	if (path_read_file(v->proc_fd, path, VERIFY_FILE_MAX, &text, err) < 0)
		return -err->code;
	for (size_t i = 0; i < WANT_COUNT; i++) {
		if (verify_status_field(text, w[i].field, value,
					sizeof(value)) < 0)
			return err_msg(err, ENOTSUP,
				       "the kernel does not report %s",
				       w[i].field);
		if (w[i].bad)
			continue;
		if (!value_fits(v, &w[i], value)) {
			w[i].bad = leader || *early_left == 0 ||
				   !early_fits(v, &w[i], value);
			is_early = true;
		}
		if (leader || w[i].bad)
			snprintf(w[i].found, sizeof(w[i].found), "%s", value);
	}
	if (is_early && !leader && *early_left > 0)
		(*early_left)--;
	return 0;
}

int verify_status(struct verify *v, struct err *err)
{
	struct wanted wanted[WANT_COUNT];
	AUTO_FD int fd =
		openat(v->proc_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSEDIR DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	AUTO_FREE char *leader = xasprintf("%d", v->report->pid);
	struct dirent *entry;
	uint32_t early_left = v->policy->early_threads;
	bool leader_seen = false;
	size_t count = 0;
	int r = 0;

	if (!dir)
		return err_set(err, errno, "list threads");
	take_fd(&fd);
	set_wanted(v, wanted);
	if (v->expect->single_id && want_own_groups(&wanted[2], err) < 0)
		return -err->code;
	while (r == 0 && (entry = readdir(dir))) {
		bool is_leader;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (count == TASKS_MAX)
			return err_msg(err, E2BIG, "more than %d threads",
				       TASKS_MAX);
		is_leader = strcmp(entry->d_name, leader) == 0;
		leader_seen = leader_seen || is_leader;
		r = read_task(v, entry->d_name, wanted, is_leader, &early_left,
			      err);
		if ((r == -ENOENT || r == -ESRCH) && !is_leader) {
			err_clear(err); /* a worker thread that ended meanwhile */
			r = 0;
		}
		count++;
	}
	if (r < 0)
		return r;
	if (!leader_seen)
		return err_msg(err, ESRCH, "its main thread was not found");
	for (size_t i = 0; i < WANT_COUNT; i++)
		verify_add(v, wanted[i].name, !wanted[i].bad,
			   xstrdup(*wanted[i].value ? wanted[i].value : "none"),
			   xstrdup(*wanted[i].found ? wanted[i].found : "none"));
	return 0;
}

int verify_namespaces(struct verify *v, struct err *err)
{
	for (unsigned n = 0; n < POLICY_NS_MAX; n++) {
		if (!(v->policy->namespaces & (1u << n)))
			continue;
		AUTO_FREE char *theirs = xasprintf("ns/%s", policy_ns_name[n]);
		AUTO_FREE char *ours =
			xasprintf("/proc/self/ns/%s", policy_ns_name[n]);
		char name[32];
		struct stat a, b;

		if (fstatat(v->proc_fd, theirs, &a, 0) < 0)
			return err_set(err, errno, "read %s", theirs);
		if (stat(ours, &b) < 0)
			return err_set(err, errno, "read %s", ours);
		snprintf(name, sizeof(name), "namespace %s", policy_ns_name[n]);
		verify_add(v, name, a.st_ino != b.st_ino,
			   xasprintf("not the caller's %llu",
				     (unsigned long long)b.st_ino),
			   xasprintf("%llu", (unsigned long long)a.st_ino));
	}
	return 0;
}

int verify_network(struct verify *v, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct strv found = { 0 };
	char *save = NULL, *all;
	size_t len = 1;

	if (path_read_file(v->proc_fd, "net/dev", VERIFY_FILE_MAX, &text, err) <
	    0)
		return -err->code;
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue; /* the two lines of headings */
		*colon = '\0';
		strv_add(&found, line + strspn(line, " "));
	}
	for (size_t i = 0; i < found.count; i++)
		len += strlen(found.item[i]) + 1;
	all = xcalloc(1, len);
	for (size_t i = 0, at = 0; i < found.count; i++)
		at += (size_t)snprintf(all + at, len - at, "%s%s",
				       at ? " " : "", found.item[i]);
	verify_add(v, "interfaces", found.count == 1 && strcmp(all, "lo") == 0,
		   xstrdup("lo"), all);
	strv_done(&found);
	return 0;
}

int verify_environment(struct verify *v, struct err *err)
{
	AUTO_FD int fd = openat(v->proc_fd, "environ", O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	size_t len = 0, count = 0;
	char *bad = NULL;

	if (fd < 0)
		return err_set(err, errno, "open environ");
	if (fd_read_text(fd, VERIFY_FILE_MAX, &text, &len, err) < 0)
		return err_wrap(err, "environ");
	for (char *at = text; at < text + len; at += strlen(at) + 1, count++) {
		AUTO_FREE char *name = xstrndup(at, strcspn(at, "="));

		/* the name alone: a value may be a secret */
		if (!strv_has(&v->policy->env, name) && !bad)
			bad = xasprintf("holds %s", name);
	}
	verify_add(v, "environment", !bad,
		   xasprintf("at most %zu known names", v->policy->env.count),
		   bad ? bad : xasprintf("%zu entries", count));
	return 0;
}

static const char *limit_label(int resource)
{
	switch (resource) {
	case RLIMIT_AS:
		return "Max address space";
	case RLIMIT_CORE:
		return "Max core file size";
	case RLIMIT_DATA:
		return "Max data size";
	case RLIMIT_FSIZE:
		return "Max file size";
	case RLIMIT_LOCKS:
		return "Max file locks";
	case RLIMIT_MEMLOCK:
		return "Max locked memory";
	case RLIMIT_MSGQUEUE:
		return "Max msgqueue size";
	case RLIMIT_NOFILE:
		return "Max open files";
	case RLIMIT_NPROC:
		return "Max processes";
	case RLIMIT_RTPRIO:
		return "Max realtime priority";
	case RLIMIT_SIGPENDING:
		return "Max pending signals";
	case RLIMIT_STACK:
		return "Max stack size";
	default:
		return NULL;
	}
}

static int limit_value(const char *text, uint64_t *ret)
{
	char word[32];
	size_t len = strcspn(text, " \n");

	if (len == 0 || len >= sizeof(word))
		return -EINVAL;
	memcpy(word, text, len);
	word[len] = '\0';
	if (strcmp(word, "unlimited") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	return num_parse_u64(word, UINT64_MAX, ret);
}

int verify_limits_find(const char *text, int resource, uint64_t *ret_soft,
		       uint64_t *ret_hard)
{
	const char *label = limit_label(resource);
	const char *at = label ? strstr(text, label) : NULL;
	int r;

	if (!at)
		return -ENOENT;
	at += strlen(label);
	at += strspn(at, " ");
	r = limit_value(at, ret_soft);
	if (r < 0)
		return r;
	at += strcspn(at, " ");
	at += strspn(at, " ");
	return limit_value(at, ret_hard);
}

/* Memory of a program with an address sanitizer is no measure, nor limited. */
static bool is_set_here(int resource)
{
#ifdef __SANITIZE_ADDRESS__
	return resource != RLIMIT_DATA;
#else
	(void)resource;
	return true;
#endif
}

int verify_limits(struct verify *v, struct err *err)
{
	AUTO_FREE char *text = NULL;

	if (path_read_file(v->proc_fd, "limits", VERIFY_FILE_MAX, &text, err) < 0)
		return -err->code;
	for (size_t i = 0; i < v->policy->rlimit_count; i++) {
		const struct policy_rlimit *want = &v->policy->rlimits[i];
		uint64_t soft, hard;
		char name[64];

		if (!is_set_here(want->resource))
			continue;
		if (verify_limits_find(text, want->resource, &soft, &hard) < 0)
			return err_msg(err, EIO, "limit %s is not reported",
				       want->name);
		snprintf(name, sizeof(name), "limit %s", want->name);
		/* lower is fine: the caller's own limit, or the program's */
		verify_add(v, name, soft <= want->value && hard <= want->value,
			   xasprintf("at most %" PRIu64, want->value),
			   hard == UINT64_MAX ? xstrdup("unlimited") :
						xasprintf("%" PRIu64, hard));
	}
	return 0;
}

/* User and role are the caller's, type and range what the policy and the
 * sandbox say: one comparison of the whole label. */
static int compare_label(struct verify *v, struct err *err)
{
	AUTO_FREE char *label = NULL, *wanted = NULL;
	int r;

	if (selinux_with(v->policy->selinux_type, v->expect->selinux_range,
			 &wanted, err) < 0 ||
	    selinux_get_at(v->proc_fd, &label, err) < 0)
		return -err->code;
	r = selinux_is_permissive(wanted, err);
	if (r < 0)
		return r;
	if (r > 0)
		verify_add_absent(v, "selinux", xstrdup(v->policy->selinux_type),
				  xasprintf("type %s is permissive",
					    v->policy->selinux_type));
	verify_add(v, "selinux", strcmp(label, wanted) == 0, wanted, label);
	wanted = label = NULL;
	return 0;
}

int verify_label(struct verify *v, struct err *err)
{
	const char *type = v->policy->selinux_type;
	const char *absent = v->expect->selinux_absent;

	if (!selinux_is_on())
		absent = "off on this host";
	if (absent) {
		verify_add_absent(v, "selinux", xstrdup(type ? type : "a type"),
				  xstrdup(absent));
		return 0;
	}
	if (!type || !v->expect->selinux_range) {
		verify_add(v, "selinux", false, xstrdup("a label"),
			   xasprintf("no type or no level for %s",
				     v->policy->name));
		return 0;
	}
	return compare_label(v, err);
}
