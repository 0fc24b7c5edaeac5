/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Devices of a domain, described once. See xml/element.h for how a row reads.
 *
 * What libvirt's format has and a machine here cannot do is refused with a reason, never dropped in
 * silence; what is harmless is dropped with a note.
 */
#include "xml/domain-config.h"
#include "xml/domain-rows.h"
#include "xml/rows-private.h"

#include <string.h>

/* clang-format off */
#define BIT(value) (1u << (value))

#define ALIAS_PATTERN "[A-Za-z0-9_\\-]+"
#define TAP_PATTERN   "[A-Za-z0-9_.\\-]+"

#define NO_PCI        N_ ("devices are on the virtio-mmio bus; leave <address> out")
/* virt-install asks for IDE where it does not know the hypervisor, whatever the machine has. */
#define ONLY_VIRTIO   N_ ("disks of this machine are virtio disks")

#define ALIAS_ROW(type)                                                                       \
  COP_XML_TEXT ("alias/@name",    type, alias, .pattern = ALIAS_PATTERN, .max = 128,           \
                .examples = "ua-mine|ua-data", .live = cop_alias_is_live,                      \
                .change = COP_XML_CHANGE_HOST,                                                 \
                .says = "name of the device in events and commands; of your choice if it "     \
                        "begins with \"ua-\", otherwise given when the domain starts")
#define ADDRESS_ROW(type)                                                                     \
  COP_XML_REFUSED ("address[@type='pci']",  NO_PCI),                                           \
  COP_XML_ENUM ("address/@type",  type, address, &cop_address_names,                           \
                .says = "bus of the device")

