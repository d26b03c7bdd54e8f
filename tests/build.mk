# SPDX-License-Identifier: Apache-2.0
# Unit tests, fuzzing and lint. Everything that a unit test links is compiled
# once more below build/san, with AddressSanitizer and UBSan.
#
# tests/unit/test-NAME.c and tests/fuzz/fuzz-NAME.c are found by wildcard. Each
# links what it needs of lib/, and the objects that it names near its top:
#	/* link: runtime/verify.o shim/proxy-ring.o */

SAN_B := build/san
SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
TEST_CFLAGS = -std=gnu11 -O1 -g $(WARN) -fno-strict-aliasing -fPIE
TEST_CPPFLAGS = -D_GNU_SOURCE -I. -Ilib -I$(B)/gen -I$(B)/gen/proto $(NL_CFLAGS) \
	-DKATA_VERSION='"$(VERSION)"' -DKATA_COMMIT='"test"' \
	-DTEST_DIR='"$(CURDIR)/tests"' $(HOOK_FLAGS) $(CPPFLAGS)
TEST_LIBS := $(LIBS_HOST) $(LIBS_PROTO)

# A module that is not there yet does not stop the tests of the others.
TEST_LIB_SRC := $(wildcard $(patsubst %,lib/%.c,$(sort $(LIB_HOST) $(LIB_GUEST) $(LIB_PROXY) $(LIB_AGENT_CLIENT))))
named_objs = $(patsubst %.o,$(2)/%.o,$(shell sed -n \
	'1,9s|^/\* link: \(.*\) \*/$$|\1|p' $(1)))

UNIT_SRC := $(wildcard tests/unit/test-*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(SAN_B)/unit/%)
UNIT_LIB := $(SAN_B)/libkata.a


.PHONY: man check-install lint-docs check check-unit lint lint-quick lint-format lint-headers lint-syntax \
	lint-calls lint-includes lint-privileges lint-seccomp lint-shell lint-tidy format fuzz-smoke

check: check-unit lint-quick	## unit tests with sanitizers, quick lint (no root)

check-unit: $(UNIT_BIN)	## unit tests alone
	@tests/unit/run $(UNIT_BIN)

$(SAN_B)/test-obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CPPFLAGS) $(TEST_CFLAGS) $(SAN_FLAGS) -MMD -MP -c -o $@ $<

$(SAN_B)/test-obj/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CPPFLAGS) $(TEST_CFLAGS) $(SAN_FLAGS) -Wno-shadow -MMD -MP \
		-c -o $@ $<

$(UNIT_LIB): $(TEST_LIB_SRC:%.c=$(SAN_B)/test-obj/%.o) \
		$(PROTOS:%=$(SAN_B)/test-obj/gen/proto/%.pb-c.o)
	rm -f $@ && ar rcs $@ $^

define unit_rule
$(SAN_B)/unit/$(1): $(SAN_B)/test-obj/tests/unit/$(1).o \
		$(call named_objs,tests/unit/$(1).c,$(SAN_B)/test-obj) $(UNIT_LIB)
	@mkdir -p $$(@D)
	$$(CC) $(SAN_FLAGS) -pie -o $$@ $$^ -lcmocka $(TEST_LIBS) $$(PEER_LIBS)
endef
$(foreach t,$(UNIT_SRC:tests/unit/%.c=%),$(eval $(call unit_rule,$(t))))
# the peer that plays systemd; kata-runtime loads the library by name
$(SAN_B)/unit/test-cgroup-unit: PEER_LIBS := -lsystemd

