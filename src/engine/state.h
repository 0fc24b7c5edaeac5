/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * State, described once.
 *
 * What a snapshot carries of a hart or device is one plain struct without padding or pointers, and
 * one table of rows that tiles it byte for byte:
 *
 *      CopUartState   | divisor | ier | lcr | rx[16] | ...
 *      uart_rows        row       row   row   row      ...
 *
 * From the rows come reset values, XML, the migration section, dumps, diffs and the tests. See
 * docs/state.md.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Between these two the compiler refuses padding in structs. */
#define COP_STATE_BEGIN \
  _Pragma ("GCC diagnostic push") _Pragma ("GCC diagnostic error \"-Wpadded\"")
#define COP_STATE_END _Pragma ("GCC diagnostic pop")

typedef enum
{
  COP_STATE_BOOL,
  COP_STATE_U8,
  COP_STATE_U16,
  COP_STATE_U32,
  COP_STATE_U64,
  COP_STATE_STRUCT,             /* an array of structs that a table of its own describes */
} CopStateKind;

typedef struct CopStateTable CopStateTable;

typedef struct
{
  const char          *name;    /* how the member travels */
  CopStateKind         kind;
  uint32_t             offset;  /* of the member in the struct, in bytes */
  uint32_t             size;    /* of one element, in bytes */
  uint32_t             count;   /* elements; 1 for a scalar */
  uint64_t             reset;   /* value after reset, of every element */
  uint64_t             mask;    /* bits that may be set; 0 means all */
  uint64_t             max;     /* largest value allowed; 0 means any */
  uint16_t             since;   /* first version of the table with this row; 0 and 1 are the same */
  bool                 survives_reset;
  const CopStateTable *table;   /* of COP_STATE_STRUCT rows */
} CopStateRow;

struct CopStateTable
{
  const char        *name;
  uint16_t           version;   /* raised whenever a row is added */
  const CopStateRow *rows;
  uint32_t           n_rows;
  uint32_t           size;      /* of the struct, in bytes */
  /* Checks what spans members; NULL where nothing does. @error names member and value. */
  bool             (*check) (const void *state, GError **error);
  bool               may_lack;  /* documents older than the device have no section of it: it is
                                   at its reset values then */
};

/* clang-format off */
#define COP_STATE_KIND(lvalue)    \
  _Generic ((lvalue),             \
            bool:     COP_STATE_BOOL, \
            uint8_t:  COP_STATE_U8,   \
            uint16_t: COP_STATE_U16,  \
            uint32_t: COP_STATE_U32,  \
            uint64_t: COP_STATE_U64)

#define COP_STATE_AS(type, member, travels_as, ...)                                        \
  { .name = travels_as, .kind = COP_STATE_KIND (((type *) 0)->member),                     \
    .offset = offsetof (type, member), .size = sizeof (((type *) 0)->member), .count = 1,  \
    __VA_ARGS__ }
#define COP_STATE(type, member, ...) COP_STATE_AS (type, member, #member, __VA_ARGS__)
#define COP_STATE_ARRAY(type, member, ...)                                                 \
  { .name = #member, .kind = COP_STATE_KIND (((type *) 0)->member[0]),                     \
    .offset = offsetof (type, member), .size = sizeof (((type *) 0)->member[0]),           \
    .count = sizeof (((type *) 0)->member) / sizeof (((type *) 0)->member[0]), __VA_ARGS__ }
#define COP_STATE_STRUCTS(type, member, sub_table, ...)                                    \
  { .name = #member, .kind = COP_STATE_STRUCT, .table = (sub_table),                       \
    .offset = offsetof (type, member), .size = sizeof (((type *) 0)->member[0]),           \
    .count = sizeof (((type *) 0)->member) / sizeof (((type *) 0)->member[0]), __VA_ARGS__ }
#define COP_STATE_ROWS(type, table_rows) (table_rows), G_N_ELEMENTS (table_rows), sizeof (type)
/* clang-format on */

#define COP_STATE_ERROR (cop_state_error_quark ())
GQuark cop_state_error_quark (void);

typedef enum
{
  COP_STATE_ERROR_UNKNOWN,      /* a member or section this program does not know */
  COP_STATE_ERROR_MISSING,
  COP_STATE_ERROR_RANGE,        /* a value outside what its row allows */
  COP_STATE_ERROR_MISMATCH,     /* the document is of a machine with another configuration */
} CopStateError;

/* One hart's or device's state, as it leaves or enters the machine. */
typedef struct
{
  char                *id;      /* (owned): unique in the machine, such as "hart0" or "uart0" */
  const CopStateTable *table;   /* (unowned) */
  void                *data;    /* (owned): table->size bytes */
} CopStateSection;

/* The whole machine's state but for RAM and disks. */
typedef struct
{
  GPtrArray *sections;          /* (element-type CopStateSection) (owned), in machine order */
} CopMachineState;

CopMachineState *cop_machine_state_new (void);
void cop_machine_state_free (CopMachineState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopMachineState, cop_machine_state_free)

/**
 * cop_machine_state_add:
 * @data: table->size bytes, copied; NULL for the reset values
 *
 * Returns: (transfer none): the new section, at the end
 */
CopStateSection *cop_machine_state_add (CopMachineState *state, const char *id,
                                        const CopStateTable *table, const void *data);

/* Returns: (transfer none) (nullable): the section called @id */
CopStateSection *cop_machine_state_find (const CopMachineState *state, const char *id);

/**
 * cop_state_reset:
 * Sets every member of @data to its reset value, but for rows that survive one.
 */
void cop_state_reset (const CopStateTable *table, void *data);

/* Sets every member, whatever its row says of surviving. */
void cop_state_init (const CopStateTable *table, void *data);

/**
 * cop_state_check:
 * Checks every value against its row, then what spans members.
 */
bool cop_state_check (const CopStateTable *table, const void *data, GError **error);

/* Element @index of @row in @data, widened; not for COP_STATE_STRUCT rows. */
uint64_t cop_state_get (const CopStateRow *row, const void *data, uint32_t index);

/**
 * cop_state_set:
 * Stores @value after checking it against @row's mask and maximum; changes nothing on failure.
 */
bool cop_state_set (const CopStateRow *row, void *data, uint32_t index, uint64_t value,
                    GError **error);

/* Returns: (nullable): the row that travels as @name */
const CopStateRow *cop_state_table_find (const CopStateTable *table, const char *name);

/**
 * cop_state_diff:
 * Appends one line per differing value to @report: "hart0.x[10]: 0x1 != 0x2".
 *
 * Returns: whether @a and @b are equal
 */
bool cop_state_diff (const CopStateTable *table, const char *id, const void *a, const void *b,
                     GString *report);
