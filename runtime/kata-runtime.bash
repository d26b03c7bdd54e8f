# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of kata-runtime for bash. Verbs and options are asked of the
# program itself, so that they are always those of the one that is installed.

# _kata_runtime_words HELP: option names and, in the first help, verbs.
_kata_runtime_options() {
	"$@" --help 2>/dev/null | sed -n 's/^  \(-., \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p'
}

_kata_runtime_verbs() {
	"$1" --help 2>/dev/null | sed -n '/^commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'
}

# Does this option take a value? _kata_runtime_takes PROGRAM [VERB] -- OPTION
_kata_runtime_takes() {
	local call=() option

	while [ "$1" != -- ]; do
		call+=("$1")
		shift
	done
	option=$2
	"${call[@]}" --help 2>/dev/null |
		grep -qE -- "^  (-., )?${option} [A-Z]|^  ${option}, --[a-z0-9-]* [A-Z]"
}

_kata_runtime() {
	local program=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]}
	local prev=${COMP_WORDS[COMP_CWORD - 1]} verb='' root=() i word

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == --root=* ]]; then
			root=("$word")
		elif [[ $word == -* ]]; then
			_kata_runtime_takes "$program" -- "$word" || continue
			[ "$word" != --root ] || root=(--root "${COMP_WORDS[i + 1]}")
			((i++))
		else
			verb=$word
			break
		fi
	done
	case $prev in
	--bundle | -b)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--log-format)
		mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur")
		return
		;;
	--cgroup-manager)
		mapfile -t COMPREPLY < <(compgen -W "cgroupfs systemd disabled" -- "$cur")
		return
		;;
	-*)
		if _kata_runtime_takes "$program" ${verb:+"$verb"} -- "$prev"; then
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
		fi
		;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"$(_kata_runtime_options "$program" ${verb:+"$verb"})" -- "$cur")
	elif [ -z "$verb" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_kata_runtime_verbs "$program")" -- "$cur")
	else
		case $verb in
		create | run | list | spec | features | env | kata-env) ;;
		*)
			mapfile -t COMPREPLY < <(compgen -W \
				"$("$program" "${root[@]}" list -q 2>/dev/null)" -- "$cur")
			;;
		esac
	fi
}

complete -F _kata_runtime kata-runtime
