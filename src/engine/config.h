/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A machine's configuration: the currency between the rooms. Paths and XML stay outside; files
 * arrive as descriptors or bytes.
 */
#pragma once

#include "engine/engine.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define COP_MAX_DISKS 4
#define COP_MAX_NICS 2
#define COP_MAX_CHANNELS 8

/* Where devices count, when somebody wants it counted: see counters.h. */
typedef struct CopCounters CopCounters;
typedef struct CopDiskCounters CopDiskCounters;
typedef struct CopNicCounters CopNicCounters;

/* How requests of a disk are handed to the host. */
typedef enum
{
  COP_BLOCK_CHOICE_BEST,        /* io_uring where the host allows it, else threads */
  COP_BLOCK_CHOICE_THREADS,
  COP_BLOCK_CHOICE_URING,
  COP_BLOCK_CHOICE_LAST,
} CopBlockChoice;

typedef struct
{
  int      fd;                  /* (owned): raw image, or block device */
  bool     readonly;
  bool     write_through;       /* a write is on the medium when it is done: no cache to flush */
  bool     no_discard;          /* the guest cannot give blocks back */
  CopBlockChoice choice;
  const struct CopBlockBackendOps *ops; /* (nullable): instead of the host's, in tests */
  char    *serial;              /* (owned) (nullable): at most 20 bytes */
  char    *label;               /* (owned): for messages: the path as the user wrote it */
  CopDiskCounters *counters;    /* (unowned) (nullable): the machine's business */
} CopDiskConfig;

typedef enum
{
  COP_NET_USER,                 /* libslirp */
  COP_NET_TAP,                  /* an open tap descriptor */
} CopNetKind;

typedef struct
{
  bool     udp;
  char    *host_address;        /* (owned) (nullable): NULL means 127.0.0.1 */
  uint16_t host_port;
  char    *guest_address;       /* (owned) (nullable): NULL means 10.0.2.15 */
  uint16_t guest_port;
} CopPortForward;

typedef struct
{
  CopNetKind kind;
  int        fd;                /* (owned): of a tap; otherwise -1 */
  uint8_t    mac[6];
  GPtrArray *forwards;          /* (owned) (element-type CopPortForward) (nullable) */
  bool       link_down;         /* the cable is out at first */
  CopNicCounters *counters;     /* (unowned) (nullable): the machine's business */
} CopNicConfig;

/* Where a console's bytes go. */
typedef struct
{
  int in_fd, out_fd;            /* (owned): may be equal; -1: nowhere */
  int listen_fd;                /* (owned): a listening socket, one client at a time; -1: none */
  int log_fd;                   /* (owned): a file that gets all output, too; -1: none */
  CopCounters *counters;        /* (unowned) (nullable): whose console ring gets all output, too */
} CopConsoleConfig;

/* A named port between a program in the guest and one on the host. */
typedef struct
{
  char *name; /* (owned): as the guest sees it */
  CopConsoleConfig console;
} CopChannelConfig;

typedef enum
{
  COP_BOOT_SBI,                 /* kernel in S mode, SBI built in */
  COP_BOOT_FIRMWARE,            /* bios in M mode; it starts the kernel */
  COP_BOOT_BARE,                /* kernel ELF in M mode at its entry, every hart */
} CopBootKind;

#define COP_CONSOLE_NOWHERE { .in_fd = -1, .out_fd = -1, .listen_fd = -1, .log_fd = -1 }

/* What happens when the guest says so: the machine ends, or begins anew. */
typedef struct
{
  bool restart_on_poweroff;
  bool restart_on_reboot;       /* on unless said otherwise */
  bool restart_on_crash;        /* a failure reported by SRST or the finisher */
} CopMachineActions;

typedef struct
{
  uint64_t         memory;      /* bytes of DRAM */
  int              memory_fd;   /* (owned): -1 for anonymous */
  unsigned         harts;       /* 1 to COP_MAX_HARTS */
  CopIsa           isa;
  const char      *engine;      /* (nullable): name in cop_engines; NULL: default */
  CopEngineConfig  engine_config;

  CopBootKind      boot;
  GBytes          *bios, *kernel, *initrd, *dtb;        /* (owned) (nullable) */
  char            *bios_label, *kernel_label, *initrd_label, *dtb_label;  /* (owned): messages */
  char            *append;      /* (owned) (nullable): kernel command line */

  CopConsoleConfig console;     /* of the 16550 UART */
  CopConsoleConfig virtio_console;
  bool             has_virtio_console;
  CopDiskConfig    disks[COP_MAX_DISKS];
  unsigned         n_disks;
  CopNicConfig     nics[COP_MAX_NICS];
  unsigned         n_nics;
  CopChannelConfig channels[COP_MAX_CHANNELS];
  unsigned n_channels;
  bool             rng;
  bool balloon;
  uint64_t balloon_target; /* bytes that the guest is asked to give back */
  unsigned balloon_period; /* seconds between its statistics; 0: none are asked for */

  uint8_t          generation_id[16];
  bool             deterministic_seed;  /* rng-seed from 0, not from the host: for tests */

  CopMachineActions actions;
  unsigned         patience_ms; /* for a host that does not answer, before a reset or the end goes on
                                   without it and a pause is given up; 0: the default */
  CopCounters     *counters;    /* (unowned) (nullable): outlives the machine */

  /* (owned): a saved memory, as cop_ram_save() makes, to begin with instead of loading what is to
     boot; its state is then loaded with cop_machine_load_state(). -1: none */
  int              image_fd;
} CopMachineConfig;

/* An empty configuration: all descriptors -1, 1 hart, 512 MiB, default isa, rng on. */
CopMachineConfig *cop_machine_config_new (void);
void cop_machine_config_free (CopMachineConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopMachineConfig, cop_machine_config_free)
