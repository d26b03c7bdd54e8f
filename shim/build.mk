# SPDX-License-Identifier: Apache-2.0
# Two programs from one folder: proxy-*.c is kata-proxy, the rest kata-shim.

PROXY_SRC := $(wildcard shim/proxy-*.c)
SHIM_SRC := $(filter-out $(PROXY_SRC),$(wildcard shim/*.c))
PROXY_O := $(PROXY_SRC:%.c=$(OBJ)/%.o) $(call lib_objs,$(LIB_PROXY))
SHIM_O := $(SHIM_SRC:%.c=$(OBJ)/%.o) \
	$(call lib_objs,$(LIB_SHIM)) $(PROTO_O)
$(SHIM_SRC:%.c=$(OBJ)/%.o) $(OBJ)/lib/ttrpc.o: $(PROTO_H)

$(LIBEXEC)/kata-proxy: $(PROXY_O)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ $(LIBS_PROXY)

$(LIBEXEC)/kata-shim: $(SHIM_O)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ $(LIBS_PROXY) $(LIBS_PROTO)

PROGRAMS += $(LIBEXEC)/kata-proxy $(LIBEXEC)/kata-shim
