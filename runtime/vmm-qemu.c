// SPDX-License-Identifier: Apache-2.0
/*
 * vmm-qemu.c - QEMU's command line: the device allow-list of a sandbox. No
 * text from a config.json, an annotation or an image ever gets in here; every
 * value is a number or a constant of ours, but for two lists of the
 * administrator's that guest-params.c has checked. Starts stopped (-S).
 */
#include "hooks.h"
#include "vmm.h"

#include "hooks.h"

#define TAG "kataShared"

static void add_devices(const struct vmm_config *c, struct strv *a)
{
	strv_add(a, "-chardev");
	strv_addf(a, "socket,id=qmp,fd=%d,server=off", c->qmp_fd);
	strv_add(a, "-mon");
	strv_add(a, "chardev=qmp,mode=control");
	strv_add(a, "-chardev");
	strv_addf(a, "socket,id=console,fd=%d,server=off", c->console_fd);
	/* One port only: those of a device with more appear after init runs. */
	strv_add(a, "-device");
	strv_add(a, "virtio-serial-device,id=con,max_ports=1");
	strv_add(a, "-device");
	strv_add(a, "virtconsole,chardev=console,bus=con.0");
	strv_add(a, "-chardev");
	strv_addf(a, "socket,id=agent,fd=%d,server=off", c->agent_fd);
	strv_add(a, "-device");
	strv_add(a, "virtio-serial-device,id=agt,max_ports=2");
	strv_add(a, "-device");
	strv_add(a,
		 "virtserialport,bus=agt.0,nr=1,chardev=agent,name=agent.channel.0");
	strv_add(a, "-chardev");
	strv_addf(a, "socket,id=fs,fd=%d,server=off", c->fs_fd);
	strv_add(a, "-device");
	strv_add(a, "vhost-user-fs-device,chardev=fs,tag=" TAG);
	strv_add(a, "-object");
	strv_add(a, "rng-builtin,id=rng");
	strv_add(a, "-device");
	strv_add(a, "virtio-rng-device,rng=rng");
	if (c->reclaim) {
		/* The balloon is never inflated: it only reports free pages. */
		strv_add(a, "-device");
		strv_add(a, "virtio-balloon-device,free-page-reporting=on");
	}
	if (c->net_fd < 0)
		return;
	strv_add(a, "-netdev");
	strv_addf(a, "tap,id=net,fd=%d,vhost=off", c->net_fd);
	strv_add(a, "-device");
	strv_addf(
		a,
		"virtio-net-device,netdev=net,mac=%02x:%02x:%02x:%02x:%02x:%02x",
		c->mac[0], c->mac[1], c->mac[2], c->mac[3], c->mac[4],
		c->mac[5]);
}

#ifdef TEST_HOOKS
/* KATA_TEST_BREAK=guest:LAYER: the agent leaves it out. */
static void break_guest(struct strv *a)
{
	const char *layer = hook_layer_for("guest");
	char **words = &a->item[a->count - 1];
	char *more;

	if (!layer)
		return;
	more = xasprintf("%s agent_break=%s", *words, layer);
	free(*words);
	*words = more;
}
#else
#define break_guest(a) ((void)0)
#endif

/*
 * What a guest under TCG on microvm cannot measure is told to it: without
 * tsc_early_khz about half of the boots hang, without tsc=reliable two CPUs
 * fall back to a clock of jiffies. lapic_timer_khz is osbuilder's own patch:
 * QEMU's local APIC timer runs at 1 GHz.
 */
static void add_kernel(const struct vmm_config *c, struct strv *a)
{
	char tcg[128] = "";

	if (c->accel == ACCEL_TCG && c->tsc_khz > 0)
		snprintf(tcg, sizeof(tcg),
			 " tsc_early_khz=%u tsc=reliable "
			 "lapic_timer_khz=1000000 no_timer_check",
			 c->tsc_khz);
	strv_add(a, "-kernel");
	strv_add(a, c->kernel);
	strv_add(a, "-initrd");
	strv_add(a, c->initrd);
	strv_add(a, "-append");
	strv_addf(a, "console=hvc0 %s panic=-1 reboot=t noreplace-smp%s%s%s%s",
		  c->guest_log ? "ignore_loglevel" : "quiet", tcg,
		  c->agent_log ? " agent.log=debug" : "",
		  *c->kernel_params ? " " : "", c->kernel_params);
	break_guest(a);
}

void vmm_qemu_args(const struct vmm_config *c, struct strv *a)
{
	strv_add(a, "-S");
	strv_add(a, "-nodefaults");
	strv_add(a, "-no-user-config");
	strv_add(a, "-nographic");
	strv_add(a, "-no-reboot");
	if (!hook_is_broken_in("vmm", "own")) {
		strv_add(a, "-sandbox");
		strv_add(a,
			 "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	}
	strv_add(a, "-accel");
	strv_add(a, c->accel == ACCEL_KVM ? "kvm" : "tcg,thread=multi");
	/* Nested virtualization is never shown. TCG runs "rep movsb" byte by
	 * byte: without erms and fsrm the guest's kernel does not use it. */
	strv_add(a, "-cpu");
	strv_addf(a, "%s%s%s",
		  c->accel == ACCEL_KVM ? "host,-vmx,-svm" :
					  "max,-vmx,-svm,-erms,-fsrm",
		  *c->cpu_features ? "," : "", c->cpu_features);
	/* Without ACPI the devices come by the kernel's command line: a tenth
	 * less to translate at each boot. KVM keeps it for its timers. */
	strv_add(a, "-M");
	strv_addf(a,
		  "microvm,memory-backend=mem,dump-guest-core=off,isa-serial=off,"
		  "auto-kernel-cmdline=on%s",
		  c->accel == ACCEL_TCG ? ",acpi=off" : "");
	strv_add(a, "-m");
	strv_addf(a, "%uM", c->memory_mib);
	strv_add(a, "-smp");
	strv_addf(a, "%u", c->vcpus);
	strv_add(a, "-object");
	strv_addf(
		a,
		"memory-backend-memfd,id=mem,size=%uM,share=on,seal=on,dump=off",
		c->memory_mib);
	strv_add(a, "-global");
	strv_add(a, "virtio-mmio.force-legacy=false");
	add_kernel(c, a);
	add_devices(c, a);
}