# Whatever may include a generated header waits for all of them.
$(patsubst %.c,$(SAN_B)/test-obj/%.o,$(wildcard lib/*.c agent/*.c shim/*.c runtime/*.c tests/unit/*.c)): | $(PROTO_H) $(FILTER_DIGESTS_H)

# --- programs against scripted and independent peers -------------------------
.PHONY: check-agent check-shim

# The agent in a real VM, driven by another protobuf implementation. Root:
# Debian 12's virtiofsd wants it outside of a jail.
check-agent: all	## the agent over its socket, by an independent encoder (root)
	@if [ "$$(id -u)" -ne 0 ]; then echo "skip: check-agent needs root"; exit 0; fi; \
	/usr/bin/python3 tests/agent/test_agent.py

# kata-shim with a hostile agent, in user and mount namespaces of its own.
check-shim: programs	## kata-shim against a hostile agent
	@if [ "$$(id -u)" -eq 0 ]; then u=; else u="unshare -U -m --map-root-user"; fi; \
	$$u /usr/bin/python3 tests/security/test_shim.py $(LIBEXEC)

# kata-proxy and kata-shim with hostile peers at every end. EVERY=1 takes all
# cases of the table (some five minutes), the default a sample.
.PHONY: check-qmp check-hostile check-calls
EVERY ?= 11
QMP_ARGS ?= --quick
AS_ROOT = $(if $(filter 0,$(shell id -u)),,unshare -U -m --map-root-user)

check-qmp: programs	## kata-proxy against a hostile QMP peer (QMP_ARGS= for all cases)
	@$(AS_ROOT) /usr/bin/python3 tests/security/test_qmp.py $(LIBEXEC) $(QMP_ARGS)

check-calls: programs	## calls that the filters of proxy and shim allow and nothing makes (root, bpftrace)
	@/usr/bin/python3 tests/security/test_calls.py $(LIBEXEC)

check-hostile: programs	## kata-proxy and kata-shim against a hostile agent (EVERY=1: all cases)
	@$(AS_ROOT) /usr/bin/python3 tests/security/test_hostile.py $(LIBEXEC) --every $(EVERY)

# Every program as built and as installed; a test each.
.PHONY: check-binaries
check-binaries: all $(B)/tools/seccomp-compile	## PIE, RELRO, NX, canary, FORTIFY, no RPATH of every program
	+@/usr/bin/python3 tests/security/test_binaries.py $(B) '$(MAKE)'

# kata-jail-exec on this kernel, the guest's, and one of Debian's.
.PHONY: check-landlock
$(B)/security/%: tests/security/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -g $(WARN) -static -o $@ $<

check-landlock: all $(B)/security/landlock-probe	## Landlock's rules on three kernels, two in QEMU
	@/usr/bin/python3 tests/security/test_landlock.py $(B)

# The SELinux module in the reference policy, on a host without SELinux.
# SELINUX_SUITE=trixie takes that release's policy and tools (root).
.PHONY: check-selinux
check-selinux: $(filter $(SELINUX_PP),$(SHARED_FILES))	## the SELinux module: neverallow rules, and questions to the compiled policy (SELINUX_SUITE=trixie)
	@if [ -n "$(SELINUX_SUITE)" ]; then \
		tests/selinux/in-release $(SELINUX_SUITE) $(SELINUX_ARGS); \
	else \
		/usr/bin/python3 -B tests/selinux/check-policy $(B) $(SELINUX_DEVEL) $(SELINUX_ARGS); \
	fi || [ $$? -eq 77 ]

# --- what the kernel holds for live sandboxes --------------------------------
.PHONY: security-report
REPORT_TOOLS := $(B)/tools/filter-report $(B)/tools/twin-check
$(B)/tools/twin-check: $(OBJ)/tests/security/twin-check.o $(OBJ)/runtime/twin.o \
		$(OBJ)/runtime/boot-cache.o $(call lib_objs,$(LIB_JAIL) filter-eval)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ $(LIBS_JAIL)
$(B)/tools/filter-report: $(OBJ)/tests/security/filter-report.o \
		$(OBJ)/runtime/installed-filters.o $(call lib_objs,$(LIB_JAIL) filter-eval)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ $(LIBS_JAIL)

security-report: all $(REPORT_TOOLS)	## filters, rights and ids of live sandboxes against their limits (root); writes docs/security-figures.md
	@tests/security/report $(B)

# runtime/cgroup*.c on cgroup v2, whatever this host has.
.PHONY: check-cgroup2
$(B)/security/cgroup-probe: $(OBJ)/tests/security/cgroup-probe.o \
		$(patsubst %,$(OBJ)/runtime/%.o,cgroup cgroup-end cgroup-update) \
		$(call lib_objs,$(LIB_BASE))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -static -o $@ $^

check-cgroup2: all $(B)/security/cgroup-probe	## control groups on cgroup v2, on two kernels in QEMU
	@/usr/bin/python3 tests/security/test_cgroup2.py $(B)

# --- fuzzing ---------------------------------------------------------------
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZ_B := build/fuzz
FUZZ_FLAGS := -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_SRC := $(wildcard tests/fuzz/fuzz-*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(FUZZ_B)/%)
FUZZ_LIB := $(FUZZ_B)/libkata.a

fuzz-smoke: $(FUZZ_BIN)	## fuzz every decoder, FUZZ_SECONDS=60 in all
	@tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ_BIN)

$(FUZZ_B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(TEST_CPPFLAGS) $(TEST_CFLAGS) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_B)/obj/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(TEST_CPPFLAGS) $(TEST_CFLAGS) $(FUZZ_FLAGS) -Wno-shadow \
		-MMD -MP -c -o $@ $<

$(FUZZ_LIB): $(TEST_LIB_SRC:%.c=$(FUZZ_B)/obj/%.o) \
		$(PROTOS:%=$(FUZZ_B)/obj/gen/proto/%.pb-c.o)
	rm -f $@ && ar rcs $@ $^

define fuzz_rule
$(FUZZ_B)/$(1): $(FUZZ_B)/obj/tests/fuzz/$(1).o \
		$(call named_objs,tests/fuzz/$(1).c,$(FUZZ_B)/obj) $(FUZZ_LIB)
	@mkdir -p $$(@D)
	$$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -pie -o $$@ $$^ $(TEST_LIBS)
endef
$(foreach t,$(FUZZ_SRC:tests/fuzz/%.c=%),$(eval $(call fuzz_rule,$(t))))

$(patsubst %.c,$(FUZZ_B)/obj/%.o,$(wildcard lib/*.c agent/*.c shim/*.c runtime/*.c tests/fuzz/*.c)): | $(PROTO_H) $(FILTER_DIGESTS_H)

-include $(shell find $(SAN_B)/test-obj $(FUZZ_B)/obj -name '*.d' 2>/dev/null)

# --- lint ------------------------------------------------------------------
LINT_DIRS := lib runtime jailer agent shim seccomp-profiles tests
LINT_C := $(sort $(shell find $(LINT_DIRS) -name '*.c'))
LINT_H := $(sort $(shell find $(LINT_DIRS) -name '*.h'))
TIDY_C := $(filter-out tests/%,$(LINT_C))
LINT_SH := $(sort do $(shell find tests osbuilder seccomp-profiles .ci -type f 2>/dev/null \
	-exec awk 'FNR == 1 && /^\#!.*sh$$/ { print FILENAME } { nextfile }' {} +))
CLANG ?= clang
CLANG_TIDY ?= clang-tidy
CLANG_FORMAT ?= clang-format

lint: lint-quick lint-tidy	## every static check

lint-quick: lint-format lint-includes lint-privileges lint-calls lint-headers lint-syntax lint-shell lint-docs lint-seccomp	## the fast static checks

lint-format:	## formatting (`make format` repairs it) and line length
	$(CLANG_FORMAT) --dry-run -Werror $(LINT_C) $(LINT_H)
	@tests/lint/check-lines $(LINT_C) $(LINT_H)

format:	## format all C files in place
	$(CLANG_FORMAT) -i $(LINT_C) $(LINT_H)

lint-includes:	## who may include whom
	@tests/lint/check-includes $(LINT_C) $(LINT_H)

lint-privileges:	## who may call what; filters and docs/privileges.md as the code declares
	@tests/lint/check-privileges $(LINT_C) $(LINT_H)
	@seccomp-profiles/gen --check

lint-calls: $(PROGRAMS)	## declared calls of proxy and shim against what their objects can make
	@tests/lint/check-calls $(OBJ)

lint-headers: $(PROTO_H) $(FILTER_DIGESTS_H)	## every header compiles alone
	@for h in $(LINT_H); do \
		echo "#include \"$$h\"" | $(CC) $(TEST_CPPFLAGS) $(TEST_CFLAGS) \
			-fsyntax-only -x c - || exit 1; \
	done
	@echo "lint-headers: $(words $(LINT_H)) headers"

lint-syntax: $(PROTO_H) $(FILTER_DIGESTS_H)	## warnings of gcc and clang
	@for c in gcc $(CLANG); do \
		$$c $(TEST_CPPFLAGS) $(TEST_CFLAGS) -fsyntax-only $(LINT_C) || exit 1; \
		echo "lint-syntax: $(words $(LINT_C)) files with $$c"; \
	done

lint-shell:	## shellcheck
	shellcheck $(wildcard $(LINT_SH))

# What compares the policies' schema with the reader of policies.
POLICY_CHECK := $(B)/tools/policy-check
$(POLICY_CHECK): $(OBJ)/tests/lint/policy-check.o $(call lib_objs,$(LIB_JAIL))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ $(LIBS_JAIL)

lint-docs: $(PROGRAMS) $(POLICY_CHECK)	## documents, policies, man pages and completion against tree and programs
	@tests/lint/check-policies $(POLICY_CHECK)
	@tests/lint/check-conformance
	@tests/lint/check-fail-closed
	@tests/lint/check-man $(BIN)/kata-runtime
	@tests/lint/check-completion $(BIN)/kata-runtime

lint-seccomp:	## filters of QEMU and virtiofsd: each rule seen at work, or with a reason
	@tests/security/test_seccomp.py

check-install: all	## install into an empty place, run, uninstall
	+@tests/lint/check-install '$(MAKE)'

man: docs/man/kata-configuration.toml.5	## write kata-configuration.toml(5) from the commented file
docs/man/kata-configuration.toml.5: runtime/configuration.toml docs/man/configuration-page
	docs/man/configuration-page $< >$@.new && mv $@.new $@

lint-tidy: $(PROTO_H) $(FILTER_DIGESTS_H)	## clang-tidy (slow)
	@printf '%s\n' $(TIDY_C) | xargs -P $$(nproc) -n 4 tests/lint/tidy
	@echo "lint-tidy: $(words $(TIDY_C)) files"
lint-tidy: export FLAGS = $(TEST_CPPFLAGS) -std=gnu11
lint-tidy: export CLANG_TIDY := $(CLANG_TIDY)
