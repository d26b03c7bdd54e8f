# SPDX-License-Identifier: Apache-2.0
JAILER_O := $(patsubst %.c,$(OBJ)/%.o,$(wildcard jailer/*.c)) \
	$(call lib_objs,$(LIB_JAIL))

$(LIBEXEC)/kata-jailer: $(JAILER_O)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ $(LIBS_JAIL)

JAIL_POLICIES := $(patsubst jailer/policies/%,$(SHARE)/policies/%,$(wildcard jailer/policies/*.json))
$(SHARE)/policies/%.json: jailer/policies/%.json
	@mkdir -p $(@D)
	install -m 0644 $< $@

PROGRAMS += $(LIBEXEC)/kata-jailer
SHARED_FILES += $(JAIL_POLICIES)
