/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp filters; seccomp.c is the only user of libseccomp (which has a
 * seccomp_load() of its own, hence seccomp_filter_load() here).
 */
#ifndef LIB_SECCOMP_H
#define LIB_SECCOMP_H

#include "err.h"
#include "oci.h"

/*
 * Builds the BPF program for an OCI profile as `struct sock_filter` bytes.
 * Unknown syscall names are added to ret_unknown (may be NULL) and never
 * widen the filter; unknown actions, operators, architectures and flags are
 * errors. *ret_bpf is owned by the caller.
 */
int seccomp_compile(const struct oci_seccomp *profile, void **ret_bpf,
		    size_t *ret_len, struct strv *ret_unknown,
		    struct err *err) MUST_CHECK;
/*
 * Loads bytes made by seccomp_compile() into the calling thread by
 * seccomp(2). flags are SECCOMP_FILTER_FLAG_*. Without no_new_privs it needs
 * CAP_SYS_ADMIN in the user namespace.
 */
int seccomp_filter_load(const void *bpf, size_t len, unsigned flags,
			struct err *err) MUST_CHECK;
/* SECCOMP_FILTER_FLAG_* of the profile's flags. */
int seccomp_flags(const struct oci_seccomp *profile, unsigned *ret,
		  struct err *err) MUST_CHECK;
/* Number of a system call of this machine by name, or -ENOENT. */
int seccomp_call_number(const char *name);
/* "openat"; numbers without a name: "call 600". The caller frees it. */
char *seccomp_call_name(uint32_t number);
/*
 * A profile file alone ({"defaultAction":...}) to struct; caller frees. Lives
 * in oci-seccomp.c, so that the agent needs no JSON.
 */
int seccomp_profile_parse(const char *text, size_t len,
			  struct oci_seccomp **ret, struct err *err) MUST_CHECK;
/*
 * As above, for a file whose rules may have "includes" and "excludes" of
 * {"caps": [...]}: a rule stays when caps has all of the former and none of the
 * latter.
 */
int seccomp_profile_parse_for(const char *text, size_t len,
			      const struct strv *caps, struct oci_seccomp **ret,
			      struct err *err) MUST_CHECK;
void seccomp_profile_free(struct oci_seccomp *profile);

#endif
