/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A domain's configuration: the currency between XML, store and driver. Domain XML (see
 * docs/domain-xml.md) is one way to write it down.
 *
 *   text --parse--> CopDomainConfig --defaults--> --validate--> CopDomainConfig --format--> text
 *
 * Plain structs. Strings are owned and NULL when absent; lists are GPtrArrays that own their
 * elements and are never NULL. The value 0 of an enum that has an UNSET means that the document
 * does not say. Members marked "live" exist while the domain runs: they are formatted unless
 * %COP_DOMAIN_FORMAT_INACTIVE is given, and read back with %COP_DOMAIN_PARSE_LIVE only.
 *
 * Which member stands where in the XML is said in one place, xml/domain-rows.c.
 */
#pragma once

#include "engine/config.h"
#include "xml/error.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Namespace of our own elements in domain XML: <coppice:engine name='jit'/>. */
#define COP_DOMAIN_NAMESPACE "urn:coppice:domain:1"

/* The largest document that is read, in bytes. */
#define COP_DOMAIN_XML_MAX (1u << 20)
/* Bytes in a domain's name, so that it can name files. */
#define COP_DOMAIN_NAME_MAX 200

typedef enum
{
  COP_DOMAIN_TYPE_COPPICE,      /* "qemu" is read as this one */
  COP_DOMAIN_TYPE_LAST,
} CopDomainType;

typedef enum
{
  COP_TRISTATE_UNSET,
  COP_TRISTATE_YES,             /* "yes" or "on", as the place has it */
  COP_TRISTATE_NO,
  COP_TRISTATE_LAST,
} CopTristate;

typedef enum
{
  COP_DOMAIN_ACTION_UNSET,      /* defaults fill it */
  COP_DOMAIN_ACTION_DESTROY,
  COP_DOMAIN_ACTION_RESTART,
  COP_DOMAIN_ACTION_PRESERVE,
  COP_DOMAIN_ACTION_LAST,
} CopDomainAction;

/* One element below <metadata>, the only one of its namespace. */
typedef struct
{
  char *uri;                    /* (owned): of the namespace */
  char *xml;                    /* (owned): the element as it came, with what it needs of
                                   namespace declarations */
} CopDomainMetadata;

typedef enum
{
  COP_DOMAIN_OS_HVM,
  COP_DOMAIN_OS_LAST,
} CopDomainOsType;

typedef enum
{
  COP_DOMAIN_ARCH_RISCV64,
  COP_DOMAIN_ARCH_LAST,
} CopDomainArch;

typedef enum
{
  COP_DOMAIN_MACHINE_VIRT,
  COP_DOMAIN_MACHINE_LAST,
} CopDomainMachine;

typedef enum
{
  COP_DOMAIN_LOADER_UNSET,
  COP_DOMAIN_LOADER_ROM,        /* M-mode firmware, as QEMU's -bios */
  COP_DOMAIN_LOADER_LAST,
} CopDomainLoaderType;

typedef enum
{
  COP_DOMAIN_BOOT_UNSET,
  COP_DOMAIN_BOOT_HD,
  COP_DOMAIN_BOOT_LAST,
} CopDomainBootDevice;

typedef struct
{
  CopDomainOsType     type;
  CopDomainArch       arch;
  CopDomainMachine    machine;
  char               *loader;           /* path of firmware; NULL: SBI built in */
  CopDomainLoaderType loader_type;
  CopTristate         loader_readonly;
  char               *kernel, *initrd, *dtb;    /* paths on the host */
  char               *cmdline;
  CopDomainBootDevice boot;
} CopDomainOs;

typedef enum
{
  COP_CPU_MODE_UNSET,           /* no mode said: "custom" if there is a model or feature */
  COP_CPU_MODE_CUSTOM,
  COP_CPU_MODE_MAXIMUM,         /* all that the engines have */
  COP_CPU_MODE_LAST,
} CopCpuMode;

typedef enum
{
  COP_CPU_MATCH_UNSET,
  COP_CPU_MATCH_EXACT,
  COP_CPU_MATCH_LAST,
} CopCpuMatch;

typedef enum
{
  COP_CPU_CHECK_UNSET,
  COP_CPU_CHECK_NONE,
  COP_CPU_CHECK_PARTIAL,
  COP_CPU_CHECK_FULL,
  COP_CPU_CHECK_LAST,
} CopCpuCheck;

