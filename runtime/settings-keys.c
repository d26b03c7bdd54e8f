// SPDX-License-Identifier: Apache-2.0
/*
 * settings-keys.c - the table of configuration.toml's keys and of Kata's
 * annotations; see settings-keys.h. Read by kata-runtime; constant data. A key
 * of Kata that is not here is "unknown", so every one of them is: a user who
 * moves a file over must learn what became of each line.
 */
#include "settings-keys.h"

#define AT(field) offsetof(struct settings, field)

/* [hypervisor.qemu] and so on: what is done as in Kata, or nearly. */
#define SAME(table, name, kind, field, min, max, text)                         \
	{                                                                      \
		table, name, KEY_SAME, kind, AT(field), min, max, NULL, text   \
	}
#define CHANGED(table, name, kind, field, min, max, text)                       \
	{                                                                       \
		table, name, KEY_CHANGED, kind, AT(field), min, max, NULL, text \
	}
#define OURS(table, name, kind, field, min, max, text)                         \
	{                                                                      \
		table, name, KEY_OURS, kind, AT(field), min, max, NULL, text   \
	}
/* One value is possible. */
#define ONLY(table, name, value, text)                                         \
	{                                                                      \
		table, name, KEY_CHANGED, KIND_FIXED, 0, 0, 0, value, text     \
	}
#define NO(table, name, text)                                                  \
	{                                                                      \
		table, name, KEY_REFUSED, KIND_NONE, 0, 0, 0, NULL, text       \
	}

#define QEMU "hypervisor.qemu"
#define AGENT "agent.kata"

const char *const key_verdict_name[KEY_VERDICT_MAX] = { "same", "changed",
							"refused", "ours" };

