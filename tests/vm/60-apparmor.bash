# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# boot: security=apparmor apparmor=1 selinux=0
# 60-apparmor: a host with AppArmor in SELinux' place. podman runs containers
# there, by root and by an ordinary user; where AppArmor restricts user
# namespaces (Debian 13's kernel can), our profile grants them, and without it
# the error says what is missing.

RESTRICT=/proc/sys/kernel/apparmor_restrict_unprivileged_userns

guest_apparmor_is_on() {
	grep -qw apparmor /sys/kernel/security/lsm
	[ "$(cat /sys/module/apparmor/parameters/enabled)" = Y ]
	[ ! -d /sys/fs/selinux ]
}

guest_profile_is_parsed_and_loaded() {
	[ -e "$RESTRICT" ] || {
		echo "skip: this kernel has no $RESTRICT, and AppArmor 3 no rule for it"
		return
	}
	install -m 0644 /usr/local/share/kata/apparmor/kata-runtime /etc/apparmor.d/
	apparmor_parser -r -W /etc/apparmor.d/kata-runtime
	grep '^kata-runtime (unconfined)' /sys/kernel/security/apparmor/profiles
}

guest_rootless_podman() {
	as_login user bash "$TREE/tests/demo" "$KATA"
}

guest_rootful_podman() {
	podman_once root
}

guest_restricted_user_namespaces_need_the_profile() {
	local bundle=/home/other/b

	[ -e "$RESTRICT" ] || {
		echo "skip: this kernel has no $RESTRICT"
		return
	}
	plain_bundle other "$bundle"
	echo 1 >"$RESTRICT"
	# no profile: refused, with the reason; nothing is left
	apparmor_parser -R /etc/apparmor.d/kata-runtime
	! as_login other "$KATA" run --bundle "$bundle" plain >out 2>&1 ||
		fail "it ran without the profile"
	grep 'AppArmor forbids it to programs without a profile' out
	as_login other "$KATA" list -q >out
	[ ! -s out ]
	# with it
	apparmor_parser -r /etc/apparmor.d/kata-runtime
	as_login other "$KATA" run --bundle "$bundle" plain | tee out
	grep '^in the VM$' out
	echo 0 >"$RESTRICT"
}