static const CopXmlRow disk_rows[] = {
  COP_XML_ENUM ("@type",            CopDomainDisk, type, &cop_disk_type_names,
                .otherwise = "file", .change = COP_XML_CHANGE_HOST,
                .says = "an image file, or a block device of the host"),
  COP_XML_ENUM ("@device",          CopDomainDisk, device, &cop_disk_device_names,
                .otherwise = "disk", .says = "what the guest sees"),
  COP_XML_REFUSED ("@model",        N_ ("there is one model, virtio; leave it out")),
  COP_XML_REFUSED ("@rawio",        NOT_YET),
  COP_XML_REFUSED ("@sgio",         NOT_YET),
  COP_XML_REFUSED ("@snapshot",     NOT_YET),
  COP_XML_NO_EFFECT ("driver/@name", N_ ("the disk is served by Coppice itself")),
  COP_XML_ENUM ("driver/@type",     CopDomainDisk, format, &cop_disk_format_names,
                .otherwise = "raw", .change = COP_XML_CHANGE_HOST,
                .says = "format of the image"),
  COP_XML_ENUM ("driver/@cache",    CopDomainDisk, cache, &cop_disk_cache_names,
                .otherwise = "writeback",
                .says = "when writes are on the medium: at the guest's flush, or at once with "
                        "writethrough and directsync; the host's page cache is always used"),
  COP_XML_ENUM ("driver/@io",       CopDomainDisk, io, &cop_disk_io_names,
                .otherwise = "io_uring where the host allows it, else threads",
                .change = COP_XML_CHANGE_HOST, .says = "how requests are handed to the host"),
  COP_XML_ENUM ("driver/@discard",  CopDomainDisk, discard, &cop_disk_discard_names,
                .otherwise = "unmap",
                .says = "whether blocks that the guest gives back are freed on the host"),
  COP_XML_REFUSED ("driver/@error_policy", NOT_YET),
  COP_XML_REFUSED ("driver/@rerror_policy", NOT_YET),
  COP_XML_REFUSED ("driver/@ioeventfd", NOT_YET),
  COP_XML_REFUSED ("driver/@event_idx", NOT_YET),
  COP_XML_REFUSED ("driver/@copy_on_read", NOT_YET),
  COP_XML_REFUSED ("driver/@iothread", NOT_YET),
  COP_XML_REFUSED ("driver/@queues", NOT_YET),
  COP_XML_REFUSED ("driver/@queue_size", NOT_YET),
  COP_XML_REFUSED ("driver/@detect_zeroes", NOT_YET),
  COP_XML_REFUSED ("driver/@discard_no_unref", NOT_YET),
  COP_XML_REFUSED ("driver/@iommu", NOT_YET),
  COP_XML_REFUSED ("driver/@ats",   NOT_YET),
  COP_XML_REFUSED ("driver/@packed", NOT_YET),
  COP_XML_REFUSED ("driver/@page_per_vq", NOT_YET),
  COP_XML_REFUSED ("driver/metadata_cache", NOT_YET),
  COP_XML_TEXT ("source/@file",     CopDomainDisk, source, .required = true,
                .pattern = PATH_PATTERN, .max = PATH_MAX_BYTES,
                .examples = "/var/lib/images/disk.img|/srv/a b&c.img",
                .change = COP_XML_CHANGE_HOST, .says = "path of the image",
                COP_XML_WHEN (CopDomainDisk, type, BIT (COP_DISK_FILE))),
  COP_XML_TEXT ("source/@dev",      CopDomainDisk, source, .required = true, .shares = true,
                .pattern = PATH_PATTERN, .max = PATH_MAX_BYTES,
                .examples = "/dev/sdb|/dev/vg/guest",
                .change = COP_XML_CHANGE_HOST, .says = "path of the block device",
                COP_XML_WHEN (CopDomainDisk, type, BIT (COP_DISK_BLOCK))),
  COP_XML_NO_EFFECT ("source/@index", N_ ("a disk has one layer")),
  COP_XML_REFUSED ("source/@fdgroup", NOT_YET),
  COP_XML_REFUSED ("source/@startupPolicy", N_ ("a disk that is missing is an error")),
  COP_XML_REFUSED ("source/seclabel", N_ ("there are no security labels")),
  COP_XML_REFUSED ("source/encryption", NOT_YET),
  COP_XML_REFUSED ("source/reservations", NOT_YET),
  COP_XML_REFUSED ("source/slices", NOT_YET),
  COP_XML_NO_EFFECT ("backingStore[]", N_ ("a raw image has none")),
  COP_XML_REFUSED ("backingStore",  NOT_YET),
  COP_XML_REFUSED ("mirror",        NOT_YET),
  COP_XML_TEXT ("target/@dev",      CopDomainDisk, target, .required = true,
                .pattern = "(vd|sd|hd|xvd)[a-z]{1,2}", .max = 16, .examples = "vda|vdb|vdaa",
                .says = "name of the disk in commands; disks are attached in the order of "
                        "their names"),
  COP_XML_ENUM ("target/@bus",      CopDomainDisk, bus, &cop_disk_bus_names,
                .otherwise = "virtio", .alias = "ide", .alias_says = ONLY_VIRTIO,
                .says = "how the disk is attached"),
  COP_XML_REFUSED ("target/@tray",  N_ ("there are no removable disks")),
  COP_XML_REFUSED ("target/@removable", N_ ("there are no removable disks")),
  COP_XML_REFUSED ("target/@rotation_rate", NOT_YET),
  COP_XML_REFUSED ("iotune",        SET_ON_HOST),
  COP_XML_REFUSED ("blockio",       N_ ("sectors have 512 bytes")),
  COP_XML_REFUSED ("geometry",      NOT_YET),
  COP_XML_FLAG ("readonly",         CopDomainDisk, readonly,
                .says = "the guest cannot write"),
  COP_XML_FLAG ("shareable",        CopDomainDisk, shareable, .change = COP_XML_CHANGE_HOST,
                .says = "other domains may have the image open too"),
  COP_XML_REFUSED ("transient",     NOT_YET),
  COP_XML_TEXT ("serial",           CopDomainDisk, serial, .max = 20,
                .pattern = "[A-Za-z0-9_.+ \\-]+", .examples = "WD-1234|disk 0",
                .says = "serial number that the guest reads"),
  COP_XML_REFUSED ("wwn",           N_ ("only SCSI disks have one")),
  COP_XML_REFUSED ("vendor",        N_ ("only SCSI disks have one")),
  COP_XML_REFUSED ("product",       N_ ("only SCSI disks have one")),
  COP_XML_REFUSED ("auth",          NOT_YET),
  COP_XML_REFUSED ("encryption",    NOT_YET),
  COP_XML_REFUSED ("diskSecretsPlacement", NOT_YET),
  COP_XML_UINT ("boot/@order",      CopDomainDisk, boot_order, .min = 1, .max = 1000,
                .change = COP_XML_CHANGE_HOST,
                .says = "position among the devices that firmware boots from"),
  COP_XML_REFUSED ("acpi",          NO_PCI),
  COP_XML_REFUSED ("backenddomain", OTHER_VMM),
  COP_XML_REFUSED ("boot/@loadparm", N_ ("it is for s390x; remove it")),
  ALIAS_ROW (CopDomainDisk),
  ADDRESS_ROW (CopDomainDisk),
};

