/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The common part of the guest tests: see guest.h.
 */
#include "guest.h"

/* Instruction length by its low bits. */
static uint64_t
insn_length (uint64_t pc)
{
  return (*(const uint16_t *) pc & 3) == 3 ? 4 : 2;
}

/* Called by the vector. */
void trap_taken (Hart *hart);

void
trap_taken (Hart *hart)
{
  hart->cause = csr_read (mcause);
  hart->epc = csr_read (mepc);
  hart->tval = csr_read (mtval);
  hart->status = csr_read (mstatus);
  hart->count++;
  if (hart->cause & INTERRUPT)
    {
      /* One interrupt at a time: its enable goes, and in machine mode interrupts stay off. */
      csr_clear (mie, 1ul << (hart->cause & 63));
      csr_clear (mstatus, MSTATUS_MPIE);
      return;
    }
  if ((hart->status & MSTATUS_MPP) != MSTATUS_MPP)
    return;
  if (hart->count > 100)
    check_failed ("trap", 0, "cause of endless traps", hart->cause, hart->epc);
  if (hart->resume != 0)
    csr_write (mepc, hart->resume);
  else if (hart->cause == INSN_ACCESS || hart->cause == INSN_PAGE || hart->cause == INSN_MISALIGNED)
    csr_write (mepc, hart->x[1]);       /* a jump that went nowhere: as if it had returned */
  else
    csr_write (mepc, hart->epc + insn_length (hart->epc));
}

/* ---- output and end ---- */

void
guest_print (const char *text)
{
  while (*text != '\0')
    *(volatile uint8_t *) UART = *text++;
}

void
guest_print_hex (uint64_t value)
{
  char text[19] = "0x0000000000000000";

  for (int i = 17; i > 1; i--, value >>= 4)
    text[i] = "0123456789abcdef"[value & 15];
  guest_print (text);
}

static void
print_number (unsigned value)
{
  char text[12];
  int  at = sizeof (text) - 1;

  text[at] = '\0';
  do
    text[--at] = '0' + value % 10;
  while ((value /= 10) > 0);
  guest_print (&text[at]);
}

void
guest_exit (unsigned code)
{
  csr_write (mie, 0);
  csr_clear (mstatus, MSTATUS_MPRV);
  tohost = (uint64_t) code << 1 | 1;
  __asm__ volatile ("fence" : : : "memory");
  /* Where nobody serves tohost, the finisher ends the machine. */
  write32 (FINISHER, code == 0 ? 0x5555 : 0x3333 | code << 16);
  for (;;)
    __asm__ volatile ("wfi");
}

void
check_failed (const char *file, int line, const char *what, uint64_t value, uint64_t expected)
{
  csr_clear (mstatus, MSTATUS_MPRV);
  guest_print (file);
  guest_print (":");
  print_number (line);
  guest_print (": ");
  guest_print (what);
  guest_print (" is ");
  guest_print_hex (value);
  guest_print (", expected ");
  guest_print_hex (expected);
  guest_print ("; last trap: cause ");
  guest_print_hex (this_hart->cause);
  guest_print (" epc ");
  guest_print_hex (this_hart->epc);
  guest_print (" tval ");
  guest_print_hex (this_hart->tval);
  guest_print ("\n");
  guest_exit (1);
}

void guest_main (void);

void
guest_main (void)
{
  trap_clear ();
  test ();
  guest_exit (0);
}

/* The compiler calls these by itself. */
void *
memset (void *to, int byte, size_t length)
{
  for (size_t i = 0; i < length; i++)
    ((volatile uint8_t *) to)[i] = byte;
  return to;
}

void *
memcpy (void *to, const void *from, size_t length)
{
  for (size_t i = 0; i < length; i++)
    ((volatile uint8_t *) to)[i] = ((const uint8_t *) from)[i];
  return to;
}

/* ---- page tables ---- */

#define POOL_PAGES 128

void *
page_alloc (void)
{
  static uint8_t pool[POOL_PAGES][PAGE] __attribute__ ((aligned (4096)));
  static int     used;

  CHECK (used < POOL_PAGES);
  return pool[used++];
}

uint64_t *
pt_slot (uint64_t *root, int mode, uint64_t va, int level)
{
  uint64_t *table = root;

  for (int at = mode - SV39 + 2; at > level; at--)
    {
      uint64_t *slot = &table[va >> (12 + 9 * at) & 511];

      if (*slot == 0)
        *slot = pte (page_alloc (), PTE_V);
      table = (uint64_t *) (*slot >> 10 << 12);
    }
  return &table[va >> (12 + 9 * level) & 511];
}

void
pt_map_image (uint64_t *root, int mode)
{
  uint64_t start = 0x80000000ul;

  *pt_slot (root, mode, start, 1) = pte ((void *) start, PTE_RWX);
  *pt_slot (root, mode, start + USER_OFFSET, 1) = pte ((void *) start, PTE_RWX | PTE_U);
}

/* ---- probes ---- */

/* Each does one access and says so by ecall. Position independent: they run at two addresses. */
__asm__ (".text\n"
         ".balign 4\n"
         "probe_load: lbu a0, 0(a0)\n"
         "  ecall\n"
         "probe_store: sb a1, 0(a0)\n"
         "  ecall\n"
         "probe_fetch: jr a0\n");
extern const uint8_t probe_load[], probe_store[], probe_fetch[];

/* Causes whose tval is the address. */
#define ADDRESS_CAUSES                                                                             \
  (1ul << INSN_MISALIGNED | 1ul << INSN_ACCESS | 1ul << INSN_PAGE | 1ul << LOAD_MISALIGNED |       \
   1ul << LOAD_ACCESS | 1ul << LOAD_PAGE | 1ul << STORE_MISALIGNED | 1ul << STORE_ACCESS |         \
   1ul << STORE_PAGE)

uint64_t
probe (uint64_t priv, Access access, uint64_t va)
{
  static const uint8_t *const code[] = { probe_load, probe_store, probe_fetch };
  uint64_t                    pc = (uintptr_t) code[access];

  if (priv == U && csr_read (satp) >> 60 != 0)
    pc += USER_OFFSET;
  enter (priv, pc, va, 0x5a, 0);
  if (1ul << (this_hart->cause & 63) & ADDRESS_CAUSES)
    CHECK_EQ (this_hart->tval, va);
  return this_hart->cause;
}
