/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The schema of domain XML, and its reference page.
 */
#include "xml/domain-rows.h"

#include "xml/domain-config.h"

/* clang-format off */
#define INTRODUCTION \
  "# Domain XML\n" \
  "<!-- Made by build/xml/cop-xml-docs reference; tests/xml compares. -->\n" \
  "\n" \
  "A domain is described in libvirt's own format, of which this page lists what Coppice has. The words mean what\n" \
  "libvirt's documentation of them says.\n" \
  "\n" \
  "```xml\n" \
  "<domain type='coppice'>\n" \
  "  <name>web</name>\n" \
  "  <memory unit='GiB'>1</memory>\n" \
  "  <vcpu>2</vcpu>\n" \
  "  <os>\n" \
  "    <type arch='riscv64' machine='virt'>hvm</type>\n" \
  "    <kernel>/srv/web/vmlinuz</kernel>\n" \
  "    <cmdline>console=ttyS0 root=/dev/vda</cmdline>\n" \
  "  </os>\n" \
  "  <devices>\n" \
  "    <disk type='file'>\n" \
  "      <source file='/srv/web/disk.img'/>\n" \
  "      <target dev='vda'/>\n" \
  "    </disk>\n" \
  "    <interface type='user'>\n" \
  "      <portForward proto='tcp'><range start='2222' to='22'/></portForward>\n" \
  "    </interface>\n" \
  "    <console type='pty'/>\n" \
  "  </devices>\n" \
  "</domain>\n" \
  "```\n" \
  "\n" \
  "- What is not said is filled in: UUID, MAC addresses, buses and models, the serial port that belongs to a console\n" \
  "  and the console that belongs to a serial port, a controller for virtio consoles and channels.\n" \
  "- What libvirt's format has and Coppice cannot do is an error, which names element, line and what there is instead.\n" \
  "- What is harmless is dropped, and said in the daemon's log. So is what nobody knows; with `virsh define --validate`\n" \
  "  that is an error.\n" \
  "- Documents have at most %u KiB, no DTD and no entities of their own. Elements may come in any order.\n" \
  "- The type `qemu` is read as `coppice`, for programs that know no other.\n" \
  "- Coppice's own elements are in the namespace `" COP_DOMAIN_NAMESPACE "`.\n" \
  "\n" \
  "In the tables, `a/@b` is the attribute `b` of the element `a`, and `.` the text of the element itself. A change\n" \
  "counts at once, or at the next start; what the guest does not see may also change when a saved domain is restored.\n" \
  "\n" \
  "## CPU models\n" \
  "\n" \
  "| `cpu/model` | what a hart has |\n" \
  "|---|---|\n"
/* clang-format on */

char *
cop_domain_schema (void)
{
  return cop_xml_schema (&cop_domain_element);
}

char *
cop_domain_reference (void)
{
  GString *page = g_string_new (NULL);

  g_string_append_printf (page, INTRODUCTION, COP_DOMAIN_XML_MAX >> 10);
  for (const CopCpuModel *model = cop_cpu_models; model->name != NULL; model++)
    g_string_append_printf (page, "| `%s` | %s |\n", model->name, model->says);
  cop_xml_reference (&cop_domain_element, page);
  return g_string_free (page, FALSE);
}
