/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Interrupts from their devices: machine timer, software interrupt, Sstc's supervisor timer, the
 * UART through the PLIC to both contexts, and wfi that sleeps until one comes.
 *
 * Source: RISC-V Privileged Spec 20240411 §3.1.9, ch. 15; ACLINT 1.0; PLIC 1.0
 */
#include "guest.h"

#define MSIP CLINT
#define MTIMECMP (CLINT + 0x4000)
#define MTIME (CLINT + 0xbff8)
#define UART_IRQ 10
#define UART_IER (UART + 1)
#define UART_IIR (UART + 2)

/* Waits with interrupts on; the handler takes away the enable. */
static void
wait_interrupt (uint64_t cause)
{
  trap_clear ();
  csr_set (mie, 1ul << cause);
  csr_set (mstatus, MSTATUS_MIE);
  while (*(volatile uint64_t *) &this_hart->count == 0)
    __asm__ volatile ("wfi" : : : "memory");
  csr_clear (mstatus, MSTATUS_MIE);
  CHECK_EQ (this_hart->cause, INTERRUPT | cause);
  CHECK_EQ (this_hart->tval, 0);
}

static void
test_timer (void)
{
  uint64_t start = read64 (MTIME);

  /* mtime and the time CSR are one clock. */
  CHECK (csr_read (time) - start < 10000000);
  write64 (MTIMECMP, -1ul);
  CHECK_EQ (csr_read (mip) >> MTI & 1, 0);
  write64 (MTIMECMP, start + 50000);            /* 5 ms */
  wait_interrupt (MTI);
  CHECK (read64 (MTIME) >= start + 50000);
  CHECK_EQ (csr_read (mip) >> MTI & 1, 1);
  /* mip.MTIP is the comparison and nothing else. */
  csr_clear (mip, 1 << MTI);
  CHECK_EQ (csr_read (mip) >> MTI & 1, 1);
  write64 (MTIMECMP, -1ul);
  CHECK_EQ (csr_read (mip) >> MTI & 1, 0);
  /* Halves, as 32-bit software writes them. */
  write32 (MTIMECMP + 4, 0);
  write32 (MTIMECMP, 0);
  CHECK_EQ (csr_read (mip) >> MTI & 1, 1);
  write64 (MTIMECMP, -1ul);
}

/* In a loop without any call or trap. */
static void
test_timer_in_loop (void)
{
  uint64_t turns = 0;

  write64 (MTIMECMP, read64 (MTIME) + 20000);
  trap_clear ();
  csr_set (mie, 1 << MTI);
  csr_set (mstatus, MSTATUS_MIE);
  while (*(volatile uint64_t *) &this_hart->count == 0)
    turns++;
  csr_clear (mstatus, MSTATUS_MIE);
  CHECK_EQ (this_hart->cause, INTERRUPT | MTI);
  CHECK (turns > 0);
  write64 (MTIMECMP, -1ul);
}

static void
test_software (void)
{
  write32 (MSIP, 1);
  CHECK_EQ (csr_read (mip) >> MSI & 1, 1);
  wait_interrupt (MSI);
  write32 (MSIP, 0xfffffffe);                   /* only the lowest bit counts */
  CHECK_EQ (csr_read (mip) >> MSI & 1, 0);
  CHECK_EQ (read32 (MSIP), 0);
  /* Priority: software before timer. */
  write32 (MSIP, 1);
  write64 (MTIMECMP, 0);
  csr_set (mie, 1 << MTI);
  wait_interrupt (MSI);
  write32 (MSIP, 0);
  write64 (MTIMECMP, -1ul);
  csr_write (mie, 0);
}

static void
test_sstc (void)
{
  static const uint32_t spin[] = { 0x0000006f };        /* j . */

  csr_set (menvcfg, MENVCFG_STCE);
  csr_write (0x14d, -1ul);                      /* stimecmp */
  CHECK_EQ (csr_read (mip) >> STI & 1, 0);
  csr_write (0x14d, csr_read (time) + 20000);
  csr_write (mie, 1 << STI);
  enter (S, (uintptr_t) spin, 0, 0, 0);         /* not delegated: comes to M */
  CHECK_EQ (this_hart->cause, INTERRUPT | STI);
  CHECK_EQ (this_hart->epc, (uintptr_t) spin);
  CHECK_EQ (csr_read (mip) >> STI & 1, 1);
  csr_write (0x14d, -1ul);
  CHECK_EQ (csr_read (mip) >> STI & 1, 0);
  csr_clear (menvcfg, MENVCFG_STCE);
  /* Without STCE the bit is software's. */
  csr_set (mip, 1 << STI);
  CHECK_EQ (csr_read (mip) >> STI & 1, 1);
  csr_clear (mip, 1 << STI);
  CHECK_EQ (csr_read (mip) >> STI & 1, 0);
  csr_write (mie, 0);
}

/* The UART's transmitter is always empty: enabling its interrupt raises the line. */
static void
test_external (int context, int irq)
{
  uint64_t enable = PLIC + 0x2000 + 0x80 * context;
  uint64_t threshold = PLIC + 0x200000 + 0x1000 * context, claim = threshold + 4;

  write32 (PLIC + 4 * UART_IRQ, 3);
  write32 (enable, 1u << UART_IRQ);
  write32 (threshold, 3);
  *(volatile uint8_t *) UART_IER = 2;
  /* Masked by the threshold, but pending. */
  CHECK_EQ (read32 (PLIC + 0x1000) >> UART_IRQ & 1, 1);
  CHECK_EQ (csr_read (mip) >> irq & 1, 0);
  write32 (threshold, 2);
  CHECK_EQ (csr_read (mip) >> irq & 1, 1);
  wait_interrupt (irq);
  CHECK_EQ (read32 (claim), UART_IRQ);
  CHECK_EQ (csr_read (mip) >> irq & 1, 0);      /* claimed */
  CHECK_EQ (read32 (claim), 0);
  *(volatile uint8_t *) UART_IER = 0;
  write32 (claim, UART_IRQ);
  CHECK_EQ (csr_read (mip) >> irq & 1, 0);
  /* Completed while the line is still high: pending again. */
  *(volatile uint8_t *) UART_IER = 2;
  CHECK_EQ (read32 (claim), UART_IRQ);
  (void) *(volatile uint8_t *) UART_IIR;        /* reading it acknowledges the transmitter */
  *(volatile uint8_t *) UART_IER = 0;
  *(volatile uint8_t *) UART_IER = 2;
  write32 (claim, UART_IRQ);
  CHECK_EQ (csr_read (mip) >> irq & 1, 1);
  CHECK_EQ (read32 (claim), UART_IRQ);
  *(volatile uint8_t *) UART_IER = 0;
  write32 (claim, UART_IRQ);
  write32 (enable, 0);
  CHECK_EQ (csr_read (mip) >> irq & 1, 0);
}

void
test (void)
{
  test_timer ();
  test_timer_in_loop ();
  test_software ();
  test_sstc ();
  test_external (0, MEI);
  test_external (1, SEI);
}