typedef enum
{
  COP_CPU_POLICY_UNSET,         /* as REQUIRE */
  COP_CPU_POLICY_FORCE,         /* as REQUIRE: nothing is refused by a host's CPU here */
  COP_CPU_POLICY_REQUIRE,
  COP_CPU_POLICY_OPTIONAL,      /* as REQUIRE */
  COP_CPU_POLICY_DISABLE,
  COP_CPU_POLICY_FORBID,        /* as DISABLE */
  COP_CPU_POLICY_LAST,
} CopCpuPolicy;

typedef struct
{
  CopCpuPolicy policy;
  char        *name;            /* (owned): of cop_isa_table, such as "zba" */
} CopCpuFeature;

typedef struct
{
  CopCpuMode   mode;
  CopCpuMatch  match;
  CopCpuCheck  check;
  char        *model;           /* (owned) (nullable): of cop_cpu_models */
  unsigned     sockets, dies, cores, threads;   /* 0: no topology said; else product is vcpus */
  GPtrArray   *features;        /* (owned) (element-type CopCpuFeature) */
} CopDomainCpu;

typedef enum
{
  COP_CLOCK_UTC,
  COP_CLOCK_LAST,
} CopClockOffset;

typedef enum
{
  COP_ADDRESS_UNSET,
  COP_ADDRESS_VIRTIO_MMIO,
  COP_ADDRESS_LAST,
} CopDomainAddress;

typedef enum
{
  COP_DISK_FILE,
  COP_DISK_BLOCK,
  COP_DISK_TYPE_LAST,
} CopDiskType;

typedef enum
{
  COP_DISK_DEVICE_DISK,
  COP_DISK_DEVICE_LAST,
} CopDiskDevice;

typedef enum
{
  COP_DISK_FORMAT_UNSET,        /* defaults fill RAW */
  COP_DISK_FORMAT_RAW,
  COP_DISK_FORMAT_LAST,
} CopDiskFormat;

typedef enum
{
  COP_DISK_BUS_UNSET,           /* defaults fill VIRTIO */
  COP_DISK_BUS_VIRTIO,
  COP_DISK_BUS_LAST,
} CopDiskBus;

typedef enum
{
  COP_DISK_CACHE_UNSET,
  COP_DISK_CACHE_DEFAULT,
  COP_DISK_CACHE_NONE,
  COP_DISK_CACHE_WRITETHROUGH,
  COP_DISK_CACHE_WRITEBACK,
  COP_DISK_CACHE_DIRECTSYNC,
  COP_DISK_CACHE_UNSAFE,
  COP_DISK_CACHE_LAST,
} CopDiskCache;

typedef enum
{
  COP_DISK_IO_UNSET,
  COP_DISK_IO_THREADS,
  COP_DISK_IO_IO_URING,
  COP_DISK_IO_LAST,
} CopDiskIo;

typedef enum
{
  COP_DISK_DISCARD_UNSET,       /* as UNMAP */
  COP_DISK_DISCARD_IGNORE,
  COP_DISK_DISCARD_UNMAP,
  COP_DISK_DISCARD_LAST,
} CopDiskDiscard;

typedef struct
{
  CopDiskType      type;
  CopDiskDevice    device;
  CopDiskFormat    format;
  CopDiskCache     cache;
  CopDiskIo        io;
  CopDiskDiscard   discard;
  char            *source;      /* (owned): path of image file or block device */
  char            *target;      /* (owned): "vda"; unique in the domain */
  CopDiskBus       bus;
  bool             readonly;
  bool             shareable;
  char            *serial;      /* (owned) (nullable): at most 20 bytes */
  unsigned         boot_order;  /* 0: none */
  char            *alias;       /* (owned) (nullable): live, unless it begins with "ua-" */
  CopDomainAddress address;
} CopDomainDisk;

typedef enum
{
  COP_INTERFACE_USER,           /* libslirp */
  COP_INTERFACE_ETHERNET,       /* a tap, ours or one that is there already */
  COP_INTERFACE_BRIDGE,         /* a tap of ours in a bridge of the host */
  COP_INTERFACE_TYPE_LAST,
} CopInterfaceType;

typedef enum
{
  COP_INTERFACE_MODEL_UNSET,    /* defaults fill VIRTIO */
  COP_INTERFACE_MODEL_VIRTIO,
  COP_INTERFACE_MODEL_LAST,
} CopInterfaceModel;

typedef enum
{
  COP_LINK_UNSET,               /* as UP */
  COP_LINK_UP,
  COP_LINK_DOWN,
  COP_LINK_LAST,
} CopLinkState;

