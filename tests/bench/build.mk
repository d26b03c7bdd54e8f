# SPDX-License-Identifier: Apache-2.0
# Figures: build/bench.json and docs/figures.md. N=pairs of cold starts.

.PHONY: bench
N ?= 15

$(B)/bench/agent-rss: tests/bench/agent-rss.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O2 -g $(WARN) -static -o $@ $<

bench: all $(PROBE) $(B)/bench/agent-rss	## measure; writes build/bench.json and docs/figures.md (N=15)
	@tests/bench/run $(B) $(N)
