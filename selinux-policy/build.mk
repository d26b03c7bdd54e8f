# SPDX-License-Identifier: Apache-2.0
# The SELinux module, with the distribution's policy development files. Nothing
# else needs it: without them `make` builds the rest.

SELINUX_DEVEL ?= /usr/share/selinux/devel
SELINUX_B := $(B)/selinux
SELINUX_TE := $(patsubst %,selinux-policy/%.te,kata runtime proxy shim jailer vmm fs callers neverallow)
SELINUX_PP := $(B)/share/selinux/kata.pp

# One domain a file; the compiler wants one file.
$(SELINUX_PP): $(SELINUX_TE) selinux-policy/kata.if selinux-policy/kata.fc
	@mkdir -p $(SELINUX_B) $(@D)
	cat $(SELINUX_TE) >$(SELINUX_B)/kata.te
	cp selinux-policy/kata.if selinux-policy/kata.fc $(SELINUX_B)/
	+$(MAKE) -s -C $(SELINUX_B) -f $(SELINUX_DEVEL)/Makefile kata.pp \
		>$(SELINUX_B)/log 2>&1 || { cat $(SELINUX_B)/log; exit 1; }
	cp $(SELINUX_B)/kata.pp $@

.PHONY: selinux
selinux: $(SELINUX_PP)	## the SELinux module (needs selinux-policy-dev)

ifneq (,$(wildcard $(SELINUX_DEVEL)/Makefile))
SHARED_FILES += $(SELINUX_PP)
endif
