# SPDX-License-Identifier: Apache-2.0
# OCI seccomp JSON -> BPF bytes and digest, by our own compiler program.

SECCOMP_JSON := $(wildcard seccomp-profiles/*.json)
SECCOMP_OUT := $(patsubst seccomp-profiles/%.json,$(SHARE)/seccomp/%.bpf,$(SECCOMP_JSON))

$(B)/tools/seccomp-compile: $(OBJ)/seccomp-profiles/compile.o $(call lib_objs,$(LIB_JAIL))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ $(LIBS_JAIL)

$(SHARE)/seccomp/%.bpf: seccomp-profiles/%.json $(B)/tools/seccomp-compile
	@mkdir -p $(@D)
	$(B)/tools/seccomp-compile $< $@
	cd $(@D) && sha256sum $(@F) > $*.sha256
	install -m 0644 $< $(SHARE)/seccomp/$*.json

SHARED_FILES += $(SECCOMP_OUT)
