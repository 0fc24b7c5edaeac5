/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The interruptor of the harts.
 *
 *   MSWI     0x0000 + 4 * hart   msip: bit 0 drives MSIP
 *   MTIMER   0x0000 + 8 * hart   mtimecmp: MTIP is high while mtime >= mtimecmp
 *            0x7ff8              mtime
 *   SSWI     0x0000 + 4 * hart   setssip: writing 1 sets SSIP; reads as 0
 *
 * mtime is the machine's clock, whose value is state of its own (clock.h).
 *
 * Source: RISC-V ACLINT Specification 1.0-rc4 ch. 2, 3, 4
 */
#include "engine/dev/aclint.h"
#include "engine/dev/platform.h"
#include "engine/riscv/hart.h"

#include <libfdt.h>

#define MTIME_OFFSET 0x7ff8u
#define CLINT_SIZE UINT64_C (0x10000)

COP_STATE_BEGIN
typedef struct
{
  bool msip[COP_MAX_HARTS];
} MswiState;

typedef struct
{
  uint64_t mtimecmp[COP_MAX_HARTS];
} MtimerState;
COP_STATE_END

typedef struct
{
  CopDevice    parent;
  MswiState    s;
  unsigned     harts;
  CopHartLines lines;
} Mswi;

typedef struct
{
  CopDevice   parent;
  MtimerState s;
  unsigned    harts;
  CopTimers  *timers;           /* (unowned) */
} Mtimer;

typedef struct
{
  CopDevice    parent;
  unsigned     harts;
  CopHartLines lines;
} Sswi;

static const CopStateRow mswi_rows[] = {
  COP_STATE_ARRAY (MswiState, msip),
};
static const CopStateTable mswi_state = { "mswi", 1, COP_STATE_ROWS (MswiState, mswi_rows) };

/* The specification leaves mtimecmp's reset value open; with this one no interrupt is pending. */
static const CopStateRow mtimer_rows[] = {
  COP_STATE_ARRAY (MtimerState, mtimecmp, .reset = COP_CLOCK_NEVER),
};
static const CopStateTable mtimer_state = { "mtimer", 1,
                                            COP_STATE_ROWS (MtimerState, mtimer_rows) };

/* MSWI */

static uint64_t
mswi_read (CopDevice *device, uint64_t offset, G_GNUC_UNUSED unsigned size)
{
  const Mswi *mswi = (const Mswi *) device;

  return offset / 4 < mswi->harts ? mswi->s.msip[offset / 4] : 0;
}

static void
drive_msip (const Mswi *mswi, unsigned hart)
{
  mswi->lines.set (mswi->lines.data, hart, COP_IRQ_MSI, mswi->s.msip[hart]);
}

static void
mswi_write (CopDevice *device, uint64_t offset, G_GNUC_UNUSED unsigned size, uint64_t value)
{
  Mswi *mswi = (Mswi *) device;
  unsigned hart = offset / 4;

  if (hart >= mswi->harts)
    return;
  mswi->s.msip[hart] = value & 1;
  drive_msip (mswi, hart);
}

static void
mswi_reset (CopDevice *device)
{
  const Mswi *mswi = (const Mswi *) device;

  for (unsigned i = 0; i < mswi->harts; i++)
    drive_msip (mswi, i);
}

static void
mswi_resume (CopDevice *device)
{
  g_mutex_lock (&device->lock);
  mswi_reset (device);
  g_mutex_unlock (&device->lock);
}

static int
mswi_fdt (const CopDevice *device, void *fdt)
{
  const Mswi *mswi = (const Mswi *) device;
  int node = cop_device_fdt_node (device, fdt);
  int result;

  if (node < 0)
    return node;
  if ((result = fdt_delprop (fdt, node, "reg")) != 0 ||
      (result = fdt_appendprop_u64 (fdt, node, "reg", device->gpa)) != 0 ||
      (result = fdt_appendprop_u64 (fdt, node, "reg", CLINT_SIZE)) != 0)
    return result;
  return cop_device_fdt_hart_lines (fdt, node, mswi->harts,
                                    (const CopIrq[]) { COP_IRQ_MSI, COP_IRQ_MTI }, 2);
}

const CopDeviceType cop_mswi_type = {
  .name = "mswi",
  .fdt_name = "clint",
  .compatible = "sifive,clint0 riscv,clint0",
  .instance_size = sizeof (Mswi),
  .mmio_size = 0x4000,
  .access_sizes = 4,
  .state = &mswi_state,
  .state_offset = offsetof (Mswi, s),
  .read = mswi_read,
  .write = mswi_write,
  .reset = mswi_reset,
  .resume = mswi_resume,
  .fdt = mswi_fdt,
};

CopDevice *
cop_mswi_new (const char *id, uint64_t gpa, unsigned harts, const CopHartLines *lines)
{
  Mswi *mswi = cop_device_new (&cop_mswi_type, id, NULL, NULL, gpa);

  mswi->harts = harts;
  mswi->lines = *lines;
  return &mswi->parent;
}

