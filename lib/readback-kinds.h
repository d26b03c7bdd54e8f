/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Things of which a container has any number, as the guest reads them back
 * (agent.proto, ReadBackItem) and the host compares them. The index is the
 * place in the list of the request, unless said otherwise.
 */
#ifndef LIB_READBACK_KINDS_H
#define LIB_READBACK_KINDS_H

enum readback_kind {
	READBACK_RLIMIT = 1, /* index: RLIMIT_*; soft, hard */
	READBACK_GROUP,	     /* gid; in the kernel's order */
	READBACK_ROOT,	     /* READBACK_FLAG_* of the root's mount */
	READBACK_MOUNT,	     /* enum readback_state, READBACK_FLAG_* */
	READBACK_MASKED,     /* enum readback_state */
	READBACK_READONLY,   /* enum readback_state */
	READBACK_DEVICE,     /* st_mode, major << 32 | minor, uid << 32 | gid */
	READBACK_NAME,	     /* index: 0 hostname, 1 domainname; text */
	READBACK_SYSCTL,     /* READBACK_WRITE_ONLY or 0; text */
	READBACK_UNIFIED,    /* first line of the file; text */
	READBACK_AGENT,	     /* index: enum readback_agent */
	READBACK_KIND_MAX
};

enum readback_state {
	READBACK_ABSENT, /* no such path, or it is not what was asked for */
	READBACK_THERE,
	READBACK_HIDDEN, /* a later mount of the list is in its place */
	READBACK_BARE,	 /* the path is there, and open */
	READBACK_STATE_MAX
};

enum readback_agent {
	READBACK_AGENT_DUMPABLE, /* prctl(PR_GET_DUMPABLE) */
	READBACK_AGENT_ROOT,	 /* READBACK_FLAG_* of its root's mount */
	READBACK_AGENT_CGROUP,	 /* text: its path */
	READBACK_AGENT_MAX
};

/* Of a mount, from mountinfo. */
#define READBACK_FLAG_RDONLY 1u
#define READBACK_FLAG_NOSUID 2u
#define READBACK_FLAG_NODEV 4u
#define READBACK_FLAG_NOEXEC 8u
#define READBACK_FLAG_NOSYMFOLLOW 16u
#define READBACK_FLAG_SHARED 32u /* what is mounted there is seen elsewhere */
#define READBACK_FLAGS_ALL 63u

/* Of one report; what is beyond is refused. */
#define READBACK_ITEMS_MAX 16384
/* The kernel lets nobody read it back. */
#define READBACK_WRITE_ONLY 1u
/* Longer texts are cut. */
#define READBACK_TEXT_MAX 256
/* A limit that is a number, and one whose file the guest does not have. */
#define READBACK_NO_LIMIT (-1)
#define READBACK_NO_FILE (-2)

#endif
