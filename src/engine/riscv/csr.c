/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Control and status registers: the table, and how it is walked.
 *
 *   number   11 10 | 9 8  | 7 ... 0         (Privileged Spec 20240411 §2.1)
 *            ro=3  | priv |
 *
 * A row says where the register is stored, which bits read and which can be written. Where that is
 * not all: `open` decides who may access it, `read` makes the value, `legal` turns what software
 * writes into what the register takes (WARL), `written` has the effects, and `write` replaces all
 * of writing.
 *
 * Source: RISC-V Privileged Spec 20240411 ch. 2, 3, 10; Sstc, Sscofpmf and CMO chapters
 */
#include "engine/riscv/csr.h"
#include "engine/riscv/fpu-host.h"
#include "engine/riscv/hart-private.h"
#include "engine/riscv/mmu.h"

#define CSR_PRIV(number) ((number) >> 8 & 3)
#define CSR_READ_ONLY(number) ((number) >> 10 == 3)

#define SATP_MODE_SHIFT 60

typedef struct
{
  uint16_t    number;
  uint16_t    count;            /* registers in the row, with consecutive numbers */
  uint8_t     first;            /* what the name of the first is numbered, when count is above 1 */
  uint8_t     size;             /* of the member that stores it, in bytes; 0: none */
  uint16_t    offset;           /* of that member in CopHartState */
  const char *name;
  CopIsa      needs;
  uint64_t    reads, writes;    /* masks */
  uint64_t    constant;         /* bits that always read as set */
  bool      (*open)    (const CopHart *hart, unsigned number);
  uint64_t  (*read)    (CopHart *hart, unsigned number);
  uint64_t  (*legal)   (const CopHart *hart, uint64_t old, uint64_t value);
  void      (*written) (CopHart *hart, uint64_t old);
  void      (*write)   (CopHart *hart, unsigned number, uint64_t value);
} CopCsr;

/* Floating point: illegal while mstatus.FS is Off. */

static bool
fp_open (const CopHart *hart, unsigned number)
{
  (void) number;
  return (hart->s.mstatus & COP_MSTATUS_FS) != 0;
}

/* fcsr with what the host's FPU holds of it. */
static uint8_t
merged_fcsr (CopHart *hart)
{
  cop_fpu_sync (hart);
  return hart->s.fcsr;
}

static void
replace_fcsr (CopHart *hart, uint8_t fcsr)
{
  bool new_mode = (hart->s.fcsr ^ fcsr) >> 5 != 0;

  cop_fpu_set_fcsr (hart, fcsr);
  hart->s.mstatus |= COP_MSTATUS_FS;
  if (new_mode)
    cop_hart_update_view (hart);
}

static uint64_t
read_fflags (CopHart *hart, unsigned number)
{
  (void) number;
  return merged_fcsr (hart) & 0x1f;
}

static void
write_fflags (CopHart *hart, unsigned number, uint64_t value)
{
  (void) number;
  replace_fcsr (hart, (hart->s.fcsr & 0xe0) | (value & 0x1f));
}

static uint64_t
read_frm (CopHart *hart, unsigned number)
{
  (void) number;
  return hart->s.fcsr >> 5;
}

static void
write_frm (CopHart *hart, unsigned number, uint64_t value)
{
  (void) number;
  replace_fcsr (hart, (merged_fcsr (hart) & 0x1f) | (value & 7) << 5);
}

static uint64_t
read_fcsr (CopHart *hart, unsigned number)
{
  (void) number;
  return merged_fcsr (hart);
}

static void
write_fcsr (CopHart *hart, unsigned number, uint64_t value)
{
  (void) number;
  replace_fcsr (hart, value & 0xff);
}

/* Counters: lower modes see those that mcounteren, and for U mode scounteren, let through. */

static bool
counter_enabled (const CopHart *hart, unsigned counter)
{
  uint32_t enabled = UINT32_MAX;

  if (hart->s.priv != COP_PRIV_M)
    enabled &= hart->s.mcounteren;
  if (hart->s.priv == COP_PRIV_U && cop_hart_has (hart, COP_ISA (S)))
    enabled &= hart->s.scounteren;
  return enabled >> counter & 1;
}

static bool
counter_open (const CopHart *hart, unsigned number)
{
  return counter_enabled (hart, number & 0x1f);
}

