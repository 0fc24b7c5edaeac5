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

typedef struct
{
  int      fd;                  /* (owned): raw image, or block device */
  bool     readonly;
  char    *serial;              /* (owned) (nullable): at most 20 bytes */
  char    *label;               /* (owned): for messages: the path as the user wrote it */
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
} CopNicConfig;

/* Where a console's bytes go. */
typedef struct
{
  int in_fd, out_fd;            /* (owned): may be equal; -1: nowhere */
  int listen_fd;                /* (owned): a listening socket, one client at a time; -1: none */
} CopConsoleConfig;

typedef enum
{
  COP_BOOT_SBI,                 /* kernel in S mode, SBI built in */
  COP_BOOT_FIRMWARE,            /* bios in M mode; it starts the kernel */
  COP_BOOT_BARE,                /* kernel ELF in M mode at its entry, every hart */
} CopBootKind;

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
  bool             rng;

  uint8_t          generation_id[16];
  bool             deterministic_seed;  /* rng-seed from 0, not from the host: for tests */

  GBytes          *state;       /* reserved for restore; NULL */
} CopMachineConfig;

/* An empty configuration: all descriptors -1, 1 hart, 512 MiB, default isa, rng on. */
CopMachineConfig *cop_machine_config_new (void);
void cop_machine_config_free (CopMachineConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopMachineConfig, cop_machine_config_free)