const struct key settings_keys[] = {
	/* what boots, and in what */
	NO(QEMU, "path ctlpath",
	   "the jail policy names the program, because it is what is "
	   "enforced and read back; copy the policies, edit \"program\" "
	   "and set security.policies"),
	NO(QEMU, "valid_hypervisor_paths valid_jailer_paths valid_ctlpaths",
	   "no annotation chooses a program"),
	CHANGED(QEMU, "jailer_path", KIND_PATH, jailer, 0, 0,
		"kata-jailer, which makes the jails of VMM and file server; "
		"not Firecracker's jailer"),
	SAME(QEMU, "kernel", KIND_PATH, kernel, 0, 0,
	     "guest kernel: an uncompressed ELF file with a PVH entry"),
	SAME(QEMU, "initrd", KIND_PATH, initrd, 0, 0,
	     "initrd that holds kata-agent"),
	NO(QEMU, "image rootfs_type vm_rootfs_driver disable_image_nvdimm",
	   "the guest has no disk, it runs from the initrd; set initrd"),
	NO(QEMU, "firmware firmware_volume pflashes",
	   "the firmware is that of machine microvm, named by the jail "
	   "policy"),
	CHANGED(QEMU, "kernel_params", KIND_KERNEL_PARAMS, kernel_params, 0, 0,
		"words of a fixed list (runtime/guest-params.c), each with a "
		"value of its type; nothing that we set ourselves, and no "
		"agent option"),
	NO(QEMU, "kernel_verity_params root_hash guest_extension_images",
	   "the guest has no disk to verify; the initrd's owner and mode "
	   "are checked"),
	NO(QEMU,
	   "initdata confidential_guest sev_snp_guest snp_id_block "
	   "snp_id_auth snp_guest_policy "
	   "tdx_quote_generation_service_socket_port",
	   "confidential guests are not supported"),
	CHANGED(QEMU, "enable_annotations", KIND_ANNOTATIONS,
		enable_annotations, 0, 0,
		"names, not regular expressions, and of these alone: "
		"default_vcpus and default_memory, which stay within "
		"default_maxvcpus and default_maxmemory; "
		"reclaim_guest_freed_memory; virtio_fs_cache"),
	ONLY(QEMU, "machine_type", "\"microvm\"",
	     "other machines are not supported yet"),
	NO(QEMU, "machine_accelerators",
	   "machine options are fixed; the key accelerator chooses "
	   "between KVM and TCG"),
	CHANGED(QEMU, "cpu_features", KIND_CPU_FEATURES, cpu_features, 0, 0,
		"a list of +NAME, -NAME, NAME=on, NAME=off; vmx and svm are "
		"refused"),
	ONLY(QEMU, "disable_nested_virtualization", "true",
	     "nested virtualization is never shown to a guest"),
	OURS(QEMU, "accelerator", KIND_ACCEL, accelerator, 0, 0,
	     "auto (measured), kvm or tcg"),
	/* processors and memory */
	CHANGED(QEMU, "default_vcpus", KIND_VCPUS, default_vcpus, 0, 128,
		"for a container without a CPU limit; whole numbers, not cut "
		"to the host's number; 0 is one, negative is the host's number"),
	SAME(QEMU, "default_maxvcpus", KIND_U32, default_maxvcpus, 0, 128,
	     "the most that a limit leads to; 0, or more than the host has, "
	     "is the host's number"),
	NO(QEMU, "overhead_vcpus",
	   "a quota is rounded up to whole vCPUs, and the host's quota "
	   "has one CPU more for the VMM"),
	CHANGED(QEMU, "default_memory", KIND_U32, default_memory_mib, 64, 1048576,
		"MiB of the VM of a container without a memory limit (Kata: "
		"2048)"),
	SAME(QEMU, "default_maxmemory", KIND_U32, default_maxmemory_mib, 0,
	     1048576,
	     "MiB, the most that a limit leads to; 0, or more than the host "
	     "has, is the host's memory"),
	CHANGED(QEMU, "overhead_memory", KIND_U32, overhead_memory_mib, 16, 4096,
		"MiB that the VM has above the container's limit, for the "
		"guest's kernel and agent; 1/40 for the kernel's own tables "
		"comes on top (Kata: 32)"),
	OURS(QEMU, "cgroup_overhead_memory", KIND_U32, cgroup_overhead_mib, 32,
	     4096,
	     "MiB that the host's cgroup allows above the VM's memory, for "
	     "VMM, file server, proxy and shim"),
	NO(QEMU, "memory_slots memory_offset enable_virtio_mem",
	   "machine microvm has no memory hotplug; the VM is sized once, "
	   "at create"),
	SAME(QEMU, "reclaim_guest_freed_memory", KIND_BOOL, reclaim_memory, 0,
	     0, "free page reporting; on by default (Kata: off)"),
	NO(QEMU,
	   "enable_mem_prealloc enable_hugepages hugepage_type "
	   "file_mem_backend valid_file_mem_backends",
	   "guest memory is a sealed memfd that grows by use"),
	NO(QEMU,
	   "enable_swap enable_guest_swap guest_swap_path "
	   "guest_swap_size_percent guest_swap_create_threshold_secs",
	   "the guest's kernel has no swap"),
	NO(QEMU, "enable_numa numa_mapping", "the guest has one node"),
	/* devices */
	ONLY(QEMU, "default_bridges", "0", "machine microvm has no PCI bus"),
	ONLY(QEMU, "pcie_root_port", "0", "machine microvm has no PCI bus"),
	ONLY(QEMU, "pcie_switch_port", "0", "machine microvm has no PCI bus"),
	ONLY(QEMU, "hotplug_vfio_on_root_bus", "false",
	     "machine microvm has no PCI bus"),
	ONLY(QEMU, "hot_plug_vfio", "\"no-port\"",
	     "devices of the host are not passed into a VM"),
	ONLY(QEMU, "cold_plug_vfio", "\"no-port\"",
	     "devices of the host are not passed into a VM"),
	ONLY(QEMU, "enable_iommu", "false",
	     "no device of the host is passed into a VM"),
	ONLY(QEMU, "enable_iommu_platform", "false",
	     "no device of the host is passed into a VM"),
	ONLY(QEMU, "disable_block_device_use", "true",
	     "block devices of the host are not passed into a VM; file "
	     "systems go through virtio-fs"),
	NO(QEMU,
	   "block_device_driver block_device_aio block_device_cache_set "
	   "block_device_cache_direct block_device_cache_noflush "
	   "logical_sector_size physical_sector_size enable_iothreads "
	   "indep_iothreads queue_size num_queues disk_rate_limiter_*",
	   "the guest has no block device"),
	NO(QEMU,
	   "net_rate_limiter_* rx_rate_limiter_max_rate "
	   "tx_rate_limiter_max_rate",
	   "traffic is shaped in the container's network namespace, by "
	   "the engine's network plugin"),
	ONLY(QEMU, "shared_fs", "\"virtio-fs\"",
	     "the file server is virtiofsd, in a jail of its own"),
	NO(QEMU, "virtio_fs_daemon valid_virtio_fs_daemon_paths",
	   "the jail policy names the program; copy the policies, edit "
	   "\"program\" of virtiofsd.json, or virtiofsd-rs.json for the Rust "
	   "one, and set security.policies"),
	NO(QEMU, "virtio_fs_extra_args",
	   "the arguments of the file server are fixed; such free text "
	   "was a way out of the VM before"),
	CHANGED(QEMU, "virtio_fs_cache", KIND_FS_CACHE, fs_cache, 0, 0,
		"never, auto or always; not metadata, which the C virtiofsd "
		"lacks"),
	ONLY(QEMU, "virtio_fs_cache_size", "0",
	     "no DAX window: the host's page cache is not mapped into a "
	     "guest"),
	NO(QEMU, "virtio_fs_queue_size", "fixed by QEMU's device"),
	NO(QEMU, "msize_9p", "9p is not served"),
	ONLY(QEMU, "enable_vhost_user_store", "false",
	     "the only vhost-user device is the file server"),
	NO(QEMU,
	   "vhost_user_store_path valid_vhost_user_store_paths "
	   "vhost_user_reconnect_timeout_sec",
	   "the only vhost-user device is the file server"),
	NO(QEMU, "entropy_source valid_entropy_sources",
	   "virtio-rng takes getrandom(2) of the host's kernel; no file "
	   "is opened"),
	ONLY(QEMU, "disable_vhost_net", "true",
	     "packets go through the VMM in its jail, not through the "
	     "host's kernel"),
	ONLY(QEMU, "network_queues", "1", "one pair of queues for each device"),
	/* confinement and debugging */
	ONLY(QEMU, "rootless", "true", "a VMM never runs as root"),
	NO(QEMU, "rootless_user",
	   "each sandbox gets an id of its own; see "
	   "security.sandbox_uid_base"),
	ONLY(QEMU, "disable_selinux", "false",
	     "a label is used wherever SELinux and our types are there; see "
	     "security.required"),
	ONLY(QEMU, "disable_guest_selinux", "true",
	     "SELinux inside of the guest is not supported"),
	NO(QEMU, "seccompsandbox seccomp_sandbox",
	   "QEMU's own filter is always on with every denial, under ours; "
	   "neither can be changed"),
	ONLY(QEMU, "disable_seccomp", "false", "no jail runs without a filter"),
	NO(QEMU, "guest_hook_path", "the guest's image holds no hooks"),
	NO(QEMU, "extra_monitor_socket",
	   "kata-proxy is the only one to speak QMP"),
	NO(QEMU, "guest_memory_dump_path guest_memory_dump_paging",
	   "a dump of a guest's memory holds its secrets; the last "
	   "console lines are kept in the log"),
	NO(QEMU, "disable_nesting_checks",
	   "KVM is measured, not guessed; see accelerator"),
	NO(QEMU, "use_legacy_serial", "the console is virtio's"),
	CHANGED(QEMU, "enable_debug", KIND_BOOL, guest_debug, 0, 0,
		"the guest's kernel says everything on its console, whose end "
		"is in the sandbox's log; no debug socket, no other kernel"),
	NO(QEMU, "hypervisor_loglevel log_level", "set enable_debug"),
	ONLY(QEMU, "use_vsock", "false",
	     "the agent's channel is virtio-serial, which no other local "
	     "user can reach"),
	NO(QEMU, "remote_hypervisor_socket remote_hypervisor_timeout",
	   "there is no remote hypervisor"),
	NO(QEMU,
	   "boot_to_be_template boot_from_template memory_path "
	   "device_state_path prefetch_list_path",
	   "templates of VMs are not supported"),
	NO("hypervisor.*", "*", "[hypervisor.qemu] is the only hypervisor"),
	/* the agent */
	SAME(AGENT, "enable_debug", KIND_BOOL, agent_debug, 0, 0,
	     "the agent logs at debug level"),
	NO(AGENT, "log_level", "set enable_debug"),
	ONLY(AGENT, "enable_tracing", "false", "tracing is not supported"),
	NO(AGENT, "trace_mode trace_type", "tracing is not supported"),
	ONLY(AGENT, "debug_console_enabled", "false",
	     "it is a root shell in the guest without authentication"),
	ONLY(AGENT, "kernel_modules", "[]",
	     "the guest's kernel loads no modules"),
	CHANGED(AGENT, "dial_timeout", KIND_U32, dial_timeout, 1, 600,
		"seconds until the agent must have answered, boot included, "
		"under KVM (Kata: 45, or 30)"),
	OURS(AGENT, "dial_timeout_tcg", KIND_U32, dial_timeout_tcg, 1, 600,
	     "the same under TCG"),
	NO(AGENT, "dial_timeout_ms reconnect_timeout_ms",
	   "set agent.kata.dial_timeout, in seconds"),
	NO(AGENT, "create_container_timeout",
	   "set runtime.create_container_timeout"),
	NO(AGENT, "launch_process_timeout cdh_api_timeout cdh_api_timeout_ms",
	   "there are no guest components"),
	NO(AGENT, "health_check_request_timeout_ms",
	   "the proxy supervises the VM by its process"),
	NO(AGENT, "container_pipe_size", "sizes of pipes are the guest's"),
	NO(AGENT, "server_port log_port passfd_listener_port",
	   "nothing listens on vsock; the agent's channel is virtio-serial"),
	NO(AGENT, "policy",
	   "the agent has no policy engine; what it may be asked is fixed "
	   "by its state"),
	NO(AGENT, "visible_cdi_devices",
	   "no device of the host is passed into a VM"),
	NO(AGENT ".mem_agent", "mem_agent_enable memcg_* compact_*",
	   "there is no memory agent; see "
	   "hypervisor.qemu.reclaim_guest_freed_memory"),
	NO("agent.*", "*", "[agent.kata] is the only agent"),
	/* templates, and Kata 1.x's helpers */
	ONLY("factory", "enable_template", "false",
	     "templates share pages and random state between VMs"),
	NO("factory", "template_path", "templates of VMs are not supported"),
	ONLY("factory", "vm_cache_number", "0",
	     "VMs made in advance are not supported"),
	NO("factory", "vm_cache_endpoint",
	   "VMs made in advance are not supported"),
	SAME("proxy.kata", "path", KIND_PATH, proxy, 0, 0, "kata-proxy"),
	NO("proxy.kata", "enable_debug", "set runtime.enable_debug"),
	SAME("shim.kata", "path", KIND_PATH, shim, 0, 0, "kata-shim"),
	NO("shim.kata", "enable_debug", "set runtime.enable_debug"),
	ONLY("shim.kata", "enable_tracing", "false", "tracing is not supported"),
	ONLY("netmon", "enable_netmon", "false", "there is no network monitor"),
	NO("netmon", "path enable_debug", "there is no network monitor"),
	/* the runtime */
	CHANGED("runtime", "enable_debug", KIND_BOOL, runtime_debug, 0, 0,
		"as the option --debug: the sandbox's log gets the agent's "
		"debug lines"),
	NO("runtime", "log_level", "set runtime.enable_debug"),
	ONLY("runtime", "enable_tracing", "false", "tracing is not supported"),
	NO("runtime", "jaeger_endpoint jaeger_user jaeger_password",
	   "tracing is not supported"),
	ONLY("runtime", "enable_pprof", "false",
	     "nothing of ours serves profiles"),
	CHANGED("runtime", "internetworking_model", KIND_NET_MODEL, network, 0, 0,
		"tcfilter or none (no network device); macvtap and passt come "
		"later"),
	ONLY("runtime", "disable_guest_seccomp", "false",
	     "the engine's filter always reaches the container"),
	NO("runtime", "guest_selinux_label",
	   "SELinux inside of the guest is not supported"),
	ONLY("runtime", "disable_new_netns", "false",
	     "the VMM always has an empty network namespace of its own"),
	ONLY("runtime", "sandbox_cgroup_only", "true",
	     "every process of a sandbox is in its cgroup"),
	ONLY("runtime", "static_sandbox_resource_mgmt", "true",
	     "the VM is sized once, at create"),
	NO("runtime", "sandbox_bind_mounts",
	   "a sandbox sees the mounts of config.json and nothing else of "
	   "the host"),
	ONLY("runtime", "vfio_mode", "\"guest-kernel\"",
	     "no device of the host is passed into a VM"),
	ONLY("runtime", "disable_guest_empty_dir", "false",
	     "a volume is what the engine mounted"),
	ONLY("runtime", "emptydir_mode", "\"shared-fs\"",
	     "a volume is what the engine mounted"),
	ONLY("runtime", "experimental", "[]",
	     "there are no experimental features"),
	ONLY("runtime", "experimental_force_guest_pull", "false",
	     "images are the engine's"),
	SAME("runtime", "create_container_timeout", KIND_U32, create_timeout, 1,
	     3600,
	     "seconds for the mounts and agent calls of create, after the "
	     "boot"),
	NO("runtime", "kubelet_root_dir pod_resource_api_sock dan_conf",
	   "nothing of the kubelet's is read"),
	ONLY("runtime", "enable_vcpus_pinning", "false",
	     "vCPUs are not pinned; the host's cpuset holds them all"),
	NO("runtime", "keep_abnormal",
	   "a VM that failed is removed; its reason and last console "
	   "lines are reported"),
	ONLY("runtime", "name", "\"virt_container\"",
	     "there is one implementation"),
	ONLY("runtime", "hypervisor_name", "\"qemu\"",
	     "there is one implementation"),
	ONLY("runtime", "agent_name", "\"kata\"", "there is one implementation"),
	ONLY("runtime", "use_passfd_io", "false", "it needs vsock"),
	NO("runtime", "enable_agent_pidns",
	   "a container's pid namespace is what config.json says"),
	/* security */
	OURS("security", "required", KIND_LAYERS, required, 0, 0,
	     "layers without which nothing starts: cgroup, selinux, kvm"),
	OURS("security", "single_id", KIND_BOOL, single_id, 0, 0,
	     "start where the caller has no subordinate ids: VMM and file "
	     "server share his id"),
	OURS("security", "policies", KIND_PATH, policies, 0, 0,
	     "directory of the jail policies"),
	OURS("security", "seccomp", KIND_PATH, seccomp, 0, 0,
	     "directory of the compiled filters"),
	OURS("security", "sandbox_uid_base", KIND_U32, sandbox_uid_base, 65536,
	     4294900000u, "real root gives each VMM one id from here on"),
	OURS("security", "sandbox_uid_count", KIND_U32, sandbox_uid_count, 1,
	     1000000, "how many such ids there are"),
};
const size_t settings_key_count = ARRAY_SIZE(settings_keys);