static uint64_t
read_counter (CopHart *hart, unsigned number)
{
  return cop_hpm_read (hart, number & 0x1f);
}

static void
write_counter (CopHart *hart, unsigned number, uint64_t value)
{
  cop_hpm_write (hart, number & 0x1f, value);
}

static uint64_t
read_time (CopHart *hart, unsigned number)
{
  (void) number;
  return cop_hart_time (hart);
}

static uint64_t
read_event (CopHart *hart, unsigned number)
{
  return hart->s.mhpmevent[(number & 0x1f) - 3];
}

static void
write_event (CopHart *hart, unsigned number, uint64_t value)
{
  cop_hpm_write_event (hart, number & 0x1f, value);
}

static void
write_inhibit (CopHart *hart, unsigned number, uint64_t value)
{
  (void) number;
  cop_hpm_write_inhibit (hart, value);
}

/* The overflow bits of mhpmevent, a bit each. Source: Sscofpmf §18.3 */
static uint64_t
read_scountovf (CopHart *hart, unsigned number)
{
  uint64_t overflowed = 0;

  (void) number;
  for (unsigned i = 0; i < COP_HPM_COUNTERS; i++)
    overflowed |= (hart->s.mhpmevent[i] >> 63) << (i + 3);
  return hart->s.priv == COP_PRIV_M ? overflowed : overflowed & hart->s.mcounteren;
}

/* Sstc: S mode needs menvcfg.STCE and mcounteren.TM. */
static bool
stimecmp_open (const CopHart *hart, unsigned number)
{
  (void) number;
  return hart->s.priv == COP_PRIV_M ||
         ((hart->s.menvcfg & COP_ENVCFG_STCE) && (hart->s.mcounteren & 2));
}

static void
stimecmp_written (CopHart *hart, uint64_t old)
{
  (void) old;
  cop_hart_arm_timer (hart);
}

/* Status. */

static uint64_t
read_mstatus (CopHart *hart, unsigned number)
{
  uint64_t status = hart->s.mstatus & COP_MSTATUS_STORED;

  (void) number;
  if (cop_hart_has (hart, COP_ISA (U)))
    status |= UINT64_C (2) << 32;
  if (cop_hart_has (hart, COP_ISA (S)))
    status |= UINT64_C (2) << 34;
  if ((status & COP_MSTATUS_FS) == COP_MSTATUS_FS)
    status |= COP_MSTATUS_SD;
  return status;
}

static uint64_t
legal_mstatus (const CopHart *hart, uint64_t old, uint64_t value)
{
  uint64_t mpp = (value & COP_MSTATUS_MPP) >> COP_MSTATUS_MPP_SHIFT;
  bool has_s = cop_hart_has (hart, COP_ISA (S));
  bool has_u = cop_hart_has (hart, COP_ISA (U));

  if (mpp == 2 || (mpp == COP_PRIV_S && !has_s) || (mpp == COP_PRIV_U && !has_u))
    value = (value & ~COP_MSTATUS_MPP) | (old & COP_MSTATUS_MPP);
  if (!has_s)
    value &= ~(COP_MSTATUS_SIE | COP_MSTATUS_SPIE | COP_MSTATUS_SPP | COP_MSTATUS_SUM |
               COP_MSTATUS_MXR | COP_MSTATUS_TVM | COP_MSTATUS_TSR);
  if (!has_u)
    value &= ~(COP_MSTATUS_MPRV | COP_MSTATUS_TW);
  if (!cop_hart_has (hart, COP_ISA (F)))
    value &= ~COP_MSTATUS_FS;
  return value;
}

static void
mstatus_written (CopHart *hart, uint64_t old)
{
  uint64_t changed = hart->s.mstatus ^ old;

  if (changed & (COP_MSTATUS_FS | COP_MSTATUS_MPRV | COP_MSTATUS_MPP | COP_MSTATUS_SUM |
                 COP_MSTATUS_MXR))
    cop_hart_update_view (hart);
  if (changed & (COP_MSTATUS_SIE | COP_MSTATUS_MIE))
    cop_hart_update_irq (hart);
}

