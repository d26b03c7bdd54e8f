// SPDX-License-Identifier: Apache-2.0
/*
 * settings.c - configuration.toml and its drop-ins as kata-runtime create reads
 * them, once per sandbox. Which files count is decided here; a file, a
 * directory of drop-ins or anything above them that somebody else may write is
 * an error, and so is every key that settings-keys.c does not take. No
 * environment variable names a file: engines pass environments on.
 */
#include "settings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "path.h"
#include "policy.h"
#include "settings-keys.h"
#include "toml.h"

#define DROP_INS_MAX 256

/* Directory above the one this program lies in; caller frees. */
static int own_prefix(char **ret, struct err *err)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n < 0)
		return err_set(err, errno, "read /proc/self/exe");
	path[n] = '\0';
	for (int i = 0; i < 2; i++) {
		slash = strrchr(path, '/');
		if (!slash)
			return err_msg(err, ENOENT, "no directory above %s",
				       path);
		*slash = '\0';
	}
	*ret = xstrdup(path);
	return 0;
}

static int set_defaults(struct settings *s, struct err *err)
{
	AUTO_FREE char *prefix = NULL;

	if (own_prefix(&prefix, err) < 0)
		return -err->code;
	*s = (struct settings){
		.accelerator = ACCEL_WANT_AUTO,
		.kernel = xasprintf("%s/share/kata/vmlinux", prefix),
		.initrd = xasprintf("%s/share/kata/initrd.img", prefix),
		.policies = xasprintf("%s/share/kata/policies", prefix),
		.seccomp = xasprintf("%s/share/kata/seccomp", prefix),
		.jailer = xasprintf("%s/libexec/kata/kata-jailer", prefix),
		.proxy = xasprintf("%s/libexec/kata/kata-proxy", prefix),
		.shim = xasprintf("%s/libexec/kata/kata-shim", prefix),
		.kernel_params = xstrdup(""),
		.cpu_features = xstrdup(""),
		.network = NET_TCFILTER,
		.fs_cache = FS_CACHE_AUTO,
		.default_memory_mib = 256,
		.default_vcpus = 1,
		.overhead_memory_mib = 64,
		.cgroup_overhead_mib = 160,
		.reclaim_memory = 1,
		.dial_timeout = 30,
		.dial_timeout_tcg = 60,
		.create_timeout = 60,
		.sandbox_uid_base = 1900000000,
		.sandbox_uid_count = 65536,
	};
	s->origin = xcalloc(settings_key_count, sizeof(*s->origin));
	return 0;
}

static int apply_entry(struct settings *s, const char *path,
		       const struct toml_entry *e, struct err *err)
{
	const struct key *key = settings_key(e->table, e->key);
	struct setting_origin *origin;

	if (!key)
		return err_msg(err, EINVAL, "%s:%u: unknown key %s%s%s", path,
			       e->line, e->table, *e->table ? "." : "", e->key);
	if (settings_set(s, key, e, err) < 0)
		return err_wrap(err, "%s:%u: %s.%s", path, e->line, e->table,
				e->key);
	origin = &s->origin[key - settings_keys];
	free(origin->file);
	origin->file = xstrdup(path);
	origin->line = e->line;
	return 0;
}

static int load_file(struct settings *s, const char *path, struct err *err)
{
	AUTO_FD int fd = path_open_trusted(path, err);
	AUTO_FREE char *text = NULL;
	struct toml toml = { 0 };
	size_t len;
	int r;

	if (fd < 0)
		return fd;
	if (fd_read_text(fd, TOML_BYTES_MAX, &text, &len, err) < 0)
		return err_wrap(err, "%s", path);
	r = toml_parse(path, text, len, &toml, err);
	for (size_t i = 0; r == 0 && i < toml.count; i++)
		r = apply_entry(s, path, &toml.entry[i], err);
	toml_done(&toml);
	if (r == 0)
		strv_add(&s->files, path);
	return r;
}

/*
 * Is it there? A link that leads nowhere is; a place that cannot be looked into
 * is an error, not a no.
 */
static int exists(const char *path, struct err *err)
{
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	if (errno == ENOENT || errno == ENOTDIR)
		return 0;
	return err_set(err, errno, "look for %s", path);
}

static int only_toml(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 &&
	       strcmp(entry->d_name + len - 5, ".toml") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* DIR/config.d/NAME.toml in the order of their names; no such directory: 0. */
static int load_drop_ins(struct settings *s, const char *dir, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/" SETTINGS_DROP_INS, dir);
	struct dirent **list = NULL;
	int count, r;

	r = exists(path, err);
	if (r <= 0)
		return r;
	if (path_check_trusted(path, err) < 0)
		return -err->code;
	count = scandir(path, &list, only_toml, by_bytes);
	if (count < 0)
		return err_set(err, errno, "read directory %s", path);
	r = 0;
	if (count > DROP_INS_MAX)
		r = err_msg(err, EFBIG, "%s: more than %d files", path,
			    DROP_INS_MAX);
	for (int i = 0; i < count; i++) {
		AUTO_FREE char *file = xasprintf("%s/%s", path, list[i]->d_name);

		if (r == 0)
			r = load_file(s, file, err);
		free(list[i]);
	}
	free(list);
	return r;
}

char *settings_user_dir(void)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (config && config[0] == '/')
		return xasprintf("%s/kata", config);
	if (home && home[0] == '/')
		return xasprintf("%s/.config/kata", home);
	return NULL;
}

