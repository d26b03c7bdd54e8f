# SPDX-License-Identifier: Apache-2.0
# kata-agent: static, because it is alone in the guest's initrd.

AGENT_SRC := $(wildcard agent/*.c)
AGENT_O := $(AGENT_SRC:%.c=$(OBJ)/%.o) $(call lib_objs,$(LIB_GUEST)) $(PROTO_O)
$(AGENT_SRC:%.c=$(OBJ)/%.o): $(PROTO_H)

ifeq ($(SAN),1)
AGENT_LINK := -pie
else
# -w: libnl and libcap-ng carry name look-ups that a static program cannot do;
# the agent calls none of them.
AGENT_LINK := -static-pie -s -Wl,-w
endif

$(LIBEXEC)/kata-agent: $(AGENT_O)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -Wl,--gc-sections $(AGENT_LINK) -o $@ $^ \
		-lseccomp -lcap-ng -lnl-route-3 -lnl-3 -lprotobuf-c

PROGRAMS += $(LIBEXEC)/kata-agent