static uint64_t
read_misa (CopHart *hart, unsigned number)
{
  static const struct
  {
    char   letter;
    CopIsa needs;
  } letters[] = {
    { 'A', COP_ISA (A) }, { 'B', COP_ISA (ZBA) | COP_ISA (ZBB) | COP_ISA (ZBS) },
    { 'C', COP_ISA (C) }, { 'D', COP_ISA (D) },
    { 'F', COP_ISA (F) }, { 'I', COP_ISA (I) },
    { 'M', COP_ISA (M) }, { 'S', COP_ISA (S) },
    { 'U', COP_ISA (U) },
  };
  uint64_t misa = UINT64_C (2) << 62;

  (void) number;
  for (unsigned i = 0; i < G_N_ELEMENTS (letters); i++)
    if (cop_hart_has (hart, letters[i].needs))
      misa |= UINT64_C (1) << (letters[i].letter - 'A');
  return misa;
}

static uint64_t
read_mhartid (CopHart *hart, unsigned number)
{
  (void) number;
  return hart->id;
}

/* Interrupts. */

static void
irq_written (CopHart *hart, uint64_t old)
{
  (void) old;
  cop_hart_update_irq (hart);
}

static uint64_t
legal_irqs (const CopHart *hart, uint64_t old, uint64_t value)
{
  (void) old;
  return value & cop_hart_irq_bits (hart);
}

/* Only interrupts of S mode and LCOFI can be delegated. */
static uint64_t
legal_mideleg (const CopHart *hart, uint64_t old, uint64_t value)
{
  (void) old;
  return value & cop_hart_irq_bits (hart) & ~COP_IRQS_M;
}

static uint64_t
read_mip (CopHart *hart, unsigned number)
{
  (void) number;
  return cop_hart_mip (hart);
}

/* Other threads set bits of mip at any time: no others than these are written. */
static void
change_mip (CopHart *hart, uint64_t clear, uint64_t set_bits)
{
  __atomic_fetch_and (&hart->s.mip, ~clear | set_bits, __ATOMIC_SEQ_CST);
  __atomic_fetch_or (&hart->s.mip, set_bits, __ATOMIC_SEQ_CST);
  cop_hart_update_irq (hart);
}

/* The bits that software may write by way of mip. */
static uint64_t
mip_writable (const CopHart *hart)
{
  uint64_t mask = cop_hart_irq_bits (hart) & ~COP_IRQS_M;

  /* With Sstc on, STIP is what stimecmp says. */
  if (hart->s.menvcfg & COP_ENVCFG_STCE)
    mask &= ~COP_IRQ_BIT (COP_IRQ_STI);
  return mask;
}

static uint64_t
sip_writable (const CopHart *hart)
{
  return (COP_IRQ_BIT (COP_IRQ_SSI) | COP_IRQ_BIT (COP_IRQ_LCOFI)) & hart->s.mideleg;
}

static void
write_mip (CopHart *hart, unsigned number, uint64_t value)
{
  uint64_t mask = mip_writable (hart);

  (void) number;
  change_mip (hart, mask, value & mask);
}

static uint64_t
read_sie (CopHart *hart, unsigned number)
{
  (void) number;
  return hart->s.mie & hart->s.mideleg;
}

static void
write_sie (CopHart *hart, unsigned number, uint64_t value)
{
  (void) number;
  hart->s.mie = (hart->s.mie & ~hart->s.mideleg) | (value & hart->s.mideleg);
  cop_hart_update_irq (hart);
}

static uint64_t
read_sip (CopHart *hart, unsigned number)
{
  (void) number;
  return cop_hart_mip (hart) & hart->s.mideleg;
}

static void
write_sip (CopHart *hart, unsigned number, uint64_t value)
{
  uint64_t mask = sip_writable (hart);

  (void) number;
  change_mip (hart, mask, value & mask);
}

/* Traps. */

static uint64_t
legal_tvec (const CopHart *hart, uint64_t old, uint64_t value)
{
  (void) hart;
  /* Modes above Vectored are reserved. */
  return value & 2 ? (value & ~UINT64_C (3)) | (old & 3) : value;
}

static uint64_t
legal_epc (const CopHart *hart, uint64_t old, uint64_t value)
{
  (void) old;
  return value & ~(cop_hart_has (hart, COP_ISA (C)) ? UINT64_C (1) : UINT64_C (3));
}

/* Configuration of lower modes. */