/* 1: loaded, with the drop-ins beside it; 0: there is no such file. */
static int load_dir(struct settings *s, const char *dir, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/" SETTINGS_FILE, dir);
	int found = exists(path, err);

	if (found < 0)
		return found;
	if (found) {
		if (load_file(s, path, err) < 0)
			return -err->code;
		s->source = xstrdup(path);
	}
	if (load_drop_ins(s, dir, err) < 0)
		return -err->code;
	return found;
}

static int load_option(struct settings *s, const char *path, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(path);

	if (load_file(s, path, err) < 0)
		return -err->code;
	s->source = xstrdup(path);
	return load_drop_ins(s, dirname(copy), err);
}

/* The first place on the way that may not be looked into is another user's. */
static bool is_anothers(const char *path)
{
	AUTO_FREE char *part = xstrdup(path);
	struct stat st;

	for (char *at = part + 1;; at++) {
		char after = *at;

		if (after != '/' && after != '\0')
			continue;
		*at = '\0';
		if (access(part, X_OK) < 0)
			return errno == EACCES && stat(part, &st) == 0 &&
			       st.st_uid != geteuid();
		*at = after;
		if (!after)
			return false; /* it may be looked into by now */
	}
}

/*
 * Is it there for the caller? HOME of somebody else, left over from before a
 * change of user, is not; what cannot be told is an error, not a no: settings
 * may be what makes a sandbox tighter. Return: 1, 0, -errno
 */
static int is_usable(const char *user, struct err *err)
{
	int code;

	if (access(user, X_OK) == 0)
		return 1;
	code = errno;
	if (code == ENOENT || code == ENOTDIR)
		return 0;
	if (code == EACCES && is_anothers(user))
		return 0;
	return err_set(err, code, "look into %s", user);
}

/*
 * The user's file replaces the system's; without one, the user's drop-ins come
 * after the system's file and drop-ins. Real root has the system's alone.
 */
static int load_found(struct settings *s, bool is_root, struct err *err)
{
	AUTO_FREE char *user = is_root ? NULL : settings_user_dir();
	AUTO_FREE char *file = NULL;
	int usable = user ? is_usable(user, err) : 0, own = 0;

	if (usable < 0)
		return usable;
	if (usable) {
		file = xasprintf("%s/" SETTINGS_FILE, user);
		own = exists(file, err);
		if (own < 0)
			return own;
	}
	if (!own && load_dir(s, SETTINGS_SYSTEM_DIR, err) < 0)
		return -err->code;
	return usable ? load_dir(s, user, err) : 0;
}

/* A default above the most that there may be: says where either was set. */
static int check_pair(const struct settings *s, const char *name, uint32_t value,
		      const char *most_name, uint32_t most, struct err *err)
{
	const char *const names[] = { most_name, name };
	const struct setting_origin *at = NULL;

	if (most == 0 || value <= most)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct key *key =
			settings_key("hypervisor.qemu", names[i]);

		if (key && s->origin[key - settings_keys].file)
			at = &s->origin[key - settings_keys];
	}
	BUG_ON(!at); /* the defaults agree with each other */
	return err_msg(err, EINVAL,
		       "%s:%u: hypervisor.qemu.%s (%u) is above %s (%u)",
		       at->file, at->line, name, value, most_name, most);
}

/* The last one must be an id, too: not (uid_t)-1, and no other by wrapping. */
static int check_uids(const struct settings *s, struct err *err)
{
	const char *const names[] = { "sandbox_uid_base", "sandbox_uid_count" };
	uint64_t end = (uint64_t)s->sandbox_uid_base + s->sandbox_uid_count;
	const struct setting_origin *at = NULL;

	if (end <= UINT32_MAX)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct key *key = settings_key("security", names[i]);

		if (key && s->origin[key - settings_keys].file)
			at = &s->origin[key - settings_keys];
	}
	BUG_ON(!at); /* the defaults are ids */
	return err_msg(
		err, EINVAL,
		"%s:%u: security.sandbox_uid_base (%u) and _count (%u) go beyond the last id",
		at->file, at->line, s->sandbox_uid_base, s->sandbox_uid_count);
}

static int check_whole(const struct settings *s, struct err *err)
{
	if (check_uids(s, err) < 0)
		return -err->code;
	if (check_pair(s, "default_vcpus", s->default_vcpus, "default_maxvcpus",
		       s->default_maxvcpus, err) < 0)
		return -err->code;
	return check_pair(s, "default_memory", s->default_memory_mib,
			  "default_maxmemory", s->default_maxmemory_mib, err);
}

int settings_load(struct settings *ret, const char *option, bool is_root,
		  struct err *err)
{
	int r = set_defaults(ret, err);

	if (r == 0)
		r = option ? load_option(ret, option, err) :
			     load_found(ret, is_root, err);
	if (r >= 0)
		r = check_whole(ret, err);
	return r < 0 ? err_wrap(err, "configuration") : 0;
}

void settings_done(struct settings *s)
{
	char *owned[] = { s->source,	  s->kernel,  s->initrd,
			  s->jailer,	  s->proxy,   s->shim,
			  s->policies,	  s->seccomp, s->kernel_params,
			  s->cpu_features };

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		free(owned[i]);
	for (size_t i = 0; s->origin && i < settings_key_count; i++)
		free(s->origin[i].file);
	free(s->origin);
	strv_done(&s->files);
	strv_done(&s->enable_annotations);
	memset(s, 0, sizeof(*s));
}

char *settings_jail_exec(const struct settings *settings)
{
	AUTO_FREE char *real = realpath(settings->jailer, NULL);
	const char *path = real ? real : settings->jailer;

	return xasprintf("%.*s/" POLICY_EXEC_NAME,
			 (int)(strrchr(path, '/') - path), path);
}
