/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counters: instructions counted exactly, also around traps, writes, inhibition, and who may read
 * them. (QEMU is exact only with -icount.)
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 7; Privileged Spec 20240411 §3.1.10 to §3.1.12
 */
#include "guest.h"

static void
test_counters (void)
{
  uint64_t a, b;

  /* Exact: the instructions between the two reads, the second read not yet. */
  __asm__ volatile ("csrr %0, minstret\n nop\n nop\n csrr %1, minstret" : "=&r"(a), "=&r"(b));
  CHECK_EQ (b - a, 3);
  __asm__ volatile ("csrr %0, instret\n csrr %1, instret" : "=&r"(a), "=&r"(b));
  CHECK_EQ (b - a, 1);
  /* A written value is what the next instruction sees. */
  __asm__ volatile ("csrw minstret, %1\n csrr %0, minstret" : "=r"(a) : "r"(1000ul));
  CHECK_EQ (a, 1000);
  __asm__ volatile ("csrr %0, mcycle\n csrr %1, mcycle" : "=&r"(a), "=&r"(b));
  CHECK (b > a);
  /* Inhibited counters stand still. */
  csr_write (mcountinhibit, 5);
  a = csr_read (minstret);
  b = csr_read (minstret);
  CHECK_EQ (a, b);
  a = csr_read (mcycle);
  b = csr_read (mcycle);
  CHECK_EQ (a, b);
  csr_write (mcountinhibit, 0);
  /* Time goes on by itself. */
  a = csr_read (time);
  while (csr_read (time) == a)
    ;
}

/* What traps has not retired: ecall and ebreak count for nothing, neither does a load that faults; the
   handler's own instructions do, so that only differences between two causes are compared. */
static void
test_traps (void)
{
  uint64_t with[2], without[2];

  for (int round = 0; round < 2; round++)
    {
      trap_clear ();
      __asm__ volatile ("csrr %0, minstret\n ebreak\n csrr %1, minstret"
                        : "=&r"(without[0]), "=&r"(without[1])
                        :
                        : "memory");
      trap_clear ();
      __asm__ volatile ("csrr %0, minstret\n ebreak\n nop\n nop\n csrr %1, minstret"
                        : "=&r"(with[0]), "=&r"(with[1])
                        :
                        : "memory");
      CHECK_EQ (with[1] - with[0], without[1] - without[0] + 2);
    }
}

__asm__ (".text\n"
         ".balign 4\n"
         "read_cycle: rdcycle a0\n  ecall\n"
         "read_time: rdtime a0\n  ecall\n"
         "read_instret: rdinstret a0\n  ecall\n"
         "read_hpm3: csrr a0, hpmcounter3\n  ecall\n");
extern const uint32_t read_cycle[], read_time[], read_instret[], read_hpm3[];

/* U reads a counter when both enables have its bit, S when the machine's has. */
static void
test_enables (void)
{
  static const uint32_t *const codes[] = { read_cycle, read_time, read_instret, read_hpm3 };

  for (int counter = 0; counter < 4; counter++)
    for (int enables = 0; enables < 4; enables++)
      {
        uint64_t bit = 1ul << counter;

        csr_write (mcounteren, enables & 1 ? bit : ~bit);
        csr_write (scounteren, enables & 2 ? bit : ~bit);
        enter (S, (uintptr_t) codes[counter], 0, 0, 0);
        CHECK_EQ (this_hart->cause, enables & 1 ? ECALL_S : ILLEGAL);
        enter (U, (uintptr_t) codes[counter], 0, 0, 0);
        CHECK_EQ (this_hart->cause, enables == 3 ? ECALL_U : ILLEGAL);
      }
}

void
test (void)
{
  test_counters ();
  test_traps ();
  test_enables ();
}