static uint64_t
legal_envcfg (const CopHart *hart, uint64_t old, uint64_t value)
{
  /* CBIE of 2 is reserved. */
  if ((value & COP_ENVCFG_CBIE) == UINT64_C (2) << 4)
    value = (value & ~COP_ENVCFG_CBIE) | (old & COP_ENVCFG_CBIE);
  return value & cop_hart_menvcfg_bits (hart);
}

static void
menvcfg_written (CopHart *hart, uint64_t old)
{
  uint64_t changed = hart->s.menvcfg ^ old;

  if (changed & (COP_ENVCFG_ADUE | COP_ENVCFG_PBMTE))
    {
      cop_mmu_flush_all (hart);
      cop_hart_update_view (hart);
    }
  if (changed & COP_ENVCFG_STCE)
    {
      /* STIP changes hands: neither the bit that software set nor the line is handed over. */
      __atomic_fetch_and (&hart->s.mip, ~COP_IRQ_BIT (COP_IRQ_STI), __ATOMIC_SEQ_CST);
      cop_hart_arm_timer (hart);
      cop_hart_update_irq (hart);
    }
}

/* Address translation. */

static bool
satp_open (const CopHart *hart, unsigned number)
{
  (void) number;
  return hart->s.priv == COP_PRIV_M || !(hart->s.mstatus & COP_MSTATUS_TVM);
}

/* A mode that the hart does not have leaves all of satp as it was. */
static uint64_t
legal_satp (const CopHart *hart, uint64_t old, uint64_t value)
{
  static const CopIsa modes[16] = {
    [8] = COP_ISA (SV39),
    [9] = COP_ISA (SV48),
    [10] = COP_ISA (SV57),
  };
  unsigned mode = value >> SATP_MODE_SHIFT;

  return mode == 0 || (modes[mode] != 0 && cop_hart_has (hart, modes[mode])) ? value : old;
}

static void
satp_written (CopHart *hart, uint64_t old)
{
  if (hart->s.satp == old)
    return;
  hart->s.reservation_size = 0;
  cop_hart_update_view (hart);
}

#define IN(member)                                                                             \
  .offset = offsetof (CopHartState, member), .size = sizeof (((CopHartState *) 0)->member)
#define CSR(number_, name_, ...) { .number = number_, .count = 1, .name = #name_, __VA_ARGS__ }
/* @count_ registers, the first of them called NAME@first_. */
#define CSRS(number_, count_, name_, first_, ...)                                                \
  { .number = number_, .count = count_, .name = #name_, .first = first_, __VA_ARGS__ }

#define ALL UINT64_MAX
#define LOW32 UINT64_C (0xffffffff)
#define SSTATUS_WRITES (COP_MSTATUS_SIE | COP_MSTATUS_SPIE | COP_MSTATUS_SPP | COP_MSTATUS_FS | \
                        COP_MSTATUS_SUM | COP_MSTATUS_MXR)
#define SSTATUS_READS (SSTATUS_WRITES | COP_MSTATUS_UXL | COP_MSTATUS_SD)
#define MENVCFG_WRITES (COP_ENVCFG_FIOM | COP_ENVCFG_CBIE | COP_ENVCFG_CBCFE | COP_ENVCFG_CBZE | \
                        COP_ENVCFG_ADUE | COP_ENVCFG_PBMTE | COP_ENVCFG_STCE)
#define SENVCFG_WRITES (COP_ENVCFG_FIOM | COP_ENVCFG_CBIE | COP_ENVCFG_CBCFE | COP_ENVCFG_CBZE)
#define PMP_REST (64 - COP_PMP_ENTRIES)

#define F_ COP_ISA (F)
#define S_ COP_ISA (S)
#define U_ COP_ISA (U)
#define CNTR_ COP_ISA (ZICNTR)
#define HPM_ COP_ISA (ZIHPM)

