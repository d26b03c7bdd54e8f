# SPDX-License-Identifier: Apache-2.0
RUNTIME_O := $(patsubst %.c,$(OBJ)/%.o,$(wildcard runtime/*.c)) \
	$(call lib_objs,$(filter-out ttrpc,$(LIB_HOST)))

$(BIN)/kata-runtime: $(RUNTIME_O)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ $(LIBS_HOST)
$(OBJ)/runtime/%.o: CPPFLAGS += -DKATA_COMMIT='"$(COMMIT)"'

PROGRAMS += $(BIN)/kata-runtime

$(SHARE)/configuration.toml: runtime/configuration.toml
	@mkdir -p $(@D)
	install -m 0644 $< $@

SHARED_FILES += $(SHARE)/configuration.toml
