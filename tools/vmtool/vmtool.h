/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a vmtool command is: a row. Parsing, help, completion and the manual page's option list all
 * walk the same rows.
 *
 *   vmtool image pull debian --suite trixie --json
 *          |     |    |      |               `- of every command: the printer writes JSON
 *          |     |    |      `- option: --suite VALUE or --suite=VALUE; -c VALUE if it has a letter
 *          |     |    `- value of the first option that may be given without its name
 *          |     `- row of the command's subcommands
 *          `- row of vmt_commands
 */
#pragma once

#include "common/names.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct VmtCall VmtCall;
typedef struct VmtCommand VmtCommand;
typedef struct VmtPrinter VmtPrinter;

typedef enum
{
  VMT_FLAG, /* takes no value */
  VMT_FLAG_PATH, /* a flag that may name a file: --name or --name=FILE */
  VMT_STRING,
  VMT_PATH, /* a string that completes to file names */
  VMT_INT, /* decimal, or hexadecimal after 0x; within min and max */
  VMT_SIZE, /* bytes, as cop_size_parse() reads them; within min and max */
  VMT_SECONDS, /* more than 0, with at most three decimals: 2.5 */
  VMT_ENUM, /* one of names */
} VmtKind;

typedef struct
{
  const char *name; /* without the dashes; NULL ends the table */
  VmtKind kind;
  const char *summary; /* N_(): one line, no full stop */
  const char *value; /* what help calls the value, such as "FILE"; NULL: from kind */
  const char *otherwise; /* the value when it is not given, as typed; NULL: none */
  bool required; /* may be given without its name, in table order */
  bool positional; /* the same for an option that is not required */
  bool repeated; /* may be given several times */
  char letter; /* a short name: 'c' for -c; 0: none */
  int64_t min, max; /* of VMT_INT and VMT_SIZE; max 0: no limit */
  uint32_t unit; /* of VMT_SIZE: bytes that a number without a unit counts; 0: 1 */
  const CopNames *names; /* of VMT_ENUM */
  /* Returns: (transfer full) (nullable): values; those that do not begin with @prefix are left out
     by the caller */
  char **(*complete) (const char *prefix);
} VmtOption;

/* Headings of `vmtool help`. */
typedef enum
{
  VMT_GROUP_DOMAIN, /* lifecycle of domains */
  VMT_GROUP_CONFIG, /* what domains are made of */
  VMT_GROUP_MONITOR, /* how domains do */
  VMT_GROUP_HOST,
  VMT_GROUP_MACHINE,
  VMT_GROUP_IMAGE,
  VMT_GROUP_GENERAL,
  VMT_GROUP_HIDDEN, /* for scripts of ours; no help lists it */
  VMT_GROUP_LAST,
} VmtGroup;

typedef struct
{
  const char *command; /* as typed; NULL ends the table */
  const char *summary; /* N_() */
} VmtExample;

struct VmtCommand
{
  const char *name;
  const char *summary; /* N_(): one line, no full stop */
  const VmtOption *options; /* NULL: none */
  bool (*run) (VmtCall *call, GError **error);
  VmtGroup group;
  const char *details; /* N_(): paragraphs for help; NULL: none */
  const VmtExample *examples; /* NULL: none */
  const VmtCommand *const *commands; /* subcommands, ends with NULL; then run is NULL */
  bool connects; /* talks to a daemon: has the options --connect and --readonly */
};

/* Every command, in the order of help; ends with NULL. */
extern const VmtCommand *const vmt_commands[];

/* What vmtool exits with. Numbers are part of the interface: scripts rely on them. */
typedef enum
{
  VMT_EXIT_OK = 0,
  VMT_EXIT_FAILED = 1,
  VMT_EXIT_USAGE = 2,
  VMT_EXIT_GUEST_LAST = 119, /* the largest of a guest's own failure codes that is handed on */
  VMT_EXIT_DIFFERENT = 121,
  VMT_EXIT_HALTED = 122,
  VMT_EXIT_MAX_INSTRUCTIONS = 123,
  VMT_EXIT_TIMEOUT = 124, /* as timeout(1) */
} VmtExit;

typedef struct
{
  int first, last; /* statuses with this meaning */
  const char *meaning; /* N_() */
} VmtExitRow;

/* Ends with a row without meaning. */
extern const VmtExitRow vmt_exit_rows[];

#define VMT_ERROR (vmt_error_quark ())
GQuark vmt_error_quark (void);

typedef enum
{
  VMT_ERROR_USAGE, /* the command line is wrong: exit status 2 */
  VMT_ERROR_FAILED,
} VmtError;

/**
 * vmt_main:
 * @argv: as main() has it, in the locale's encoding
 *
 * Finds the command, parses its options, runs it, prints its error.
 *
 * Returns: the exit status
 */
int vmt_main (int argc, char **argv);

/* ---- what a command's run function may ask of its call ---- */

/* All of these take an option of the command's own table, and it is our mistake to ask for another
   or by the wrong kind. Without a value on the command line they give the row's `otherwise`. */

/* Whether the option was on the command line; its `otherwise` does not count. */
bool vmt_call_has (const VmtCall *call, const char *option);
bool vmt_call_flag (const VmtCall *call, const char *option);
/* Returns: (nullable): of VMT_STRING, VMT_PATH and VMT_FLAG_PATH, the last one given */
const char *vmt_call_string (const VmtCall *call, const char *option);
/* Returns: of a repeated VMT_STRING or VMT_PATH; never NULL, ends with NULL */
const char *const *vmt_call_strings (const VmtCall *call, const char *option);
/* 0 when not given and without `otherwise`. */
int64_t vmt_call_int (const VmtCall *call, const char *option);
uint64_t vmt_call_size (const VmtCall *call, const char *option);
/* Of VMT_SECONDS, in milliseconds; 0 when not given. */
uint64_t vmt_call_ms (const VmtCall *call, const char *option);
/* Index in the option's names. */
unsigned vmt_call_enum (const VmtCall *call, const char *option);

/* A flag of the command line and the bits it stands for on the wire. A table ends with { NULL }. */
typedef struct
{
  const char *option;
  uint32_t bits;
} VmtFlagRow;

/* The bits of all flags of @rows that were given. */
uint32_t vmt_call_bits (const VmtCall *call, const VmtFlagRow *rows);

/**
 * vmt_call_check_exclusive:
 * @options: flags and others of which one may be given, ends with NULL
 *
 * Errors: %VMT_ERROR_USAGE, naming the first two that were given
 */
bool vmt_call_check_exclusive (const VmtCall *call, const char *const *options, GError **error);

VmtPrinter *vmt_call_printer (const VmtCall *call);

/* Makes a run that returns true exit with @status: how a guest ended is no error of the command. */
void vmt_call_set_exit (VmtCall *call, int status);
