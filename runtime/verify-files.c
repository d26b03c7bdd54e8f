// SPDX-License-Identifier: Apache-2.0
/*
 * verify-files.c - what a jailed process can reach: its program, the file
 * system below its root and its descriptors. Part of verify.c; runs in
 * kata-runtime. Names found in there are compared and printed, never
 * opened for anything but looking (O_PATH, no symlink followed).
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "auto.h"
#include "log.h"
#include "verify-parts.h"

#define ENTRIES_MAX 4096
#define DEPTH_MAX 12
#define FDS_MAX 4096
#define LINK_MAX 512

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Names come from inside the jail: printable before they are shown. */
char *verify_shown(const char *text)
{
	char out[LINK_MAX];

	log_escape(out, sizeof(out), text, strlen(text));
	return xstrdup(out);
}

int verify_program(struct verify *v, struct err *err)
{
	const char *program = v->expect->program ? v->expect->program :
						   v->policy->program;
	struct stat theirs, ours;
	char link[LINK_MAX];
	ssize_t n = readlinkat(v->proc_fd, "exe", link, sizeof(link) - 1);

	if (n < 0)
		return err_set(err, errno, "read exe");
	link[n] = '\0';
	if (fstatat(v->proc_fd, "exe", &theirs, 0) < 0)
		return err_set(err, errno, "stat exe");
	if (stat(program, &ours) < 0)
		return err_set(err, errno, "stat %s", program);
	verify_add(v, "program", same_file(&theirs, &ours), xstrdup(program),
		   verify_shown(link));
	return 0;
}

/* A copy by dup would share the position with earlier listings. */
static DIR *list_dir(int dir_fd)
{
	AUTO_FD int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir)
		take_fd(&fd);
	return dir;
}

/* --- the tree below the root --------------------------------------------- */

struct walk {
	const struct verify *v;
	size_t entries;
	size_t files;
	char *stranger; /* first path that no rule explains */
};

static const char *expected_source(const struct verify *v,
				   const struct policy_bind *bind)
{
	if (bind->source)
		return bind->source;
	for (size_t i = 0; i < v->expect->named_count; i++)
		if (strcmp(v->expect->named[i].name, bind->name) == 0)
			return v->expect->named[i].path;
	return NULL;
}

/* Every file must be the very inode that the policy binds there. */
static bool file_is_known(const struct verify *v, const char *path,
			  const struct stat *st)
{
	const char *source = NULL;
	struct stat host;

	if (strcmp(path, v->policy->program) == 0)
		source = path;
	else if (strcmp(path, POLICY_EXEC) == 0)
		source = v->expect->exec;
	for (size_t i = 0; !source && i < v->policy->bind_count; i++) {
		const struct policy_bind *bind = &v->policy->binds[i];

		if (strcmp(bind->target, path) == 0)
			source = expected_source(v, bind);
		if (source && bind->device)
			return S_ISCHR(st->st_mode) &&
			       stat(source, &host) == 0 &&
			       host.st_rdev == st->st_rdev;
	}
	if (!source && v->policy->libraries && verify_is_library(path))
		source = path;
	return source && S_ISREG(st->st_mode) && stat(source, &host) == 0 &&
	       same_file(st, &host);
}

static int walk_dir(struct walk *w, int dir_fd, const char *path,
		    unsigned depth, struct err *err);

static int walk_entry(struct walk *w, int dir_fd, const char *path,
		      const char *name, unsigned depth, struct err *err)
{
	AUTO_FREE char *full = xasprintf("%s/%s", path, name);
	AUTO_FD int fd = -1;
	struct stat st;

	if (++w->entries > ENTRIES_MAX)
		return err_msg(err, E2BIG, "more than %d entries below the root",
			       ENTRIES_MAX);
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, errno, "stat an entry of the root");
	if (S_ISDIR(st.st_mode)) {
		if (strv_has(&w->v->policy->tmpfs, full))
			return 0;
		fd = openat(dir_fd, name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return err_set(err, errno, "open an entry of the root");
		return walk_dir(w, fd, full, depth + 1, err);
	}
	w->files++;
	if (!file_is_known(w->v, full, &st) && !w->stranger)
		w->stranger = verify_shown(full);
	return 0;
}

