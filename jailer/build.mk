# SPDX-License-Identifier: Apache-2.0
# kata-jailer, and kata-jail-exec, which runs inside the jails; kata-jail-twin
# stands in its place where a jail is only tried.
JAILER_O := $(patsubst %.c,$(OBJ)/%.o,$(filter-out jailer/jail-%.c,$(wildcard jailer/*.c))) \
	$(call lib_objs,$(LIB_JAIL))

$(LIBEXEC)/kata-jailer: $(JAILER_O)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ $(LIBS_JAIL)

# Static: in the jail it comes before the rules that let a loader do its work.
ifeq ($(SAN),1)
JAIL_EXEC_LINK := -pie
else
JAIL_EXEC_LINK := -static-pie -s
endif

$(LIBEXEC)/kata-jail-exec: $(OBJ)/jailer/jail-exec.o $(OBJ)/jailer/jail-filter.o $(call lib_objs,$(LIB_JAIL_EXEC))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(JAIL_EXEC_LINK) -o $@ $^

$(LIBEXEC)/kata-jail-twin: $(OBJ)/jailer/jail-twin.o $(OBJ)/jailer/jail-filter.o $(call lib_objs,$(LIB_JAIL_EXEC))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(JAIL_EXEC_LINK) -o $@ $^

JAIL_POLICIES := $(patsubst jailer/policies/%,$(SHARE)/policies/%,$(wildcard jailer/policies/*.json))
$(SHARE)/policies/%.json: jailer/policies/%.json
	@mkdir -p $(@D)
	install -m 0644 $< $@

PROGRAMS += $(LIBEXEC)/kata-jailer $(LIBEXEC)/kata-jail-exec $(LIBEXEC)/kata-jail-twin
SHARED_FILES += $(JAIL_POLICIES)
