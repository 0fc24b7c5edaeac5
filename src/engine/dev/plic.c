/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The platform-level interrupt controller.
 *
 *   device line --> level --> gateway --> pending --> per context: enable, priority > threshold
 *                               |                          |
 *                               +-- shut while claimed     +--> MEIP or SEIP of the hart
 *
 *   0x000000  priority of each source       0x002000  enable words, 0x80 a context
 *   0x001000  pending words                 0x200000  threshold, claim/complete, 0x1000 a context
 *
 * All sources are levels. The gateway forwards a request once and is shut until it is completed;
 * a request that was forwarded stays pending when the line drops.
 *
 * Source: RISC-V Platform-Level Interrupt Controller Specification 1.0.0
 */
#include "engine/dev/plic.h"
#include "engine/dev/platform.h"
#include "engine/riscv/hart.h"

#include <libfdt.h>
#include <string.h>

#define WORDS (COP_PLIC_SOURCES / 32)
#define MAX_CONTEXTS (2 * COP_MAX_HARTS)
#define PRIORITY_MASK 7u

#define PENDING_OFFSET 0x1000u
#define ENABLE_OFFSET 0x2000u
#define ENABLE_STRIDE 0x80u
#define CONTEXT_OFFSET 0x200000u
#define CONTEXT_STRIDE 0x1000u

COP_STATE_BEGIN
typedef struct
{
  uint32_t enable[WORDS];
  uint32_t threshold;
} PlicContext;

typedef struct
{
  uint32_t    priority[COP_PLIC_SOURCES];
  uint32_t    pending[WORDS];
  uint32_t    claimed[WORDS];   /* forwarded, claimed and not completed: the gateway is shut */
  PlicContext contexts[MAX_CONTEXTS];
} PlicState;
COP_STATE_END

typedef struct
{
  CopDevice    parent;
  PlicState    s;
  unsigned     n_contexts;
  CopHartLines lines;
  uint32_t     level[WORDS];    /* of the sources, as the devices drive them */
  bool         raised[MAX_CONTEXTS]; /* what the hart's line was last driven to */
} Plic;

static const CopStateRow context_rows[] = {
  COP_STATE_ARRAY (PlicContext, enable),
  COP_STATE (PlicContext, threshold, .mask = PRIORITY_MASK),
};
static const CopStateTable context_state = { "plic-context", 1,
                                             COP_STATE_ROWS (PlicContext, context_rows) };

static bool
check_state (const void *state, GError **error)
{
  const PlicState *s = state;

  for (unsigned i = 0; i < WORDS; i++)
    if ((s->pending[i] & s->claimed[i]) != 0)
      {
        g_set_error (error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE,
                     "pending[%u]: 0x%x and claimed[%u]: 0x%x have a source in common", i,
                     s->pending[i], i, s->claimed[i]);
        return false;
      }
  if (((s->pending[0] | s->claimed[0]) & 1) != 0)
    {
      g_set_error (error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE,
                   "pending[0]: 0x%x or claimed[0]: 0x%x has source 0, which does not exist",
                   s->pending[0], s->claimed[0]);
      return false;
    }
  return true;
}

static const CopStateRow plic_rows[] = {
  COP_STATE_ARRAY (PlicState, priority, .mask = PRIORITY_MASK),
  COP_STATE_ARRAY (PlicState, pending),
  COP_STATE_ARRAY (PlicState, claimed),
  COP_STATE_STRUCTS (PlicState, contexts, &context_state),
};
static const CopStateTable plic_state = { "plic", 1, COP_STATE_ROWS (PlicState, plic_rows),
                                          check_state };

/* The pending and enabled source of highest priority, the lowest number first among equals; 0 when
   none has a priority above @threshold. */
static unsigned
best_source (const Plic *plic, const PlicContext *context, uint32_t threshold)
{
  unsigned best = 0;
  uint32_t best_priority = threshold;

  for (unsigned i = 0; i < WORDS; i++)
    for (uint32_t word = plic->s.pending[i] & context->enable[i]; word != 0; word &= word - 1)
      {
        unsigned source = 32 * i + (unsigned) __builtin_ctz (word);

        if (plic->s.priority[source] > best_priority)
          {
            best = source;
            best_priority = plic->s.priority[source];
          }
      }
  return best;
}