const CopXmlElement cop_disk_element = {
  "disk", COP_XML_ROWS (CopDomainDisk, disk_rows),
  .says = "A disk: an image file or a block device of the host, seen by the guest as virtio-blk.",
};

static const CopXmlRow controller_rows[] = {
  COP_XML_ENUM ("@type",            CopDomainController, type, &cop_controller_names,
                .required = true, .says = "what is attached to it"),
  COP_XML_INDEX ("@index",          CopDomainController, index, .max = 255,
                .otherwise = "0", .says = "number of the controller"),
  COP_XML_REFUSED ("@ports",        N_ ("the number of ports is that of consoles and channels")),
  COP_XML_REFUSED ("@vectors",      NO_PCI),
  COP_XML_REFUSED ("@model",        N_ ("there is one model; leave it out")),
  COP_XML_REFUSED ("driver",        NOT_YET),
  ALIAS_ROW (CopDomainController),
  ADDRESS_ROW (CopDomainController),
};

const CopXmlElement cop_controller_element = {
  "controller", COP_XML_ROWS (CopDomainController, controller_rows),
  .says = "A controller. One of type virtio-serial is added where a console or channel needs it.",
};

#define PORT_MAX 65535

static const CopXmlRow range_rows[] = {
  COP_XML_UINT ("@start",           CopDomainPortRange, start, .required = true,
                .min = 1, .max = PORT_MAX, .says = "first port on the host"),
  COP_XML_UINT ("@end",             CopDomainPortRange, end, .min = 1, .max = PORT_MAX,
                .otherwise = "start", .says = "last port on the host"),
  COP_XML_UINT ("@to",              CopDomainPortRange, to, .min = 1, .max = PORT_MAX,
                .otherwise = "start", .says = "port of the guest that start goes to"),
  COP_XML_REFUSED ("@exclude",      N_ ("name the ranges that are forwarded instead")),
};

static const CopXmlElement range_element = {
  "range", COP_XML_ROWS (CopDomainPortRange, range_rows),
  .says = "Ports that are forwarded.",
};

static const CopXmlRow forward_rows[] = {
  COP_XML_ENUM ("@proto",           CopDomainPortForward, protocol, &cop_forward_names,
                .required = true, .says = "protocol"),
  COP_XML_TEXT ("@address",         CopDomainPortForward, address, .max = 15,
                .pattern = "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
                .examples = "127.0.0.1|0.0.0.0|192.0.2.7", .otherwise = "127.0.0.1",
                .says = "address of the host that is listened on"),
  COP_XML_REFUSED ("@dev",          N_ ("give the address of the interface instead")),
  COP_XML_LIST ("range",            CopDomainPortForward, ranges, &range_element,
                .min = 1, .max = 64),
};

static const CopXmlElement forward_element = {
  "portForward", COP_XML_ROWS (CopDomainPortForward, forward_rows),
  .says = "Ports of the host that lead to the guest; of interfaces of type user.",
};

#define HOST_ONLY COP_XML_CHANGE_HOST