/* A row without a member, `read` or `constant` reads as zero; one without `writes` ignores writes. */
/* clang-format off */
static const CopCsr csrs[] = {
  /*    number     name           stored in         reads                   writes                    more */
  /* User: floating point and counters. */
  CSR  (0x001,     fflags,                          .reads = ALL,           .writes = ALL,            .needs = F_, .open = fp_open, .read = read_fflags, .write = write_fflags),
  CSR  (0x002,     frm,                             .reads = ALL,           .writes = ALL,            .needs = F_, .open = fp_open, .read = read_frm, .write = write_frm),
  CSR  (0x003,     fcsr,                            .reads = ALL,           .writes = ALL,            .needs = F_, .open = fp_open, .read = read_fcsr, .write = write_fcsr),
  CSR  (0xc00,     cycle,                           .reads = ALL,                                     .needs = CNTR_, .open = counter_open, .read = read_counter),
  CSR  (0xc01,     time,                            .reads = ALL,                                     .needs = CNTR_, .open = counter_open, .read = read_time),
  CSR  (0xc02,     instret,                         .reads = ALL,                                     .needs = CNTR_, .open = counter_open, .read = read_counter),
  CSRS (0xc03, 29, hpmcounter, 3,                   .reads = ALL,                                     .needs = HPM_, .open = counter_open, .read = read_counter),

  /* Supervisor. */
  CSR  (0x100,     sstatus,       IN (mstatus),     .reads = SSTATUS_READS, .writes = SSTATUS_WRITES, .needs = S_, .read = read_mstatus, .legal = legal_mstatus, .written = mstatus_written),
  CSR  (0x104,     sie,                             .reads = ALL,           .writes = ALL,            .needs = S_, .read = read_sie, .write = write_sie),
  CSR  (0x105,     stvec,         IN (stvec),       .reads = ALL,           .writes = ALL,            .needs = S_, .legal = legal_tvec),
  CSR  (0x106,     scounteren,    IN (scounteren),  .reads = LOW32,         .writes = LOW32,          .needs = S_),
  CSR  (0x10a,     senvcfg,       IN (senvcfg),     .reads = ALL,           .writes = SENVCFG_WRITES, .needs = S_, .legal = legal_envcfg),
  CSR  (0x140,     sscratch,      IN (sscratch),    .reads = ALL,           .writes = ALL,            .needs = S_),
  CSR  (0x141,     sepc,          IN (sepc),        .reads = ALL,           .writes = ALL,            .needs = S_, .legal = legal_epc),
  CSR  (0x142,     scause,        IN (scause),      .reads = ALL,           .writes = ALL,            .needs = S_),
  CSR  (0x143,     stval,         IN (stval),       .reads = ALL,           .writes = ALL,            .needs = S_),
  CSR  (0x144,     sip,                             .reads = ALL,           .writes = ALL,            .needs = S_, .read = read_sip, .write = write_sip),
  CSR  (0x14d,     stimecmp,      IN (stimecmp),    .reads = ALL,           .writes = ALL,            .needs = COP_ISA (SSTC), .open = stimecmp_open, .written = stimecmp_written),
  CSR  (0x180,     satp,          IN (satp),        .reads = ALL,           .writes = ALL,            .needs = S_, .open = satp_open, .legal = legal_satp, .written = satp_written),
  CSR  (0xda0,     scountovf,                       .reads = LOW32,                                   .needs = COP_ISA (SSCOFPMF) | S_, .read = read_scountovf),

  /* Machine: what it is. */
  CSR  (0xf11,     mvendorid,                       .reads = ALL),
  CSR  (0xf12,     marchid,                         .reads = ALL),
  CSR  (0xf13,     mimpid,                          .reads = ALL),
  CSR  (0xf14,     mhartid,                         .reads = ALL,                                     .read = read_mhartid),
  CSR  (0xf15,     mconfigptr,                      .reads = ALL),
  CSR  (0x301,     misa,                            .reads = ALL,                                     .read = read_misa),

  /* Machine: traps and configuration. */
  CSR  (0x300,     mstatus,       IN (mstatus),     .reads = ALL,           .writes = COP_MSTATUS_STORED, .read = read_mstatus, .legal = legal_mstatus, .written = mstatus_written),
  CSR  (0x302,     medeleg,       IN (medeleg),     .reads = ALL,           .writes = COP_MEDELEG_BITS, .needs = S_),
  CSR  (0x303,     mideleg,       IN (mideleg),     .reads = ALL,           .writes = ALL,            .needs = S_, .legal = legal_mideleg, .written = irq_written),
  CSR  (0x304,     mie,           IN (mie),         .reads = ALL,           .writes = ALL,            .legal = legal_irqs, .written = irq_written),
  CSR  (0x305,     mtvec,         IN (mtvec),       .reads = ALL,           .writes = ALL,            .legal = legal_tvec),
  CSR  (0x306,     mcounteren,    IN (mcounteren),  .reads = LOW32,         .writes = LOW32,          .needs = U_),
  CSR  (0x30a,     menvcfg,       IN (menvcfg),     .reads = ALL,           .writes = MENVCFG_WRITES, .needs = U_, .legal = legal_envcfg, .written = menvcfg_written),
  CSR  (0x340,     mscratch,      IN (mscratch),    .reads = ALL,           .writes = ALL),
  CSR  (0x341,     mepc,          IN (mepc),        .reads = ALL,           .writes = ALL,            .legal = legal_epc),
  CSR  (0x342,     mcause,        IN (mcause),      .reads = ALL,           .writes = ALL),
  CSR  (0x343,     mtval,         IN (mtval),       .reads = ALL,           .writes = ALL),
  CSR  (0x344,     mip,                             .reads = ALL,           .writes = ALL,            .read = read_mip, .write = write_mip),

  /* Machine: physical memory protection. RV64 has the even pmpcfg only. */
  CSR  (0x3a0,     pmpcfg0,                         .reads = ALL,           .writes = ALL,            .read = cop_pmp_read_cfg, .write = cop_pmp_write_cfg),
  CSR  (0x3a2,     pmpcfg2,                         .reads = ALL,           .writes = ALL,            .read = cop_pmp_read_cfg, .write = cop_pmp_write_cfg),
  CSR  (0x3a4,     pmpcfg4,                         .reads = ALL),
  CSR  (0x3a6,     pmpcfg6,                         .reads = ALL),
  CSR  (0x3a8,     pmpcfg8,                         .reads = ALL),
  CSR  (0x3aa,     pmpcfg10,                        .reads = ALL),
  CSR  (0x3ac,     pmpcfg12,                        .reads = ALL),
  CSR  (0x3ae,     pmpcfg14,                        .reads = ALL),
  CSRS (0x3b0, COP_PMP_ENTRIES, pmpaddr, 0,         .reads = ALL,           .writes = ALL,            .read = cop_pmp_read_addr, .write = cop_pmp_write_addr),
  CSRS (0x3b0 + COP_PMP_ENTRIES, PMP_REST, pmpaddr, COP_PMP_ENTRIES, .reads = ALL),

  /* Machine: counters. */
  CSR  (0xb00,     mcycle,                          .reads = ALL,           .writes = ALL,            .read = read_counter, .write = write_counter),
  CSR  (0xb02,     minstret,                        .reads = ALL,           .writes = ALL,            .read = read_counter, .write = write_counter),
  CSRS (0xb03, 29, mhpmcounter, 3,                  .reads = ALL,           .writes = ALL,            .read = read_counter, .write = write_counter),
  CSR  (0x320,     mcountinhibit, IN (mcountinhibit), .reads = LOW32,       .writes = ALL,            .write = write_inhibit),
  CSRS (0x323, 29, mhpmevent, 3,                    .reads = ALL,           .writes = ALL,            .read = read_event, .write = write_event),

  /* Debug triggers: there are none, which tselect and a tdata1 of zero say. */
  CSR  (0x7a0,     tselect,                         .reads = ALL),
  CSR  (0x7a1,     tdata1,                          .reads = ALL),
  CSR  (0x7a2,     tdata2,                          .reads = ALL),
  CSR  (0x7a3,     tdata3,                          .reads = ALL),
  CSR  (0x7a4,     tinfo,                           .reads = ALL,                                     .constant = 1),
};
/* clang-format on */