static void
drive_context (Plic *plic, unsigned index, bool level)
{
  plic->raised[index] = level;
  plic->lines.set (plic->lines.data, index / 2, index % 2 == 0 ? COP_IRQ_MEI : COP_IRQ_SEI, level);
}

static bool
context_level (const Plic *plic, unsigned index)
{
  const PlicContext *context = &plic->s.contexts[index];

  return best_source (plic, context, context->threshold) != 0;
}

static void
update_contexts (Plic *plic)
{
  for (unsigned i = 0; i < plic->n_contexts; i++)
    {
      bool level = context_level (plic, i);

      if (level != plic->raised[i])
        drive_context (plic, i, level);
    }
}

/* Lets the request of one source through, if there is one and its gateway is open. Of that one only:
   after a load the levels of others may not have been driven again yet. */
static void
forward (Plic *plic, unsigned index, uint32_t bit)
{
  plic->s.pending[index] |= plic->level[index] & ~plic->s.claimed[index] & bit;
}

static void
set_source (gpointer controller, unsigned source, bool level)
{
  Plic *plic = controller;
  uint32_t bit = UINT32_C (1) << (source % 32);
  unsigned index = source / 32;

  if (source == 0 || source >= COP_PLIC_SOURCES)
    return;

  g_mutex_lock (&plic->parent.lock);
  if (level)
    plic->level[index] |= bit;
  else
    plic->level[index] &= ~bit;
  forward (plic, index, bit);
  update_contexts (plic);
  g_mutex_unlock (&plic->parent.lock);
}

/* The threshold does not hide requests from a claim (PLIC Spec ch. 8). */
static uint32_t
claim (Plic *plic, const PlicContext *context)
{
  unsigned source = best_source (plic, context, 0);
  uint32_t bit = UINT32_C (1) << (source % 32);

  if (source != 0)
    {
      plic->s.pending[source / 32] &= ~bit;
      plic->s.claimed[source / 32] |= bit;
      update_contexts (plic);
    }
  return source;
}

/* Completion of a source that the context has not enabled is ignored (PLIC Spec ch. 9). */
static void
complete (Plic *plic, const PlicContext *context, uint32_t source)
{
  unsigned index = source / 32;
  uint32_t bit = UINT32_C (1) << (source % 32);

  if (source >= COP_PLIC_SOURCES || (context->enable[index] & bit) == 0)
    return;
  plic->s.claimed[index] &= ~bit;
  forward (plic, index, bit);
  update_contexts (plic);
}

/* What an offset means. */
typedef enum
{
  REG_NONE,
  REG_PRIORITY,
  REG_PENDING,
  REG_ENABLE,
  REG_THRESHOLD,
  REG_CLAIM,
} Register;

typedef struct
{
  Register     reg;
  unsigned     index;           /* source, or word */
  PlicContext *context;         /* of ENABLE, THRESHOLD, CLAIM */
} Decoded;

static Decoded
decode (Plic *plic, uint64_t offset)
{
  uint64_t number;

  if (offset < PENDING_OFFSET)
    {
      if (offset / 4 < COP_PLIC_SOURCES)
        return (Decoded) { REG_PRIORITY, offset / 4 };
    }
  else if (offset < ENABLE_OFFSET)
    {
      if ((offset - PENDING_OFFSET) / 4 < WORDS)
        return (Decoded) { REG_PENDING, (offset - PENDING_OFFSET) / 4 };
    }
  else if (offset < CONTEXT_OFFSET)
    {
      unsigned word = (offset - ENABLE_OFFSET) % ENABLE_STRIDE / 4;

      number = (offset - ENABLE_OFFSET) / ENABLE_STRIDE;
      if (number < plic->n_contexts && word < WORDS)
        return (Decoded) { REG_ENABLE, word, &plic->s.contexts[number] };
    }
  else
    {
      unsigned in_context = (offset - CONTEXT_OFFSET) % CONTEXT_STRIDE;

      number = (offset - CONTEXT_OFFSET) / CONTEXT_STRIDE;
      if (number < plic->n_contexts && in_context <= 4)
        return (Decoded) { in_context == 0 ? REG_THRESHOLD : REG_CLAIM, 0,
                           &plic->s.contexts[number] };
    }
  return (Decoded) { REG_NONE };
}