static const CopXmlRow interface_rows[] = {
  COP_XML_ENUM ("@type",            CopDomainInterface, type, &cop_interface_type_names,
                .required = true, .change = HOST_ONLY,
                .says = "user: through a network of Coppice's own, without rights; ethernet: a "
                        "tap; bridge: a tap in a bridge of the host"),
  COP_XML_REFUSED ("@managed",      NOT_YET),
  COP_XML_REFUSED ("@trustGuestRxFilters", NOT_YET),
  COP_XML_MAC ("mac/@address",      CopDomainInterface, mac,
               .otherwise = "one in 52:54:00 at random", .says = "MAC address of the guest"),
  COP_XML_NO_EFFECT ("mac/@type",   N_ ("it is for another hypervisor")),
  COP_XML_NO_EFFECT ("mac/@check",  N_ ("it is for another hypervisor")),
  COP_XML_REFUSED ("source/@network",
                   N_ ("there are no virtual networks; use type user, ethernet or bridge")),
  COP_XML_TEXT ("source/@bridge",   CopDomainInterface, bridge, .required = true,
                .pattern = TAP_PATTERN, .max = 15, .examples = "br0|virbr-1",
                .change = HOST_ONLY, .says = "bridge of the host",
                COP_XML_WHEN (CopDomainInterface, type, BIT (COP_INTERFACE_BRIDGE))),
  COP_XML_TEXT ("target/@dev",      CopDomainInterface, target, .pattern = TAP_PATTERN, .max = 15,
                .examples = "tap0|guest.1", .live = cop_tap_is_live, .change = HOST_ONLY,
                .otherwise = "\"vnet\" and a number, chosen when the domain starts",
                .says = "tap of the host",
                COP_XML_WHEN (CopDomainInterface, type,
                              BIT (COP_INTERFACE_ETHERNET) | BIT (COP_INTERFACE_BRIDGE))),
  COP_XML_ENUM ("target/@managed",  CopDomainInterface, managed, &cop_yes_no_names,
                .otherwise = "yes", .change = HOST_ONLY,
                .says = "no: the tap is there already, and stays",
                COP_XML_WHEN (CopDomainInterface, type, BIT (COP_INTERFACE_ETHERNET))),
  COP_XML_REFUSED ("guest/@dev",    N_ ("the guest chooses the name")),
  COP_XML_ENUM ("model/@type",      CopDomainInterface, model, &cop_interface_model_names,
                .otherwise = "virtio", .says = "what the guest sees"),
  COP_XML_REFUSED ("backend",       N_ ("user networking is built in; leave <backend> out")),
  COP_XML_REFUSED ("driver",        NOT_YET),
  COP_XML_REFUSED ("backenddomain", OTHER_VMM),
  COP_XML_REFUSED ("script",        N_ ("prepare the tap yourself and say managed='no'")),
  COP_XML_REFUSED ("downscript",    N_ ("prepare the tap yourself and say managed='no'")),
  COP_XML_REFUSED ("ip",            N_ ("addresses of the user network are fixed; leave <ip> out")),
  COP_XML_REFUSED ("route",         NOT_YET),
  COP_XML_REFUSED ("virtualport",   NOT_YET),
  COP_XML_REFUSED ("vlan",          NOT_YET),
  COP_XML_REFUSED ("port",          NOT_YET),
  COP_XML_REFUSED ("filterref",     N_ ("there are no network filters; set them on the host")),
  COP_XML_REFUSED ("tune",          NOT_YET),
  COP_XML_REFUSED ("coalesce",      NOT_YET),
  COP_XML_REFUSED ("mtu",           N_ ("set it on the tap or bridge")),
  COP_XML_REFUSED ("teaming",       NOT_YET),
  COP_XML_REFUSED ("bandwidth",     SET_ON_HOST),
  COP_XML_REFUSED ("rom",           N_ ("there is no boot from the network")),
  COP_XML_REFUSED ("boot",          N_ ("there is no boot from the network")),
  COP_XML_REFUSED ("acpi",          NO_PCI),
  COP_XML_ENUM ("link/@state",      CopDomainInterface, link, &cop_link_names,
                .otherwise = "up", .change = COP_XML_CHANGE_LIVE,
                .says = "whether the cable is plugged in"),
  ALIAS_ROW (CopDomainInterface),
  ADDRESS_ROW (CopDomainInterface),
  COP_XML_LIST ("portForward",      CopDomainInterface, forwards, &forward_element,
                .max = 64, .change = HOST_ONLY,
                COP_XML_WHEN (CopDomainInterface, type, BIT (COP_INTERFACE_USER))),
};

