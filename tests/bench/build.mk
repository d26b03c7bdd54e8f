# SPDX-License-Identifier: Apache-2.0
# Figures: build/bench.json and docs/figures.md. N=pairs of cold starts.

.PHONY: bench
N ?= 15

bench: all $(PROBE)	## measure; writes build/bench.json and docs/figures.md (N=15)
	@tests/bench/run $(B) $(N)
