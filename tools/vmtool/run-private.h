/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between the files of `vmtool run`.
 *
 *   command line --> run-config.c --> CopMachineConfig --> machine
 *                      |  run-disk.c  --disk
 *                      |  run-net.c   --net
 *                      `- run-file.c  what is read whole: kernel, initrd, firmware, device tree
 *   terminal, pty, socket, file <--> run-console.c <--> the machine's UART
 *   the end --> run-report.c, run-signature.c --> standard error, exit status
 */
#pragma once

#include "vmtool/vmtool.h"

#include "driver/host-open.h"
#include "engine/machine.h"

/* What messages call the source of a nameless value. */
#define VMT_RUN_DEFAULT_MEMORY "1G"

/**
 * vmt_run_config_new:
 * @call: a call of `vmtool run`
 *
 * Opens and checks everything the command line names but for the console.
 *
 * Errors: %VMT_ERROR_USAGE for what cannot be meant, else one that names the file and the fix.
 *
 * Returns: (transfer full) (nullable): what the machine is made from
 */
CopMachineConfig *vmt_run_config_new (const VmtCall *call, GError **error);

/* ---- options that `vmtool new` has as well ---- */

/* What the machine boots, by name: from the options, or from an image. */
typedef struct
{
  char *kernel, *initrd; /* (owned) (nullable) */
  char *cmdline; /* (owned): before what --append adds */
} VmtBootFiles;

/* Reads --image, --kernel and --initrd; --cmdline and --append are left to the caller. */
bool vmt_boot_files_find (const VmtCall *call, VmtBootFiles *files, GError **error);
void vmt_boot_files_clear (VmtBootFiles *files);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmtBootFiles, vmt_boot_files_clear)

/* Sets the error of who named nothing to boot; @command is "run". */
void vmt_boot_files_set_missing (const char *command, GError **error);

/* --memory, in bytes: whole pages. */
bool vmt_memory_option (const VmtCall *call, uint64_t *memory, GError **error);

/* Whether --engine names one, if it is given. */
bool vmt_engine_option (const VmtCall *call, const char **engine, GError **error);
char **vmt_complete_engines (const char *prefix);

typedef struct
{
  char *path; /* (owned) */
  bool readonly;
  bool raw; /* of this format, whatever it looks like */
  char *serial; /* (owned) (nullable) */
} VmtDiskOption;

bool vmt_disk_option_parse (const char *text, VmtDiskOption *disk, GError **error);
/* Opens and locks it, and checks that it is a raw disk. Returns: (transfer full): -1 on failure */
int vmt_disk_option_open (const VmtDiskOption *disk, GError **error);
void vmt_disk_option_clear (VmtDiskOption *disk);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmtDiskOption, vmt_disk_option_clear)

typedef enum
{
  VMT_NET_USER,
  VMT_NET_TAP,
  VMT_NET_NONE,
  VMT_NET_LAST,
} VmtNetKind;

typedef struct
{
  VmtNetKind kind;
  bool has_mac;
  uint8_t mac[6];
  char *ifname; /* (owned) (nullable): of TAP */
  GPtrArray *forwards; /* (owned) (nullable) (element-type CopPortForward): of USER */
} VmtNetOption;

bool vmt_net_option_parse (const char *text, VmtNetOption *net, GError **error);
void vmt_net_option_clear (VmtNetOption *net);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VmtNetOption, vmt_net_option_clear)

/* ---- vmtool run ---- */

/* Add what one --disk or --net says to @config. */
bool vmt_run_add_disk (CopMachineConfig *config, const char *text, GError **error);
bool vmt_run_add_nic (CopMachineConfig *config, const char *text, GError **error);

/**
 * vmt_run_read_file:
 * @what: "kernel", "initrd", for messages
 * @limit: the most that is read from what is no regular file, in bytes
 *
 * Maps a regular file, reads a pipe or device to its end.
 *
 * Returns: (transfer full) (nullable): the contents
 */
GBytes *vmt_run_read_file (const char *what, const char *path, uint64_t limit, GError **error);

/* Says that the files were copied into guest memory: gives the host's memory for them back. They can
   still be read, as a reset does. */
void vmt_run_files_loaded (void);

/**
 * vmt_run_write_signature:
 * @granularity: bytes per line: 4, 8 or 16
 *
 * Writes guest memory between the symbols begin_signature and end_signature to @path: a line of
 * hexadecimal digits, without 0x, per @granularity bytes, the most significant first.
 */
bool vmt_run_write_signature (CopMachine *machine, const char *path, unsigned granularity,
                              GError **error);