#define NOTE "io.katacontainers.config."

const struct key settings_annotations[] = {
	CHANGED(NOTE "hypervisor", "default_vcpus", KIND_U32, default_vcpus, 1,
		128,
		"a whole number, when enable_annotations names it; at most "
		"default_maxvcpus"),
	CHANGED(NOTE "hypervisor", "default_memory", KIND_U32,
		default_memory_mib, 64, 1048576,
		"MiB, when enable_annotations names it; at most "
		"default_maxmemory"),
	CHANGED(NOTE "hypervisor", "reclaim_guest_freed_memory", KIND_BOOL,
		reclaim_memory, 0, 0,
		"true or false, when enable_annotations names it"),
	CHANGED(NOTE "hypervisor", "virtio_fs_cache", KIND_FS_CACHE, fs_cache,
		0, 0, "never, auto or always, when enable_annotations names it"),
	NO(NOTE "hypervisor", "kernel_params",
	   "set kernel_params in configuration.toml; from a pod it could "
	   "switch on a debug console"),
	NO(NOTE "hypervisor", "kernel_verity_params cc_init_data enable_iommu *",
	   "the key of this name in configuration.toml is the "
	   "administrator's alone, where it is there at all"),
	NO(NOTE "runtime", "disable_guest_seccomp",
	   "the engine's filter always reaches the container"),
	NO(NOTE "runtime", "disable_new_netns",
	   "the VMM always has an empty network namespace of its own"),
	NO(NOTE "runtime", "sandbox_cgroup_only",
	   "every process of a sandbox is in its cgroup"),
	NO(NOTE "runtime", "internetworking_model create_container_timeout",
	   "set the key of this name in configuration.toml"),
	NO(NOTE "runtime", "sandbox_bind_mounts shared_mounts",
	   "a sandbox sees the mounts of config.json and nothing else of "
	   "the host"),
	NO(NOTE "runtime",
	   "vfio_mode experimental enable_pprof name hypervisor_name "
	   "agent_name *",
	   "the administrator's configuration.toml decides it, where it "
	   "is there at all"),
	NO(NOTE "agent", "kernel_modules", "the guest's kernel loads no modules"),
	NO(NOTE "agent",
	   "enable_tracing container_pipe_size cdh_api_timeout policy *",
	   "the administrator's configuration.toml decides it, where it "
	   "is there at all"),
	NO("io.katacontainers", "config_path",
	   "no annotation chooses a configuration"),
	NO("io.katacontainers.config*", "*",
	   "no annotation chooses a configuration"),
};
const size_t settings_annotation_count = ARRAY_SIZE(settings_annotations);
