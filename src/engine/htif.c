/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The host-target interface.
 *
 *   tohost   63..56 device   55..48 command   47..0 payload
 *            device 0, command 0   payload odd: exit with payload >> 1
 *                                  payload even: a system call; address of 8 words: number and
 *                                  arguments; the result replaces the first
 *            device 1, command 1   print the low byte
 *
 * Stores to tohost are noticed by the watch on code lines (see ram.h): the program's stores cost
 * nothing elsewhere, and none is missed. The answer waits until a hart is between two runs, for the
 * watch may speak before the bytes are in memory.
 *
 * Source: riscv-isa-sim, README and the riscv-tests environment
 */
#include "engine/htif.h"
#include "engine/riscv/mmu.h"

#define LINE (UINT64_C (1) << COP_CODE_LINE_SHIFT)

#define SYS_WRITE 64
#define SYS_EXIT 93
#define ERROR_FAULT UINT64_C (-14)
#define ERROR_NO_CALL UINT64_C (-38)
#define WRITE_LIMIT (1u << 20)

struct CopHtif
{
  CopRam           *ram;        /* (unowned) */
  uint64_t          tohost, fromhost;
  const CopHtifOps *ops;
  gpointer          data;
  GMutex            lock;       /* one hart serves at a time */
};

CopHtif *
cop_htif_new (CopRam *ram, uint64_t tohost, uint64_t fromhost, const CopHtifOps *ops, gpointer data)
{
  CopHtif *htif;

  if (cop_ram_span (ram, tohost, sizeof (uint64_t)) == NULL ||
      cop_ram_span (ram, fromhost, sizeof (uint64_t)) == NULL || tohost % sizeof (uint64_t) != 0)
    return NULL;
  htif = g_new0 (CopHtif, 1);
  htif->ram = ram;
  htif->tohost = tohost;
  htif->fromhost = fromhost;
  htif->ops = ops;
  htif->data = data;
  g_mutex_init (&htif->lock);
  return htif;
}

void
cop_htif_free (CopHtif *htif)
{
  if (htif == NULL)
    return;
  g_mutex_clear (&htif->lock);
  g_free (htif);
}

void
cop_htif_watch (CopHtif *htif, CopHart *hart)
{
  cop_mmu_watch_code (hart, htif->tohost, sizeof (uint64_t));
}

bool
cop_htif_concerns (const CopHtif *htif, uint64_t gpa, uint64_t length)
{
  uint64_t line = htif->tohost & ~(LINE - 1);

  return gpa < line + LINE && line - MIN (gpa, line) < length;
}

/* tohost, which is aligned and in RAM. Harts look at it while another one serves. */
static uint64_t *
tohost (const CopHtif *htif)
{
  return (uint64_t *) (void *) cop_ram_span (htif->ram, htif->tohost, sizeof (uint64_t));
}

static uint64_t
load_tohost (const CopHtif *htif)
{
  return GUINT64_FROM_LE (__atomic_load_n (tohost (htif), __ATOMIC_ACQUIRE));
}

static void
clear_tohost (CopHtif *htif)
{
  __atomic_store_n (tohost (htif), 0, __ATOMIC_RELEASE);
  cop_ram_written (htif->ram, htif->tohost, sizeof (uint64_t));
}

static void
store (CopHtif *htif, uint64_t gpa, uint64_t value)
{
  value = GUINT64_TO_LE (value);
  cop_ram_write (htif->ram, gpa, &value, sizeof value);
}

/* Returns: the call's result */
static uint64_t
call (CopHtif *htif, const uint64_t words[4])
{
  const uint8_t *bytes;

  switch (words[0])
    {
    case SYS_WRITE:
      bytes = words[3] <= WRITE_LIMIT ? cop_ram_span (htif->ram, words[2], words[3]) : NULL;
      if (bytes == NULL)
        return ERROR_FAULT;
      htif->ops->write (htif->data, bytes, words[3]);
      return words[3];
    case SYS_EXIT:
      htif->ops->exit (htif->data, (uint32_t)words[1]);
      return 0;
    default:
      return ERROR_NO_CALL;
    }
}

static void
serve (CopHtif *htif, uint64_t request)
{
  unsigned device = request >> 56, command = (request >> 48) & 0xff;
  uint64_t payload = request & ((UINT64_C (1) << 48) - 1);
  uint64_t words[4];
  uint8_t byte = (uint8_t)payload;

  clear_tohost (htif);
  if (device == 1 && command == 1)
    htif->ops->write (htif->data, &byte, 1);
  else if (device == 0 && command == 0 && (payload & 1))
    htif->ops->exit (htif->data, (uint32_t)(payload >> 1));
  else if (device == 0 && command == 0 && cop_ram_read (htif->ram, payload, words, sizeof words))
    {
      for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
        words[i] = GUINT64_FROM_LE (words[i]);
      store (htif, payload, call (htif, words));
      store (htif, htif->fromhost, 1);
    }
}

void
cop_htif_poll (CopHtif *htif, CopHart *hart)
{
  uint64_t request;

  if (load_tohost (htif) == 0)
    return;

  g_mutex_lock (&htif->lock);
  request = load_tohost (htif);
  if (request != 0)
    serve (htif, request);
  /* An engine that drops code of the line takes it off the watch. */
  cop_htif_watch (htif, hart);
  g_mutex_unlock (&htif->lock);
}
