#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Real root and configuration: the system's file alone.

load ../helpers

teardown() {
	rm -rf "${XDG_CONFIG_HOME:?}/kata"
	common_teardown
}

@test "root: a file in the user's directory is not read" {
	mkdir -p "$XDG_CONFIG_HOME/kata/config.d"
	echo nonsense >"$XDG_CONFIG_HOME/kata/configuration.toml"
	echo nonsense >"$XDG_CONFIG_HOME/kata/config.d/a.toml"
	run -0 "$KATA" env --json
	lacks "$(jq -r '.Runtime.Config.Files[]' <<<"$output")" "^$XDG_CONFIG_HOME"
	# and it would have been an error
	run -1 "$KATA" --config "$XDG_CONFIG_HOME/kata/configuration.toml" env
	has "$output" "^kata-runtime: configuration: $XDG_CONFIG_HOME/kata/configuration.toml:1: "
}