static int walk_dir(struct walk *w, int dir_fd, const char *path,
		    unsigned depth, struct err *err)
{
	AUTO_CLOSEDIR DIR *dir = list_dir(dir_fd);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return err_set(err, errno, "list the root");
	if (depth > DEPTH_MAX)
		return err_msg(err, ELOOP,
			       "directories below the root too deep");
	while (r == 0 && !w->stranger && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			r = walk_entry(w, dir_fd, path, entry->d_name, depth,
				       err);
	return r;
}

static void add_top(struct strv *list, const char *path)
{
	AUTO_FREE char *top = xstrndup(path + 1, strcspn(path + 1, "/"));

	if (!strv_has(list, top))
		strv_add(list, top);
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *join_sorted(struct strv *list)
{
	char *text = xstrdup("");

	if (list->count > 0)
		qsort(list->item, list->count, sizeof(*list->item),
		      compare_text);
	for (size_t i = 0; i < list->count; i++) {
		char *longer =
			xasprintf("%s%s%s", text, i ? " " : "", list->item[i]);

		free(text);
		text = longer;
	}
	return text;
}

/* Top names that may be there; a library directory may be missing. */
static void list_expected(const struct policy *policy, struct strv *ret)
{
	add_top(ret, policy->program);
	add_top(ret, POLICY_EXEC);
	for (size_t i = 0; i < policy->bind_count; i++)
		add_top(ret, policy->binds[i].target);
	for (size_t i = 0; i < policy->dirs.count; i++)
		add_top(ret, policy->dirs.item[i]);
	for (size_t i = 0; i < policy->tmpfs.count; i++)
		add_top(ret, policy->tmpfs.item[i]);
	if (policy->proc)
		add_top(ret, "/proc");
	if (policy->libraries) {
		add_top(ret, "/lib");
		add_top(ret, "/lib64");
		add_top(ret, "/usr");
	}
}

void verify_listing(struct verify *v, const struct strv *names)
{
	struct strv wanted = { 0 }, found = { 0 };
	bool ok = names->count > 0;

	list_expected(v->policy, &wanted);
	for (size_t i = 0; i < names->count; i++) {
		AUTO_FREE char *name = verify_shown(names->item[i]);

		ok = ok && strv_has(&wanted, names->item[i]);
		strv_add(&found, name);
	}
	verify_add(v, "root", ok, join_sorted(&wanted), join_sorted(&found));
	strv_done(&wanted);
	strv_done(&found);
}

int verify_list_names(int dir_fd, struct strv *ret, struct err *err)
{
	AUTO_CLOSEDIR DIR *dir = list_dir(dir_fd);
	struct dirent *entry;

	if (!dir)
		return err_set(err, errno, "list the root");
	while (errno = 0, entry = readdir(dir)) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (ret->count == VERIFY_NAMES_MAX)
			return err_msg(err, E2BIG,
				       "more than %d entries in the root",
				       VERIFY_NAMES_MAX);
		strv_add(ret, entry->d_name);
	}
	return errno ? err_set(err, errno, "list the root") : 0;
}

static int check_listing(struct verify *v, int root_fd, struct err *err)
{
	struct strv names = { 0 };
	int r = verify_list_names(root_fd, &names, err);

	if (r == 0)
		verify_listing(v, &names);
	strv_done(&names);
	return r;
}

/*
 * The file server has changed its root to the share by now; what its jail
 * holds beside the share is for verify_mounts().
 */
static int check_share_root(struct verify *v, int root_fd, struct err *err)
{
	struct stat theirs, share;

	if (!v->expect->share)
		return err_msg(err, EINVAL, "the shared directory is not given");
	if (stat(v->expect->share, &share) < 0)
		return err_set(err, errno, "stat %s", v->expect->share);
	if (fstat(root_fd, &theirs) < 0)
		return err_set(err, errno, "stat its root");
	verify_add(v, "own root", same_file(&theirs, &share),
		   xstrdup("the share"),
		   xstrdup(same_file(&theirs, &share) ? "the share" :
							"another directory"));
	return 0;
}

static int check_cwd(struct verify *v, int root_fd, struct err *err)
{
	struct stat root, cwd;

	if (fstat(root_fd, &root) < 0 || fstatat(v->proc_fd, "cwd", &cwd, 0) < 0)
		return err_set(err, errno, "stat its working directory");
	verify_add(v, "working directory", same_file(&root, &cwd), xstrdup("/"),
		   xstrdup(same_file(&root, &cwd) ? "/" : "elsewhere"));
	return 0;
}

int verify_root(struct verify *v, struct err *err)
{
	AUTO_FD int root_fd =
		openat(v->proc_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct walk walk = { .v = v };
	int r;

	if (root_fd < 0)
		return err_set(err, errno, "open its root");
	r = check_cwd(v, root_fd, err);
	if (r < 0)
		return r;
	if (verify_is_file_server(v))
		return check_share_root(v, root_fd, err);
	r = check_listing(v, root_fd, err);
	if (r == 0)
		r = walk_dir(&walk, root_fd, "", 0, err);
	if (r == 0)
		verify_add(v, "files", !walk.stranger && walk.files > 0,
			   xstrdup("those of the policy and its libraries"),
			   walk.stranger ?
				   xstrdup(walk.stranger) :
				   xasprintf("%zu known files", walk.files));
	free(walk.stranger);
	return r;
}

/* --- descriptors ---------------------------------------------------------- */

static bool is_own_directory(const struct verify *v, int fd,
			     const struct stat *st)
{
	struct stat root;
	struct statfs fs;

	if (!verify_is_file_server(v) || !S_ISDIR(st->st_mode))
		return false;
	if (fstatfs(fd, &fs) < 0)
		return false;
	return fs.f_type == PROC_SUPER_MAGIC ||
	       (fstatat(v->proc_fd, "root", &root, 0) == 0 &&
		same_file(&root, st));
}

/*
 * The Rust virtiofsd keeps /proc/self/mountinfo of its jail open, which it
 * would need to open files by handles: it tells what is mounted there.
 */
static bool is_own_mountinfo(const struct verify *v, const char *link, int fd,
			     const struct stat *st)
{
	const char *name = strrchr(link, '/');
	struct statfs fs;

	return verify_is_file_server(v) && S_ISREG(st->st_mode) && name &&
	       strcmp(name, "/mountinfo") == 0 && fstatfs(fd, &fs) == 0 &&
	       fs.f_type == PROC_SUPER_MAGIC;
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool is_null(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

static bool fd_is_known(const struct verify *v, const char *link, int fd,
			const struct stat *st)
{
	if (S_ISSOCK(st->st_mode) || S_ISFIFO(st->st_mode) || is_null(st))
		return true;
	if (starts(link, "anon_inode:[eventfd]") ||
	    starts(link, "anon_inode:[eventpoll]") ||
	    starts(link, "anon_inode:[signalfd]") ||
	    starts(link, "anon_inode:[timerfd]"))
		return true;
	if (starts(link, "/memfd:") && S_ISREG(st->st_mode))
		return true;
	if (policy_has_device(v->policy, "/dev/kvm") &&
	    (strcmp(link, "/dev/kvm") == 0 || starts(link, "anon_inode:kvm-")))
		return true;
	/* the tap: character device 10:200 */
	if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(10, 200))
		return strv_has(&v->policy->fds, "net");
	return is_own_directory(v, fd, st) || is_own_mountinfo(v, link, fd, st);
}

static int check_fd(const struct verify *v, int dir_fd, const char *number,
		    char **bad, struct err *err)
{
	char link[LINK_MAX];
	ssize_t n = readlinkat(dir_fd, number, link, sizeof(link) - 1);
	AUTO_FD int fd = -1;
	struct stat st;

	if (n < 0)
		return errno == ENOENT ?
			       0 :
			       err_set(err, errno, "read fd %s", number);
	link[n] = '\0';
	if (fstatat(dir_fd, number, &st, 0) < 0)
		return errno == ENOENT ?
			       0 :
			       err_set(err, errno, "stat fd %s", number);
	if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode))
		fd = openat(dir_fd, number, O_PATH | O_CLOEXEC);
	if (!fd_is_known(v, link, fd, &st) &&
	    !(verify_is_self(v) && verify_self_fd(v, number, link, &st)) &&
	    !*bad) {
		AUTO_FREE char *name = verify_shown(link);

		*bad = xasprintf("%s is %s", number, name);
	}
	return 0;
}

int verify_fds(struct verify *v, struct err *err)
{
	int dir_fd =
		openat(v->proc_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSEDIR DIR *dir = dir_fd >= 0 ? fdopendir(dir_fd) : NULL;
	struct dirent *entry;
	size_t count = 0;
	char *bad = NULL;
	int r = 0;

	if (!dir)
		return err_set(err, errno, "list descriptors");
	while (r == 0 && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (++count > FDS_MAX)
			r = err_msg(err, E2BIG, "more than %d descriptors",
				    FDS_MAX);
		else
			r = check_fd(v, dir_fd, entry->d_name, &bad, err);
	}
	if (r < 0) {
		free(bad);
		return r;
	}
	verify_add(v, "descriptors", !bad,
		   xstrdup("sockets, pipes, event and memory descriptors"),
		   bad ? bad : xasprintf("%zu known descriptors", count));
	return 0;
}
