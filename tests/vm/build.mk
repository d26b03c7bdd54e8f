# SPDX-License-Identifier: Apache-2.0
# The test host: a Debian in QEMU with SELinux, systemd, cgroup v2 and nested KVM
# (tests/vm/README.md). T=NAME picks tests, R="12 13" releases.

.PHONY: test-vm vm-shell vm-image vm-build
R ?= 12 13

vm-build: all $(PROBE) $(EVIL) $(CAPTURED) $(REPORT_TOOLS) hooks-build

test-vm: vm-build	## tests on the test host, Debian 12 and 13 (T=name picks, R=12 one release)
	@failed=0; for release in $(R); do tests/vm/vm run $$release $(B) $(T) || failed=1; done; \
	exit $$failed

vm-shell: vm-build	## root's console on the test host, the build installed (R=12 or 13; ^A x ends it)
	@tests/vm/vm shell $(firstword $(R)) $(B)

vm-image:	## the test host's disk, made if the cache has none (R=12 or 13)
	@tests/vm/image $(firstword $(R))
