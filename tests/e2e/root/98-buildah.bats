#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# buildah as root. It is the sub-reaper of our shim, sets the network up between
# create and start, and polls the state.

load ../helpers
load ../buildah

teardown() {
	buildah_teardown
}

@test "root: buildah: RUN without a network, exit code of a RUN that fails" {
	buildah_build
}

@test "root: buildah run: exit code, stdin, terminal, volume, user" {
	buildah_run
}