typedef enum
{
  COP_FORWARD_TCP,
  COP_FORWARD_UDP,
  COP_FORWARD_LAST,
} CopForwardProtocol;

typedef struct
{
  unsigned start;               /* first port on the host */
  unsigned end;                 /* last one; 0: as start */
  unsigned to;                  /* the guest's port for start; 0: as start */
} CopDomainPortRange;

typedef struct
{
  CopForwardProtocol protocol;
  char              *address;   /* (owned) (nullable): on the host; NULL means 127.0.0.1 */
  GPtrArray         *ranges;    /* (owned) (element-type CopDomainPortRange): at least one */
} CopDomainPortForward;

typedef struct
{
  CopInterfaceType   type;
  uint8_t            mac[6];    /* all zero: defaults choose one in 52:54:00 */
  char              *bridge;    /* (owned): of COP_INTERFACE_BRIDGE */
  char              *target;    /* (owned) (nullable): the host's tap; live if "vnet..." */
  CopTristate        managed;   /* NO: the tap @target is there already, and stays */
  CopInterfaceModel  model;
  CopLinkState       link;
  char              *alias;     /* (owned) (nullable) */
  CopDomainAddress   address;
  GPtrArray         *forwards;  /* (owned) (element-type CopDomainPortForward): of USER */
} CopDomainInterface;

/* What the socket of a channel is called that the driver has chosen: it belongs into no definition.
 */
#define COP_CHANNEL_SOCKET_PREFIX "coppice-channel-"

/* Where a character device's bytes go on the host. */
typedef enum
{
  COP_CHARDEV_NULL,
  COP_CHARDEV_PTY,
  COP_CHARDEV_FILE,
  COP_CHARDEV_UNIX,
  COP_CHARDEV_TCP,
  COP_CHARDEV_TYPE_LAST,
} CopChardevType;

typedef enum
{
  COP_CHARDEV_MODE_UNSET,       /* as BIND for UNIX, CONNECT for TCP; defaults fill it if there is
                                   a path or host */
  COP_CHARDEV_MODE_CONNECT,
  COP_CHARDEV_MODE_BIND,
  COP_CHARDEV_MODE_LAST,
} CopChardevMode;

typedef enum
{
  COP_CHARDEV_PROTOCOL_UNSET,   /* defaults fill RAW */
  COP_CHARDEV_PROTOCOL_RAW,
  COP_CHARDEV_PROTOCOL_LAST,
} CopChardevProtocol;

typedef struct
{
  CopChardevType     type;
  char              *path;      /* (owned) (nullable): of FILE and UNIX; of PTY: live */
  CopTristate        append;    /* of FILE */
  CopChardevMode     mode;      /* of UNIX and TCP */
  char              *host;      /* (owned): of TCP */
  char              *service;   /* (owned): of TCP: a port number */
  CopChardevProtocol protocol;  /* of TCP */
  char              *log;       /* (owned) (nullable): file that output is copied to */
  CopTristate        log_append;
} CopDomainChardevSource;

typedef enum
{
  COP_CHARDEV_TARGET_UNSET,     /* defaults fill: SYSTEM_SERIAL, SERIAL or VIRTIO */
  COP_CHARDEV_TARGET_SYSTEM_SERIAL,     /* of <serial> */
  COP_CHARDEV_TARGET_SERIAL,    /* of <console>: the same device as <serial> of that port */
  COP_CHARDEV_TARGET_VIRTIO,    /* of <console> and <channel> */
  COP_CHARDEV_TARGET_LAST,
} CopChardevTarget;

typedef enum
{
  COP_SERIAL_MODEL_UNSET,       /* defaults fill 16550A */
  COP_SERIAL_MODEL_16550A,
  COP_SERIAL_MODEL_LAST,
} CopSerialModel;

typedef enum
{
  COP_CHANNEL_STATE_UNSET,
  COP_CHANNEL_STATE_CONNECTED,
  COP_CHANNEL_STATE_DISCONNECTED,
  COP_CHANNEL_STATE_LAST,
} CopChannelState;

/* <serial>, <console> and <channel>. */
typedef struct
{
  CopDomainChardevSource source;
  char                  *tty;   /* (owned) (nullable): of <console>; live: its pty */
  CopChardevTarget       target;
  int                    port;  /* -1: defaults choose; of <serial> and <console> */
  CopSerialModel         model; /* of <serial> */
  char                  *name;  /* (owned): of <channel>: the port's name in the guest */
  CopChannelState        state; /* of <channel>: live: whether the guest has it open */
  char                  *alias; /* (owned) (nullable) */
} CopDomainChardev;