static const CopCsr *
find (unsigned number)
{
  static uint8_t rows[4096];    /* index in csrs plus 1; 0: no such register */
  static gsize ready;

  if (g_once_init_enter (&ready))
    {
      for (unsigned i = 0; i < G_N_ELEMENTS (csrs); i++)
        for (unsigned n = 0; n < csrs[i].count; n++)
          {
            g_assert (rows[csrs[i].number + n] == 0);
            rows[csrs[i].number + n] = i + 1;
          }
      g_once_init_leave (&ready, 1);
    }
  return number >= G_N_ELEMENTS (rows) || rows[number] == 0 ? NULL : &csrs[rows[number] - 1];
}

/* Returns: (nullable): the row, when @number may be accessed so now */
static const CopCsr *
access_csr (CopHart *hart, unsigned number, bool writing)
{
  const CopCsr *csr = find (number);

  if (csr == NULL || CSR_PRIV (number) > hart->s.priv || !cop_hart_has (hart, csr->needs) ||
      (writing && CSR_READ_ONLY (number)) || (csr->open != NULL && !csr->open (hart, number)))
    {
      cop_hart_raise (hart, COP_TRAP_ILLEGAL_INSN, 0);
      return NULL;
    }
  return csr;
}

static uint64_t
get_member (const CopCsr *csr, const CopHart *hart)
{
  const uint8_t *member = (const uint8_t *) &hart->s + csr->offset;

  switch (csr->size)
    {
    case 4:
      return *(const uint32_t *) member;
    case 8:
      return *(const uint64_t *) member;
    default:
      return 0;
    }
}

