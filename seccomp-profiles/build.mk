# SPDX-License-Identifier: Apache-2.0
# OCI seccomp JSON -> BPF bytes and digest, by our own compiler program.

SECCOMP_JSON := $(wildcard seccomp-profiles/*.json)
SECCOMP_OUT := $(patsubst seccomp-profiles/%.json,$(SHARE)/seccomp/%.bpf,$(SECCOMP_JSON))

$(B)/tools/seccomp-compile: $(OBJ)/seccomp-profiles/compile.o $(call lib_objs,$(filter-out filter,$(LIB_JAIL)))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ $(LIBS_JAIL)

$(SHARE)/seccomp/%.bpf: seccomp-profiles/%.json $(B)/tools/seccomp-compile
	@mkdir -p $(@D)
	$(B)/tools/seccomp-compile $< $@
	cd $(@D) && sha256sum $(@F) > $*.sha256
	install -m 0644 $< $(SHARE)/seccomp/$*.json

# What the programs hold of each filter: see lib/filter.h.
FILTER_DIGESTS_H := $(B)/gen/filter-digests.h
$(FILTER_DIGESTS_H): $(SECCOMP_OUT) seccomp-profiles/guest/default.json
	@mkdir -p $(@D)
	{ echo '/* made by seccomp-profiles/build.mk */'; \
	echo 'static const struct {'; echo '	const char *name, *sha256;'; \
	echo '} filter_digests[] = {'; \
	for f in $(sort $^); do n=$${f##*/}; set -- $$(sha256sum $$f) && \
	case $$n in *.json) n=guest/$$n; esac && \
	echo "	{ \"$${n%.bpf}\", \"$$1\" },"; done; echo '};'; } >$@
$(OBJ)/lib/filter.o: $(FILTER_DIGESTS_H)

SHARED_FILES += $(SECCOMP_OUT)

# For containers in the guest: the default profile goes as it is, because what
# holds of it depends on the container; the floors become part of the agent.
$(SHARE)/seccomp/guest/default.json: seccomp-profiles/guest/default.json
	@mkdir -p $(@D)
	install -m 0644 $< $@
	cd $(@D) && sha256sum $(@F) > default.sha256

SHARED_FILES += $(SHARE)/seccomp/guest/default.json

$(B)/tools/seccomp-floor: $(OBJ)/seccomp-profiles/floor.o $(call lib_objs,$(filter-out filter,$(LIB_JAIL)))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ $(LIBS_JAIL)

GUEST_FLOORS := $(B)/gen/guest-floor.inc $(B)/gen/guest-floor-devices.inc
$(GUEST_FLOORS): $(B)/gen/guest-%.inc: seccomp-profiles/guest/%.json $(B)/tools/seccomp-floor
	@mkdir -p $(@D)
	$(B)/tools/seccomp-floor $< $@

$(OBJ)/agent/identity.o: | $(GUEST_FLOORS)
