# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# 25-states: the table "What happens where" of docs/selinux.md, and what becomes
# of a label that the engine asks for. The row "off" is in 60-apparmor.

# What runs kata-runtime; a test may put something else here.
RUNTIME=("$KATA")

# create [JQ]: a container "row" of `user`; what it says is in ./said.
create() {
	# shellcheck disable=SC2016 # for the other side
	as_login user bash -ec '
		filter=$1
		shift
		jq "$filter" b/config.json >b/new.json
		mkdir -p asked
		ln -sfn ../b/rootfs asked/rootfs
		mv b/new.json asked/config.json
		"$@" create --bundle ~/asked row </dev/null >~/said 2>&1
	' - "${1:-.}" "${RUNTIME[@]}"
}

delete() {
	as_login user "${RUNTIME[@]}" delete --force row
}

said() {
	cat /home/user/said
}

# state JQ: of the container
state() {
	as_login user "${RUNTIME[@]}" state row | jq -r "$1"
}

# row WORDS: a container starts and its state says WORDS of SELinux, and nothing
# else of it; who requires the layer is refused with the same words.
row() {
	create || fail "$(said)"
	state '.kata.absent[]? | select(startswith("selinux"))' | tee absent
	[ "$(grep -cE "^selinux: $1\$" absent)" = "$(wc -l <absent)" ]
	[ -s absent ]
	delete
	required || true
	said | grep -E "layer selinux is required but cannot be had: $1" || fail "$(said)"
	! as_login user "${RUNTIME[@]}" state row 2>/dev/null || fail "it is there"
}

required() {
	local RUNTIME=("${RUNTIME[@]}" --config /home/user/required.toml)

	create
}

guest_prepare() {
	! semodule -l | grep -qx kata || module_out
	plain_bundle user /home/user/b
	(
		cat /etc/kata/configuration.toml
		printf '[security]\nrequired = ["selinux"]\n'
	) >/home/user/required.toml
}

guest_enforcing_without_the_module() {
	row 'the kata module is not loaded'
}

guest_a_label_is_ignored_without_the_module() {
	create '.process.selinuxLabel = "system_u:system_r:container_t:s0:c5,c6"' ||
		fail "$(said)"
	[ "$(state '.kata.selinuxLevel')" = null ]
	delete
}

guest_a_runtime_that_is_not_labelled() {
	module_in
	as_login user bash -ec 'mkdir -p un/share; cp -r /usr/local/bin /usr/local/libexec un/
		cp -r /usr/local/share/kata un/share/'
	RUNTIME=(/home/user/un/bin/kata-runtime)
	row 'kata-runtime runs as [^ ]*:unconfined_t:[^ ]* and not as kata_runtime_t: .*'
}

guest_permissive() {
	setenforce 0
	row 'permissive: labels are set and nothing is refused'
	setenforce 1
}

guest_enforcing_with_the_module() {
	required || fail "$(said)"
	state '.kata.absent[]? | select(startswith("selinux"))' >absent
	[ ! -s absent ] || fail "$(cat absent)"
	[[ $(state .kata.selinuxLevel) =~ ^s0:c[0-9]+,c[0-9]+$ ]]
	delete
}

guest_a_caller_with_two_categories() {
	# the shell takes the level, and kata-runtime its domain from there
	RUNTIME=(runcon -l "s0-s0:c7,c9" sh -c "exec $KATA \"\$@\"" -)
	row 'no categories of its own: .* \(s0:c7,c9\)'
	RUNTIME=(runcon -l s0 sh -c "exec $KATA \"\$@\"" -)
	row 'no categories of its own: .* \(s0\)'
}

guest_the_categories_that_an_engine_asks_for() {
	create '.process.selinuxLabel = "system_u:system_r:container_t:s0:c5,c6"' ||
		fail "$(said)"
	[ "$(state .kata.selinuxLevel)" = s0:c5,c6 ]
	pgrep -u user -f 'kata-shim|kata-proxy' >pids
	[ -s pids ]
	# shellcheck disable=SC2046
	ps -o label= -p $(paste -sd, pids) | tee ps
	! grep -v ':s0:c5,c6$' ps || fail "another level"
	delete
}

# refused JQ WORDS
refused() {
	! create "$1" || fail "not refused: $2"
	said | grep -F "$2" || fail "$(said)"
}

guest_a_label_that_is_none_is_refused() {
	refused '.process.selinuxLabel = "container"' 'process.selinuxLabel: "container" is no label'
	refused '.process.selinuxLabel = "a:b:c:s0:c5-c6"' 'process.selinuxLabel'
	refused '.process.selinuxLabel = "a:b:c:s0:c1-s0:c1,c2"' 'is no single level'
}

guest_a_level_without_categories_is_no_choice() {
	create '.process.selinuxLabel = "system_u:system_r:container_t:s0"' || fail "$(said)"
	[[ $(state .kata.selinuxLevel) =~ ^s0:c[0-9]+,c[0-9]+$ ]]
	delete
}

guest_categories_that_the_caller_lacks_are_refused() {
	RUNTIME=(runcon -l "s0-s0:c7.c12" sh -c "exec $KATA \"\$@\"" -)
	refused '.process.selinuxLabel = "system_u:system_r:container_t:s0:c5,c6"' \
		'the caller does not have all of s0:c5,c6'
}

guest_one_of_our_types_is_permissive() {
	semanage permissive -a kata_fs_t
	create || fail "$(said)"
	state '.kata.absent[]?' | tee absent
	grep 'type kata_fs_t is permissive' absent
	delete
	! required || fail "it started"
	said | grep 'layer selinux is required but cannot be had: type kata_fs_t is permissive'
	semanage permissive -d kata_fs_t
}

guest_no_denial_names_a_type_of_ours() {
	local left

	left=$(denials_of_ours | grep -v 'permissive=1') || true
	[ -z "$left" ] || fail "these were denied: $left"
}

guest_the_module_is_removed() {
	module_out
}