static void
set_member (const CopCsr *csr, CopHart *hart, uint64_t value)
{
  uint8_t *member = (uint8_t *) &hart->s + csr->offset;

  if (csr->size == 4)
    *(uint32_t *) member = value;
  else if (csr->size == 8)
    *(uint64_t *) member = value;
}

static uint64_t
get (const CopCsr *csr, CopHart *hart, unsigned number)
{
  uint64_t value = csr->read != NULL ? csr->read (hart, number) : get_member (csr, hart);

  return (value & csr->reads) | csr->constant;
}

static void
set (const CopCsr *csr, CopHart *hart, unsigned number, uint64_t value)
{
  uint64_t old;

  if (csr->write != NULL)
    {
      csr->write (hart, number, value);
      return;
    }
  if (csr->writes == 0)
    return;

  old = get_member (csr, hart);
  value = (old & ~csr->writes) | (value & csr->writes);
  set_member (csr, hart, csr->legal != NULL ? csr->legal (hart, old, value) : value);
  if (csr->written != NULL)
    csr->written (hart, old);
}

bool
cop_csr_read (CopHart *hart, unsigned number, uint64_t *value)
{
  const CopCsr *csr = access_csr (hart, number, false);

  if (csr == NULL)
    return false;
  *value = get (csr, hart, number);
  return true;
}

bool
cop_csr_write (CopHart *hart, unsigned number, uint64_t value)
{
  const CopCsr *csr = access_csr (hart, number, true);

  if (csr == NULL)
    return false;
  set (csr, hart, number, value);
  return true;
}

bool
cop_csr_modify (CopHart *hart, unsigned number, uint64_t clear, uint64_t set_bits,
                uint64_t *value)
{
  const CopCsr *csr = access_csr (hart, number, true);
  uint64_t old, mask;

  if (csr == NULL)
    return false;

  old = get (csr, hart, number);
  /* Nothing is written back: not what the line of the interrupt controller shows in SEIP, nor an SSIP
     from before another hart set it.
     Source: RISC-V Privileged Spec 20240411 §3.1.9 */
  if (csr->write == write_mip || csr->write == write_sip)
    {
      mask = csr->write == write_mip ? mip_writable (hart) : sip_writable (hart);
      change_mip (hart, clear & mask, set_bits & mask);
    }
  else
    set (csr, hart, number, (old & ~clear) | set_bits);
  *value = old;
  return true;
}

const char *
cop_csr_name (unsigned number)
{
  const CopCsr *csr = find (number);
  g_autofree char *name = NULL;

  if (csr == NULL)
    return NULL;
  if (csr->count == 1)
    return csr->name;
  name = g_strdup_printf ("%s%u", csr->name, csr->first + number - csr->number);
  return g_intern_string (name);
}

bool
cop_csr_cbo_allowed (const CopHart *hart, CopCbo cbo)
{
  uint64_t enabled = cbo == COP_CBO_INVAL  ? COP_ENVCFG_CBIE
                     : cbo == COP_CBO_ZERO ? COP_ENVCFG_CBZE
                                           : COP_ENVCFG_CBCFE;

  if (hart->s.priv != COP_PRIV_M && !(hart->s.menvcfg & enabled))
    return false;
  return hart->s.priv != COP_PRIV_U || !cop_hart_has (hart, S_) || (hart->s.senvcfg & enabled);
}
