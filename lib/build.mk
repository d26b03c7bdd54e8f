# SPDX-License-Identifier: Apache-2.0
# The bottom layer. LIB_GUEST is what the agent, another machine, may link;
# LIB_JAIL is the smallest set, without any protocol code.

PROTOS := types oci health agent
PROTO_C := $(PROTOS:%=$(B)/gen/proto/%.pb-c.c)
PROTO_O := $(PROTOS:%=$(OBJ)/gen/proto/%.pb-c.o)
PROTO_H := $(PROTOS:%=$(B)/gen/proto/%.pb-c.h)

$(B)/gen/proto/%.pb-c.c $(B)/gen/proto/%.pb-c.h: lib/proto/%.proto
	@mkdir -p $(@D)
	protoc-c -Ilib/proto --c_out=$(B)/gen/proto $<

LIB_BASE := err alloc fd path child log num ids rlimit userns
LIB_GUEST := $(LIB_BASE) caps seccomp ttrpc ttrpc-decode netlink
LIB_JSON := json json-get json-write
LIB_OCI := oci oci-read oci-process oci-linux oci-resources oci-seccomp \
	oci-unsupported oci-devices oci-hooks guest-profile
LIB_JAIL := $(LIB_BASE) caps seccomp selinux $(LIB_JSON) $(LIB_OCI) policy \
	policy-places sha256 filter landlock
LIB_JAIL_EXEC := err landlock
# What reads guest bytes, or what a guest's bytes pass through, links least.
LIB_PROXY := $(LIB_BASE) caps landlock seccomp confine $(LIB_JSON) ttrpc records
LIB_AGENT_CLIENT := agent-client agent-client-codec agent-client-wait
LIB_SHIM := $(LIB_PROXY) ttrpc-decode opts $(LIB_OCI) $(LIB_AGENT_CLIENT)
LIB_HOST := $(LIB_JAIL) mcs oci-write opts toml ttrpc ttrpc-decode records netlink filter-eval sdbus

lib_objs = $(patsubst %,$(OBJ)/lib/%.o,$(1))

# Whoever includes a generated header waits for all of them.
$(call lib_objs,$(LIB_AGENT_CLIENT)) $(OBJ)/lib/ttrpc.o: $(PROTO_H)

LIBS_JAIL := -lyajl -lseccomp -lcap-ng -lselinux
LIBS_PROXY := -lyajl -lseccomp -lcap-ng
LIBS_HOST := $(LIBS_JAIL) -lnl-route-3 -lnl-3
LIBS_PROTO := -lprotobuf-c
NL_CFLAGS := $(shell pkg-config --cflags libnl-3.0 2>/dev/null || echo -I/usr/include/libnl3)
$(OBJ)/lib/netlink.o: CPPFLAGS += $(NL_CFLAGS)
# libsystemd is needed to build, and loaded when it is wanted: lib/sdbus.c.