typedef enum
{
  COP_RNG_MODEL_UNSET,          /* defaults fill VIRTIO */
  COP_RNG_MODEL_VIRTIO,
  COP_RNG_MODEL_LAST,
} CopRngModel;

typedef enum
{
  COP_RNG_BACKEND_RANDOM,       /* the host's kernel; path /dev/random or /dev/urandom */
  COP_RNG_BACKEND_BUILTIN,
  COP_RNG_BACKEND_LAST,
} CopRngBackend;

typedef struct
{
  CopRngModel      model;
  CopRngBackend    backend;
  char            *path;        /* (owned) (nullable): of RANDOM */
  char            *alias;       /* (owned) (nullable) */
  CopDomainAddress address;
} CopDomainRng;

typedef enum
{
  COP_MEMBALLOON_MODEL_VIRTIO,
  COP_MEMBALLOON_MODEL_NONE,
  COP_MEMBALLOON_MODEL_LAST,
} CopMemballoonModel;

/* The longest time between statistics, in seconds: a day. */
#define COP_MEMBALLOON_PERIOD_MAX 86400

typedef struct
{
  CopMemballoonModel model;
  unsigned period; /* seconds between statistics; 0: none are asked for */
  char *alias; /* (owned) (nullable) */
  CopDomainAddress address;
} CopDomainMemballoon;

typedef enum
{
  COP_CONTROLLER_VIRTIO_SERIAL, /* what virtio consoles and channels are ports of */
  COP_CONTROLLER_LAST,
} CopControllerType;

typedef struct
{
  CopControllerType type;
  int               index;      /* -1: defaults choose */
  char             *alias;      /* (owned) (nullable) */
  CopDomainAddress  address;
} CopDomainController;

typedef struct CopDomainConfig CopDomainConfig;

struct CopDomainConfig
{
  CopDomainType   type;
  unsigned        id;           /* live: a positive number; 0: does not run */
  char           *name;         /* (owned): not empty, no '/', at most COP_DOMAIN_NAME_MAX bytes */
  uint8_t         uuid[16];     /* all zero: defaults choose one */
  uint8_t         genid[16];    /* all zero: none */
  char           *title, *description;  /* (owned) (nullable) */
  GPtrArray      *metadata;     /* (owned) (element-type CopDomainMetadata) */
  uint64_t        memory;       /* bytes, whole KiB */
  uint64_t        current_memory;       /* bytes; defaults fill memory */
  unsigned        vcpus;        /* maximum */
  unsigned        current_vcpus;        /* harts at start; 0: all, as defaults have it */
  CopDomainOs     os;
  CopDomainCpu    cpu;
  CopClockOffset  clock;
  CopDomainAction on_poweroff, on_reboot, on_crash;
  GPtrArray      *disks;        /* (owned) (element-type CopDomainDisk) */
  GPtrArray      *controllers;  /* (owned) (element-type CopDomainController) */
  GPtrArray      *interfaces;   /* (owned) (element-type CopDomainInterface) */
  GPtrArray      *serials, *consoles, *channels;        /* (owned) (element-type CopDomainChardev) */
  GPtrArray *memballoons; /* (owned) (element-type CopDomainMemballoon): one, after defaults */
  GPtrArray      *rngs;         /* (owned) (element-type CopDomainRng) */
  char           *engine;       /* (owned) (nullable): name in cop_engines; NULL: the default */
};

CopDomainConfig *cop_domain_config_new (void);
void cop_domain_config_free (CopDomainConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopDomainConfig, cop_domain_config_free)

/* How many harts the machine starts with. */
static inline unsigned
cop_domain_config_harts (const CopDomainConfig *config)
{
  return config->current_vcpus != 0 ? config->current_vcpus : config->vcpus;
}

/* Returns: (transfer none) (nullable): the balloon of a machine of @config; NULL: it has none */
CopDomainMemballoon *cop_domain_config_balloon (const CopDomainConfig *config);

/* Returns: (transfer full): a deep copy */
CopDomainConfig *cop_domain_config_copy (const CopDomainConfig *config);
bool cop_domain_config_equal (const CopDomainConfig *a, const CopDomainConfig *b);

typedef enum
{
  COP_DOMAIN_PARSE_DEFAULT = 0,
  COP_DOMAIN_PARSE_LIVE = 1 << 0,       /* keep what is live: id, aliases, targets, ttys */
  COP_DOMAIN_PARSE_VALIDATE = 1 << 1,   /* what is unknown is an error, as under virsh --validate */
} CopDomainParseFlags;

