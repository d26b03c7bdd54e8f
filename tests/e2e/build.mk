# SPDX-License-Identifier: Apache-2.0
# Tests against real VMs (tests/e2e/run), `make test` and `make soak`.
# T=NAME picks files or test names: make e2e T=40-exec. S=PARTS: make soak S=faults.

.PHONY: test e2e soak hooks-build results-begin test-programs

PROBE := $(B)/e2e/probe

$(PROBE): tests/e2e/probe.c tests/e2e/probe-files.c tests/e2e/probe.h
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -g $(WARN) -static -o $@ $(filter %.c,$^)

# Init of a guest in the agent's place; 93-evil.bats writes its scripts.
EVIL := $(B)/e2e/evil-agent

$(EVIL): tests/security/evil-agent.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -g $(WARN) -static -s -o $@ $<

# Makes a live QEMU or file server do what an attacker would (root).
CAPTURED := $(B)/e2e/captured

$(CAPTURED): tests/security/captured.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -g $(WARN) -o $@ $<

# The runtime whose jails can be broken; a second set of objects.
hooks-build:
	+@$(MAKE) --no-print-directory HOOKS=1 all >build/hooks.log 2>&1 || \
		{ tail -n 40 build/hooks.log; exit 1; }

e2e: all $(PROBE) $(EVIL) $(REPORT_TOOLS) hooks-build	## e2e tests as user and root (T=name picks, RUNTIME=runc checks the tests)
	@tests/e2e/run $(B) '$(T)'

soak: all $(PROBE) $(EVIL) $(REPORT_TOOLS) hooks-build	## hours: all of S="starts codes eight cycles hostile captured faults e2e seccomp", or some (tests/e2e/soak)
	@tests/e2e/soak $(B) $(S)

.PHONY: check-captured
CAPTURED_ARGS ?= --sample
check-captured: all $(CAPTURED) hooks-build	## what a captured QEMU or file server cannot do: docs/captured-vmm.md (root; CAPTURED_ARGS= for all, --write)
	@if [ "$$(id -u)" -ne 0 ]; then echo "skip: check-captured needs root"; exit 0; fi; \
	/usr/bin/python3 tests/security/test_captured.py $(B) $(CAPTURED_ARGS)

# All that the suites of `make test` have in common.
test-programs: all hooks-build $(PROBE) $(EVIL) $(CAPTURED) $(REPORT_TOOLS) $(POLICY_CHECK) \
	$(B)/tools/seccomp-compile $(B)/security/landlock-probe $(B)/security/cgroup-probe

test:	## unit, lint, 60 s of fuzzing, hostile shim peers, agent, e2e; ends with the counts
	@tests/run-all '$(MAKE)'
