/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the OCI reader, for oci*.c alone: one JSON object under reading,
 * with a sticky error. Once r is negative every read is a no-op, so a struct
 * is filled by a plain list of reads and one look at r at the end. Absent
 * (and null) leaves the target alone.
 */
#ifndef LIB_OCI_READ_H
#define LIB_OCI_READ_H

#include "oci.h"

#define OCI_PATH_MAX 192

struct oci_in {
	const struct json *obj;
	char path[OCI_PATH_MAX]; /* JSON path of obj, "" at the top */
	struct err *err;
	int r; /* 0 or the first -errno, err filled */
};

struct oci_list {		  /* an array under reading */
	const struct json *array; /* NULL when absent */
	char path[OCI_PATH_MAX];
	size_t count; /* 0 when absent */
};

/* obj must outlive the reader; anything but an object is an error. */
void oci_in_init(struct oci_in *in, const struct json *obj, const char *path,
		 struct err *err);
/* Records "<path>.<key>: <what>" unless something failed before. */
void oci_fail(struct oci_in *in, const char *key, int code, const char *what);
bool oci_has(struct oci_in *in, const char *key); /* there and not null */
/* there, not null, and no empty array or object */
bool oci_has_content(struct oci_in *in, const char *key);

/* The bool results: true when the key was there and was read. */
bool oci_read_string(struct oci_in *in, const char *key, char **ret);
bool oci_read_bool(struct oci_in *in, const char *key, bool *ret);
bool oci_read_u32(struct oci_in *in, const char *key, uint32_t max,
		  uint32_t *ret);
bool oci_read_u64(struct oci_in *in, const char *key, uint64_t *ret);
bool oci_read_i64(struct oci_in *in, const char *key, int64_t *ret);
void oci_read_strv(struct oci_in *in, const char *key, struct strv *ret);
void oci_read_pairs(struct oci_in *in, const char *key, struct oci_pairs *ret);
/* Same, and absent (or an empty string) is an error. */
void oci_need_string(struct oci_in *in, const char *key, char **ret);
void oci_need_u32(struct oci_in *in, const char *key, uint32_t *ret);
void oci_need_u64(struct oci_in *in, const char *key, uint64_t *ret);

/* Object below in; false when absent or failed. Give back by oci_leave(). */
bool oci_enter(struct oci_in *in, const char *key, struct oci_in *ret_child);
/* Array of at most max; count is 0 when absent or failed. */
void oci_enter_list(struct oci_in *in, const char *key, size_t max,
		    struct oci_list *ret);
/* Its n-th element, an object. Give back by oci_leave(). */
bool oci_enter_item(struct oci_in *in, const struct oci_list *list, size_t n,
		    struct oci_in *ret_child);
/* Takes the child's error over. */
void oci_leave(struct oci_in *in, const struct oci_in *child);

/* Parts of the reader, each with its own end. */
void oci_process_read(struct oci_in *in, struct oci_process *ret);
void oci_process_done(struct oci_process *process);
void oci_linux_read(struct oci_in *in, struct oci_linux *ret);
void oci_linux_done(struct oci_linux *linux_);
void oci_resources_read(struct oci_in *in, struct oci_resources *ret);
void oci_resources_done(struct oci_resources *resources);
void oci_seccomp_read(struct oci_in *in, struct oci_seccomp *ret);
void oci_hooks_read(struct oci_in *in, struct oci_hooks *ret);
void oci_hooks_done(struct oci_hooks *hooks);
void oci_pairs_done(struct oci_pairs *pairs);

#endif