const CopXmlElement cop_interface_element = {
  "interface", COP_XML_ROWS (CopDomainInterface, interface_rows),
  .says = "A network card, seen by the guest as virtio-net.",
};

#define CHARDEV_HAS_PATH (BIT (COP_CHARDEV_FILE) | BIT (COP_CHARDEV_UNIX))
#define CHARDEV_IS(types) COP_XML_WHEN (CopDomainChardev, source.type, types)

/* Where the bytes go, of <serial>, <console> and <channel> alike. */
#define CHARDEV_ROWS                                                                          \
  COP_XML_ENUM ("@type",          CopDomainChardev, source.type, &cop_chardev_type_names,      \
                .required = true, .change = HOST_ONLY,                                         \
                .says = "where the bytes go on the host: null: nowhere; pty: a pseudo terminal; " \
                        "file: output only; unix, tcp: a socket")
#define CHARDEV_SOURCE_ROWS                                                                   \
  COP_XML_REFUSED ("protocol[@type='telnet']", N_ ("use raw")),                                 \
  COP_XML_REFUSED ("protocol[@type='telnets']", N_ ("use raw")),                                \
  COP_XML_REFUSED ("protocol[@type='tls']", N_ ("use raw")),                                    \
  COP_XML_REFUSED ("source/seclabel", N_ ("there are no security labels")),                     \
  COP_XML_REFUSED ("source/reconnect", NOT_YET),                                               \
  COP_XML_REFUSED ("source/@tls", N_ ("use raw")),                                              \
  COP_XML_TEXT ("source/@path",   CopDomainChardev, source.path,                               \
                .pattern = PATH_PATTERN, .max = PATH_MAX_BYTES, .examples = "/run/a.log|/tmp/s", \
                .live = cop_channel_path_is_live, .change = HOST_ONLY,                         \
                .says = "file, or socket; of a channel, one that is chosen when the domain "   \
                        "starts, if there is none",                                            \
                CHARDEV_IS (CHARDEV_HAS_PATH)),                                                \
  COP_XML_TEXT ("source/@path",   CopDomainChardev, source.path, .shares = true,               \
                .pattern = PATH_PATTERN, .max = PATH_MAX_BYTES, .examples = "/dev/pts/3",      \
                .live = cop_xml_always_live, .change = HOST_ONLY,                              \
                .says = "of a domain that runs: its pseudo terminal",                          \
                CHARDEV_IS (BIT (COP_CHARDEV_PTY))),                                           \
  COP_XML_ENUM ("source/@append", CopDomainChardev, source.append, &cop_on_off_names,          \
                .otherwise = "off", .change = HOST_ONLY,                                       \
                .says = "whether the file keeps what is in it",                                \
                CHARDEV_IS (BIT (COP_CHARDEV_FILE))),                                          \
  COP_XML_ENUM ("source/@mode",   CopDomainChardev, source.mode, &cop_chardev_mode_names,      \
                .otherwise = "bind for unix, connect for tcp", .change = HOST_ONLY,            \
                .says = "whether the socket is listened on or connected to",                   \
                CHARDEV_IS (BIT (COP_CHARDEV_UNIX) | BIT (COP_CHARDEV_TCP))),                  \
  COP_XML_TEXT ("source/@host",   CopDomainChardev, source.host, .required = true,             \
                .pattern = "[A-Za-z0-9.:_\\-]+", .max = 255, .examples = "127.0.0.1|localhost|::1", \
                .change = HOST_ONLY, .says = "name or address",                                \
                CHARDEV_IS (BIT (COP_CHARDEV_TCP))),                                           \
  COP_XML_TEXT ("source/@service", CopDomainChardev, source.service, .required = true,         \
                .pattern = "[0-9]{1,5}", .max = 5, .examples = "4444|65535",                   \
                .change = HOST_ONLY, .says = "port",                                           \
                CHARDEV_IS (BIT (COP_CHARDEV_TCP))),                                           \
  COP_XML_ENUM ("protocol/@type", CopDomainChardev, source.protocol,                           \
                &cop_chardev_protocol_names, .otherwise = "raw", .change = HOST_ONLY,          \
                .says = "what is spoken on the socket",                                        \
                CHARDEV_IS (BIT (COP_CHARDEV_TCP))),                                           \
  COP_XML_TEXT ("log/@file",      CopDomainChardev, source.log,                                \
                .pattern = PATH_PATTERN, .max = PATH_MAX_BYTES, .examples = "/tmp/console.log", \
                .change = HOST_ONLY, .says = "file that output is copied to"),                 \
  COP_XML_ENUM ("log/@append",    CopDomainChardev, source.log_append, &cop_on_off_names,      \
                .otherwise = "off", .change = HOST_ONLY,                                       \
                .says = "whether that file keeps what is in it")

