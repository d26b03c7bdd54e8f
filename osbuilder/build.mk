# SPDX-License-Identifier: Apache-2.0
# The guest: kernel (minutes when it is not in the user's cache) and initrd.

OSBUILDER_DATA := kernel.config trim-elf.pl \
	$(patsubst osbuilder/%,%,$(wildcard osbuilder/patches/*.patch))
OSBUILDER_SHARE := $(OSBUILDER_DATA:%=$(SHARE)/osbuilder/%)

$(SHARE)/osbuilder/%: osbuilder/%
	@mkdir -p $(@D)
	install -m 0644 $< $@

$(BIN)/kata-osbuilder: osbuilder/kata-osbuilder $(OSBUILDER_SHARE)
	@mkdir -p $(@D)
	install -m 0755 $< $@

$(SHARE)/vmlinux: osbuilder/kata-osbuilder $(OSBUILDER_DATA:%=osbuilder/%)
	@mkdir -p $(@D)
	osbuilder/kata-osbuilder kernel -o $@

$(SHARE)/initrd.img: $(LIBEXEC)/kata-agent osbuilder/kata-osbuilder
	@mkdir -p $(@D)
	osbuilder/kata-osbuilder initrd --agent $< -o $@

PROGRAMS += $(BIN)/kata-osbuilder
SHARED_FILES += $(OSBUILDER_SHARE)