/* MTIMER */

static uint64_t
mtimer_value (const Mtimer *mtimer, uint64_t offset)
{
  if (offset >= MTIME_OFFSET)
    return cop_timers_time (mtimer->timers);
  return offset / 8 < mtimer->harts ? mtimer->s.mtimecmp[offset / 8] : 0;
}

static uint64_t
mtimer_read (CopDevice *device, uint64_t offset, unsigned size)
{
  uint64_t value = mtimer_value ((const Mtimer *) device, offset);

  return size == 8 ? value : (uint32_t) (value >> (offset % 8 * 8));
}

static void
arm (const Mtimer *mtimer, unsigned hart)
{
  cop_timers_arm (mtimer->timers, hart, COP_TIMER_MACHINE, mtimer->s.mtimecmp[hart]);
}

static void
mtimer_write (CopDevice *device, uint64_t offset, unsigned size, uint64_t value)
{
  Mtimer *mtimer = (Mtimer *) device;
  unsigned hart = offset / 8;

  if (size == 4)
    {
      unsigned shift = offset % 8 * 8;
      uint64_t half = UINT64_C (0xffffffff) << shift;

      value = (mtimer_value (mtimer, offset) & ~half) | (value << shift & half);
    }
  if (offset >= MTIME_OFFSET)
    cop_timers_set_time (mtimer->timers, value);
  else if (hart < mtimer->harts)
    {
      mtimer->s.mtimecmp[hart] = value;
      arm (mtimer, hart);
    }
}

static void
mtimer_reset (CopDevice *device)
{
  const Mtimer *mtimer = (const Mtimer *) device;

  for (unsigned i = 0; i < mtimer->harts; i++)
    arm (mtimer, i);
  cop_timers_set_time (mtimer->timers, 0);
}

static void
mtimer_resume (CopDevice *device)
{
  const Mtimer *mtimer = (const Mtimer *) device;

  g_mutex_lock (&device->lock);
  for (unsigned i = 0; i < mtimer->harts; i++)
    arm (mtimer, i);
  cop_timers_replay (mtimer->timers);
  g_mutex_unlock (&device->lock);
}

/* Part of the CLINT's node. */
static int
mtimer_fdt (G_GNUC_UNUSED const CopDevice *device, G_GNUC_UNUSED void *fdt)
{
  return 0;
}

const CopDeviceType cop_mtimer_type = {
  .name = "mtimer",
  .compatible = "riscv,aclint-mtimer",
  .instance_size = sizeof (Mtimer),
  .mmio_size = 0x8000,
  .access_sizes = 4 | 8,
  .state = &mtimer_state,
  .state_offset = offsetof (Mtimer, s),
  .read = mtimer_read,
  .write = mtimer_write,
  .reset = mtimer_reset,
  .resume = mtimer_resume,
  .fdt = mtimer_fdt,
};

CopDevice *
cop_mtimer_new (const char *id, uint64_t gpa, unsigned harts, CopTimers *timers)
{
  Mtimer *mtimer = cop_device_new (&cop_mtimer_type, id, NULL, NULL, gpa);

  mtimer->harts = harts;
  mtimer->timers = timers;
  return &mtimer->parent;
}

/* SSWI */

static uint64_t
sswi_read (G_GNUC_UNUSED CopDevice *device, G_GNUC_UNUSED uint64_t offset,
           G_GNUC_UNUSED unsigned size)
{
  return 0;
}

static void
sswi_write (CopDevice *device, uint64_t offset, G_GNUC_UNUSED unsigned size, uint64_t value)
{
  const Sswi *sswi = (const Sswi *) device;

  if (offset / 4 < sswi->harts && (value & 1) != 0)
    sswi->lines.set (sswi->lines.data, offset / 4, COP_IRQ_SSI, true);
}

static int
sswi_fdt (const CopDevice *device, void *fdt)
{
  const Sswi *sswi = (const Sswi *) device;
  int node = cop_device_fdt_node (device, fdt);
  int result;

  if (node < 0)
    return node;
  if ((result = fdt_setprop_empty (fdt, node, "interrupt-controller")) != 0 ||
      (result = fdt_setprop_u32 (fdt, node, "#interrupt-cells", 0)) != 0)
    return result;
  return cop_device_fdt_hart_lines (fdt, node, sswi->harts, (const CopIrq[]) { COP_IRQ_SSI }, 1);
}

const CopDeviceType cop_sswi_type = {
  .name = "sswi",
  .compatible = "riscv,aclint-sswi",
  .instance_size = sizeof (Sswi),
  .mmio_size = 0x4000,
  .access_sizes = 4,
  .read = sswi_read,
  .write = sswi_write,
  .fdt = sswi_fdt,
};

CopDevice *
cop_sswi_new (const char *id, uint64_t gpa, unsigned harts, const CopHartLines *lines)
{
  Sswi *sswi = cop_device_new (&cop_sswi_type, id, NULL, NULL, gpa);

  sswi->harts = harts;
  sswi->lines = *lines;
  return &sswi->parent;
}