static const CopXmlRow serial_rows[] = {
  CHARDEV_ROWS,
  CHARDEV_SOURCE_ROWS,
  COP_XML_ENUM ("target/@type",     CopDomainChardev, target, &cop_serial_target_names,
                .otherwise = "system-serial", .says = "bus of the port"),
  COP_XML_INDEX ("target/@port",    CopDomainChardev, port, .max = 15,
                 .otherwise = "the next free one", .says = "number of the port"),
  COP_XML_ENUM ("target/model/@name", CopDomainChardev, model, &cop_serial_model_names,
                .otherwise = "16550a", .says = "what the guest sees"),
  ALIAS_ROW (CopDomainChardev),
  COP_XML_NO_EFFECT ("@tty", N_ ("a console has it")),
  COP_XML_REFUSED ("acpi", NO_PCI),
  COP_XML_REFUSED ("address", N_ ("the port is where the virt machine has it")),
};

const CopXmlElement cop_serial_element = {
  "serial", COP_XML_ROWS (CopDomainChardev, serial_rows),
  .says = "The serial port of the machine, a 16550A.",
};

static const CopXmlRow console_rows[] = {
  CHARDEV_ROWS,
  COP_XML_TEXT ("@tty",             CopDomainChardev, tty, .pattern = PATH_PATTERN,
                .max = PATH_MAX_BYTES, .examples = "/dev/pts/3", .live = cop_xml_always_live,
                .change = HOST_ONLY, .says = "of a domain that runs: its pseudo terminal",
                CHARDEV_IS (BIT (COP_CHARDEV_PTY))),
  CHARDEV_SOURCE_ROWS,
  COP_XML_ENUM ("target/@type",     CopDomainChardev, target, &cop_console_target_names,
                .otherwise = "serial for the first one, else virtio",
                .says = "serial: the first <serial>, which is added if need be; virtio: a port "
                        "of a virtio console"),
  COP_XML_INDEX ("target/@port",    CopDomainChardev, port, .max = 15,
                 .otherwise = "the next free one", .says = "number of the port"),
  COP_XML_REFUSED ("target/model", N_ ("it belongs to <serial>")),
  ALIAS_ROW (CopDomainChardev),
  COP_XML_REFUSED ("acpi", NO_PCI),
  COP_XML_REFUSED ("address", N_ ("ports are numbered in their order")),
};

const CopXmlElement cop_console_element = {
  "console", COP_XML_ROWS (CopDomainChardev, console_rows),
  .says = "A console. The first one is the serial port's, unless it says otherwise.",
};

static const CopXmlRow channel_rows[] = {
  CHARDEV_ROWS,
  CHARDEV_SOURCE_ROWS,
  COP_XML_ENUM ("target/@type",     CopDomainChardev, target, &cop_channel_target_names,
                .otherwise = "virtio", .says = "what carries the channel"),
  COP_XML_TEXT ("target/@name",     CopDomainChardev, name, .required = true, .max = 64,
                .pattern = "[A-Za-z0-9_.\\-]+", .examples = "org.qemu.guest_agent.0|org.example.x",
                .says = "name of the port in the guest"),
  COP_XML_ENUM ("target/@state",    CopDomainChardev, state, &cop_channel_state_names,
                .live = cop_xml_always_live, .change = HOST_ONLY,
                .says = "of a domain that runs: whether the guest has the channel open"),
  COP_XML_REFUSED ("target/@address", N_ ("there is type virtio only")),
  COP_XML_REFUSED ("target/@port", N_ ("there is type virtio only")),
  ALIAS_ROW (CopDomainChardev),
  COP_XML_REFUSED ("acpi", NO_PCI),
  COP_XML_REFUSED ("address", N_ ("ports are numbered in their order")),
};