/**
 * cop_domain_config_parse:
 * @text: a <domain> document, @length bytes
 * @label: (nullable): names the document in messages; NULL for "domain XML"
 * @flags: %CopDomainParseFlags
 * @notes: (nullable) (element-type utf8): what was accepted without effect, one line each, is
 *   appended; the array must free its elements with g_free()
 *
 * Reads, fills in defaults, and checks. There are no entities, no DTD, nothing is fetched; size and
 * depth are bounded. Reads no file but the document.
 *
 * Errors: %COP_XML_ERROR, with label, line, path, value, and the values allowed.
 *
 * Returns: (transfer full): NULL on failure
 */
CopDomainConfig *cop_domain_config_parse (const char *text, gsize length, const char *label,
                                          unsigned flags, GPtrArray *notes, GError **error);

/* The values are libvirt's VIR_DOMAIN_XML_*, so that a caller's flags can be handed on. */
typedef enum
{
  COP_DOMAIN_FORMAT_DEFAULT = 0,
  COP_DOMAIN_FORMAT_SECURE = 1 << 0,    /* with secrets: there are none yet */
  COP_DOMAIN_FORMAT_INACTIVE = 1 << 1,  /* without what is live */
  COP_DOMAIN_FORMAT_UPDATE_CPU = 1 << 2,        /* <cpu> as it is: already so */
  COP_DOMAIN_FORMAT_MIGRATABLE = 1 << 3,        /* readable by older versions: already so */
} CopDomainFormatFlags;

/* Returns: (transfer full): @config as a document, ending in a line feed */
char *cop_domain_config_format (const CopDomainConfig *config, unsigned flags);

/**
 * cop_domain_config_set_defaults:
 * @notes: (nullable): as in cop_domain_config_parse()
 *
 * Fills what the document did not say: UUID, MAC addresses, targets, the console that goes with a
 * serial port, a controller for virtio ports. The parser has done so already; for configurations
 * that were made or changed by a program.
 */
void cop_domain_config_set_defaults (CopDomainConfig *config, GPtrArray *notes);

/**
 * cop_domain_config_validate:
 *
 * Checks every member against its row, then what spans members. The parser has done so already.
 *
 * Errors: %COP_XML_ERROR, naming path and value; without a line.
 */
bool cop_domain_config_validate (const CopDomainConfig *config, GError **error);

/* Returns: (transfer full): the RELAX NG schema of domain XML */
char *cop_domain_schema (void);

/* Returns: (transfer full): the reference of domain XML, docs/domain-xml.md */
char *cop_domain_reference (void);

/* Gives every device its alias, as for a domain that starts: virtio-disk0, net0, serial0, ... */
void cop_domain_config_assign_aliases (CopDomainConfig *config);

/* Takes away what is live: the configuration as it would be defined. */
void cop_domain_config_clear_live (CopDomainConfig *config);

/**
 * cop_domain_config_sync_consoles:
 *
 * Makes consoles on a serial port say what that port says: source, alias, and for a pseudo
 * terminal its path. To be called when a port's pseudo terminal is known.
 */
void cop_domain_config_sync_consoles (CopDomainConfig *config);

/* A CPU model that <cpu><model> may name. */
typedef struct
{
  const char *name;             /* "rva22s64" */
  const char *isa;              /* for cop_isa_parse(); NULL: all extensions */
  const char *says;             /* what it is, for the reference page */
} CopCpuModel;

extern const CopCpuModel cop_cpu_models[];      /* up to a row without a name */

/**
 * cop_domain_cpu_isa:
 * @isa: (out): what a hart of this <cpu> has; set on success only
 *
 * Errors: %COP_XML_ERROR_UNSUPPORTED or _CONFLICT: an unknown model or feature, or one that needs
 * another.
 */
bool cop_domain_cpu_isa (const CopDomainCpu *cpu, CopIsa *isa, GError **error);

/* uuid must hold 37 bytes; libvirt's form, in lower case. */
void cop_uuid_format (const uint8_t uuid[16], char *text);
/* Accepts both cases, with hyphens and without. Returns: whether @text is a UUID */
bool cop_uuid_parse (const char *text, uint8_t uuid[16]);
void cop_uuid_generate (uint8_t uuid[16]);
static inline bool
cop_uuid_is_null (const uint8_t uuid[16])
{
  uint8_t any = 0;

  for (unsigned i = 0; i < 16; i++)
    any |= uuid[i];
  return any == 0;
}
