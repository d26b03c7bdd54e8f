# SPDX-License-Identifier: Apache-2.0
# One graph, no recursion: every folder adds its part in <folder>/build.mk.
# `make help` lists the targets.

B ?= build
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0
COMMIT := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)

CC ?= gcc
# SAN=1 builds everything with AddressSanitizer and UBSan into build/san.
SAN ?=
# HOOKS=1 builds the switches that tests use to break a layer; never installed.
HOOKS ?=

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wvla -Wundef -Wimplicit-fallthrough -Werror
HARDEN := -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection=full -fno-delete-null-pointer-checks \
	-fno-strict-overflow -fno-strict-aliasing \
	-ftrivial-auto-var-init=zero -fvisibility=hidden \
	-ffunction-sections -fdata-sections
ifneq (,$(findstring clang,$(CC)))
# clang before 16 wants to hear that zero is meant
HARDEN += $(shell $(CC) -Werror -ftrivial-auto-var-init=zero -E -x c /dev/null \
	>/dev/null 2>&1 || echo -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang)
endif
ifeq ($(SAN),1)
B := build/san
FORTIFY := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SAN_LD := -fsanitize=address,undefined
else
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
endif
ifeq ($(HOOKS),1)
ifneq ($(SAN),1)
B := build/hooks
endif
HOOK_FLAGS := -DTEST_HOOKS
endif

CPPFLAGS_ALL = -D_GNU_SOURCE -I. -Ilib -I$(B)/gen -I$(B)/gen/proto \
	-DKATA_VERSION='"$(VERSION)"' $(HOOK_FLAGS) $(CPPFLAGS)
CFLAGS_ALL = -std=gnu11 -O2 -g $(WARN) $(HARDEN) $(FORTIFY) $(CFLAGS)
LDFLAGS_ALL = -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
	-Wl,-z,separate-code -Wl,--gc-sections -Wl,--as-needed $(SAN_LD) $(LDFLAGS)

BIN := $(B)/bin
LIBEXEC := $(B)/libexec/kata
SHARE := $(B)/share/kata
OBJ := $(B)/obj

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

PROGRAMS :=
SHARED_FILES :=
CLEAN_DIRS := $(B)

include lib/build.mk
include agent/build.mk
include jailer/build.mk
include shim/build.mk
include runtime/build.mk
include seccomp-profiles/build.mk
include selinux-policy/build.mk
-include osbuilder/build.mk
include tests/build.mk
-include tests/e2e/build.mk
-include tests/bench/build.mk
-include tests/vm/build.mk

.PHONY: all help programs guest clean install uninstall

all: programs guest	## build everything into build/ (guest kernel included)

programs: $(PROGRAMS) $(SHARED_FILES)	## build programs, policies and filters only

guest: $(SHARE)/vmlinux $(SHARE)/initrd.img	## build guest kernel and initrd

help:	## list the targets
	@awk -F':.*## ?' '/^[a-z0-9-]+:.*##/ { printf "%-14s %s\n", $$1, $$2 }' \
		$(MAKEFILE_LIST) | sort -u

clean:	## remove build/ (the guest kernel stays in the user's cache)
	rm -rf build

# --- compile ---------------------------------------------------------------
# Position-independent objects serve the dynamic and the static-pie programs.
$(OBJ)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -fPIE -MMD -MP -c -o $@ $<

$(OBJ)/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -Wno-shadow -fPIE -MMD -MP -c -o $@ $<

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)

# --- install ---------------------------------------------------------------
D := $(DESTDIR)$(PREFIX)
MAN_PAGES := $(wildcard docs/man/*.[0-9])

install: all	## install below $(DESTDIR)$(PREFIX)
	install -d $(D)/bin $(D)/libexec/kata
	install -m 0755 $(BIN)/kata-runtime $(BIN)/kata-osbuilder $(D)/bin/
	install -m 0755 $(filter $(LIBEXEC)/%,$(PROGRAMS)) $(D)/libexec/kata/
	cd $(SHARE) && find . -type f -exec install -D -m 0644 {} \
		$(DESTDIR)$(abspath $(PREFIX))/share/kata/{} \;
	if [ -f $(D)/share/kata/osbuilder/kata-osbuilder ]; then \
		chmod 0755 $(D)/share/kata/osbuilder/kata-osbuilder; fi
	for page in $(MAN_PAGES); do install -D -m 0644 $$page \
		$(D)/share/man/man$${page##*.}/$${page##*/} || exit; done
	if [ -f $(SELINUX_PP) ]; then \
		install -D -m 0644 $(SELINUX_PP) $(D)/share/selinux/packages/kata.pp && \
		install -m 0644 selinux-policy/kata.if $(D)/share/selinux/packages/; fi
	install -D -m 0644 jailer/apparmor/kata-runtime \
		$(D)/share/kata/apparmor/kata-runtime
	install -D -m 0644 runtime/kata-runtime.bash \
		$(D)/share/bash-completion/completions/kata-runtime

uninstall:	## remove what install put there
	rm -f $(D)/bin/kata-runtime $(D)/bin/kata-osbuilder
	rm -rf $(D)/libexec/kata $(D)/share/kata
	rm -f $(D)/share/selinux/packages/kata.pp $(D)/share/selinux/packages/kata.if
	for page in $(MAN_PAGES); do \
		rm -f $(D)/share/man/man$${page##*.}/$${page##*/}; done
	rm -f $(D)/share/bash-completion/completions/kata-runtime