const CopXmlElement cop_channel_element = {
  "channel", COP_XML_ROWS (CopDomainChardev, channel_rows),
  .says = "A channel between a program in the guest and one on the host, such as the guest agent.",
};

static const CopXmlRow memballoon_rows[] = {
  COP_XML_ENUM ("@model",           CopDomainMemballoon, model, &cop_memballoon_names,
                .required = true,
                .says = "what the guest sees; none: it has all its memory, whatever currentMemory "
                        "says"),
  COP_XML_REFUSED ("@autodeflate",  NOT_YET),
  COP_XML_REFUSED ("@freePageReporting", NOT_YET),
  COP_XML_REFUSED ("driver",        NOT_YET),
  COP_XML_UINT ("stats/@period",    CopDomainMemballoon, period, .max = COP_MEMBALLOON_PERIOD_MAX,
                .change = COP_XML_CHANGE_LIVE, .otherwise = "none are asked for",
                .says = "seconds between the guest's statistics of its memory",
                COP_XML_WHEN (CopDomainMemballoon, model, BIT (COP_MEMBALLOON_MODEL_VIRTIO))),
  COP_XML_REFUSED ("acpi",          NO_PCI),
  ALIAS_ROW (CopDomainMemballoon),
  ADDRESS_ROW (CopDomainMemballoon),
};

const CopXmlElement cop_memballoon_element = {
  "memballoon", COP_XML_ROWS (CopDomainMemballoon, memballoon_rows),
  .says = "The memory balloon, by which the guest gives memory back to the host. One is added where "
          "none is named.",
};

static const CopXmlRow rng_rows[] = {
  COP_XML_ENUM ("@model",           CopDomainRng, model, &cop_rng_model_names,
                .otherwise = "virtio", .says = "what the guest sees"),
  COP_XML_REFUSED ("rate",          NOT_YET),
  COP_XML_REFUSED ("driver",        NOT_YET),
  COP_XML_ENUM ("backend/@model",   CopDomainRng, backend, &cop_rng_backend_names,
                .otherwise = "random", .change = HOST_ONLY,
                .says = "where the bytes come from: the host's kernel in both cases"),
  COP_XML_TEXT ("backend",          CopDomainRng, path, .pattern = "/dev/(u)?random", .max = 16,
                .examples = "/dev/urandom|/dev/random", .change = HOST_ONLY,
                .says = "device of the host",
                COP_XML_WHEN (CopDomainRng, backend, BIT (COP_RNG_BACKEND_RANDOM))),
  COP_XML_REFUSED ("acpi",          NO_PCI),
  ALIAS_ROW (CopDomainRng),
  ADDRESS_ROW (CopDomainRng),
};

const CopXmlElement cop_rng_element = {
  "rng", COP_XML_ROWS (CopDomainRng, rng_rows),
  .says = "A source of entropy for the guest, seen as virtio-rng.",
};
/* clang-format on */

const CopXmlElement *const cop_device_elements[] = {
  &cop_disk_element,       &cop_controller_element, &cop_interface_element,
  &cop_serial_element,     &cop_console_element,    &cop_channel_element,
  &cop_memballoon_element, &cop_rng_element,        NULL,
};

bool
cop_alias_is_live (const char *alias)
{
  return !g_str_has_prefix (alias, "ua-");
}

bool
cop_tap_is_live (const char *tap)
{
  return g_str_has_prefix (tap, "vnet");
}

bool
cop_channel_path_is_live (const char *path)
{
  const char *base = strrchr (path, '/');

  return g_str_has_prefix (base != NULL ? base + 1 : path, COP_CHANNEL_SOCKET_PREFIX);
}