static uint64_t
plic_read (CopDevice *device, uint64_t offset, G_GNUC_UNUSED unsigned size)
{
  Plic *plic = (Plic *) device;
  Decoded at = decode (plic, offset);

  switch (at.reg)
    {
    case REG_PRIORITY:
      return plic->s.priority[at.index];
    case REG_PENDING:
      return plic->s.pending[at.index];
    case REG_ENABLE:
      return at.context->enable[at.index];
    case REG_THRESHOLD:
      return at.context->threshold;
    case REG_CLAIM:
      return claim (plic, at.context);
    case REG_NONE:
      break;
    }
  return 0;
}

static void
plic_write (CopDevice *device, uint64_t offset, G_GNUC_UNUSED unsigned size, uint64_t value)
{
  Plic *plic = (Plic *) device;
  Decoded at = decode (plic, offset);

  switch (at.reg)
    {
    case REG_PRIORITY:
      plic->s.priority[at.index] = at.index == 0 ? 0 : value & PRIORITY_MASK;
      update_contexts (plic);
      break;
    case REG_ENABLE:
      at.context->enable[at.index] = at.index == 0 ? value & ~UINT64_C (1) : value;
      update_contexts (plic);
      break;
    case REG_THRESHOLD:
      at.context->threshold = value & PRIORITY_MASK;
      update_contexts (plic);
      break;
    case REG_CLAIM:
      complete (plic, at.context, value);
      break;
    case REG_PENDING: /* read only */
    case REG_NONE:
      break;
    }
}

/* Drives every hart line, whatever was driven before: after a load or reset. */
static void
drive_all (Plic *plic)
{
  for (unsigned i = 0; i < plic->n_contexts; i++)
    drive_context (plic, i, context_level (plic, i));
}

static void
plic_reset (CopDevice *device)
{
  drive_all ((Plic *) device);
}

static void
plic_resume (CopDevice *device)
{
  g_mutex_lock (&device->lock);
  drive_all ((Plic *) device);
  g_mutex_unlock (&device->lock);
}

static int
plic_fdt (const CopDevice *device, void *fdt)
{
  const Plic *plic = (const Plic *) device;
  int node = cop_device_fdt_node (device, fdt);
  int result;

  if (node < 0)
    return node;
  if ((result = fdt_setprop_u32 (fdt, node, "phandle", COP_PHANDLE_PLIC)) != 0 ||
      (result = fdt_setprop_u32 (fdt, node, "riscv,ndev", COP_PLIC_SOURCES - 1)) != 0 ||
      (result = fdt_setprop_empty (fdt, node, "interrupt-controller")) != 0 ||
      (result = fdt_setprop_u32 (fdt, node, "#interrupt-cells", 1)) != 0 ||
      (result = fdt_setprop_u32 (fdt, node, "#address-cells", 0)) != 0)
    return result;
  return cop_device_fdt_hart_lines (fdt, node, plic->n_contexts / 2,
                                    (const CopIrq[]) { COP_IRQ_MEI, COP_IRQ_SEI }, 2);
}

const CopDeviceType cop_plic_type = {
  .name = "plic",
  .compatible = "sifive,plic-1.0.0 riscv,plic0",
  .instance_size = sizeof (Plic),
  .mmio_size = 0x600000,
  .access_sizes = 4,
  .state = &plic_state,
  .state_offset = offsetof (Plic, s),
  .read = plic_read,
  .write = plic_write,
  .reset = plic_reset,
  .resume = plic_resume,
  .fdt = plic_fdt,
};

CopDevice *
cop_plic_new (const char *id, uint64_t gpa, unsigned harts, const CopHartLines *lines)
{
  Plic *plic = cop_device_new (&cop_plic_type, id, NULL, NULL, gpa);

  plic->n_contexts = 2 * harts;
  plic->lines = *lines;
  return &plic->parent;
}

bool
cop_plic_is_listening (CopDevice *device, unsigned hart, bool machine_mode)
{
  Plic *plic = (Plic *) device;
  unsigned number = 2 * hart + (machine_mode ? 0 : 1);
  uint32_t enabled = 0;

  if (number >= plic->n_contexts)
    return false;
  g_mutex_lock (&device->lock);
  for (unsigned i = 0; i < WORDS; i++)
    enabled |= plic->s.contexts[number].enable[i];
  g_mutex_unlock (&device->lock);
  return enabled != 0;
}

CopIrqSink
cop_plic_sink (CopDevice *plic)
{
  return (CopIrqSink) { set_source, plic };
}
