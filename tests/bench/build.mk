# SPDX-License-Identifier: Apache-2.0
# Figures: build/bench.json and docs/figures.md. N=pairs of cold starts.

.PHONY: bench bench-jail
N ?= 15
# QUICK=1: three pairs, to try it; docs/figures.md is rewritten all the same.
ifeq ($(QUICK),1)
N := 3
endif

$(B)/bench/jail-args: $(OBJ)/tests/bench/jail-args.o \
		$(filter-out %/main.o,$(JAILER_O))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ $(LIBS_JAIL)

$(B)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -g $(WARN) -static -o $@ $<

bench: all $(PROBE) $(B)/bench/agent-rss $(B)/bench/guest-work $(B)/bench/jail-args	## measure against the targets; exit 1 when one is missed (N=15, QUICK=1)
	@tests/bench/run $(B) $(N)

bench-jail: programs $(SHARE)/vmlinux $(SHARE)/initrd.img $(PROBE) $(B)/bench/jail-args	## measure what a jail costs; exit 1 when over the target (N=15)
	@tests/bench/run $(B) $(N) jail
