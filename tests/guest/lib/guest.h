/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the bare guest tests share: CSR access, traps as values, checks that say where they failed,
 * and page tables.
 *
 * A test defines `void test (void)`, which runs on hart 0 in machine mode; tests with several harts
 * also define hart_main(). Coming back from test() is a pass.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the assembler is to know beyond what the compiler may use. */
__asm__ (".option arch, +zba, +zbb, +zbc, +zbs, +zicbom, +zicboz, +zicbop, +svinval, +zfhmin\n");

/* A hart's block; start.S knows the first members by their offsets. */
typedef struct
{
  uint64_t stack;
  uint64_t enter_sp;
  uint64_t x[32];               /* of the code that trapped */
  uint64_t cause, epc, tval, status;
  uint64_t count;               /* traps since trap_clear() */
  uint64_t resume;              /* where the next trap from machine mode goes on; 0: behind it */
  uint64_t reserved[512 / 8 - 40];
} Hart;
_Static_assert (sizeof (Hart) == 512, "HART_SIZE of start.S");

extern Hart              harts[MAX_HARTS];
extern volatile uint64_t tohost, fromhost;
extern char              image_end[];

register Hart *this_hart __asm__ ("tp");

void test (void);
void hart_main (uint64_t id);

/* ---- CSRs ---- */

#define csr_read(csr)                                                                              \
  ({                                                                                               \
    uint64_t value_;                                                                               \
    __asm__ volatile ("csrr %0, " #csr : "=r"(value_) : : "memory");                               \
    value_;                                                                                        \
  })
#define csr_write(csr, value) __asm__ volatile ("csrw " #csr ", %0" : : "rK"((uint64_t) (value)) : "memory")
#define csr_set(csr, value) __asm__ volatile ("csrs " #csr ", %0" : : "rK"((uint64_t) (value)) : "memory")
#define csr_clear(csr, value) __asm__ volatile ("csrc " #csr ", %0" : : "rK"((uint64_t) (value)) : "memory")

#define MSTATUS_SIE (1ul << 1)
#define MSTATUS_MIE (1ul << 3)
#define MSTATUS_SPIE (1ul << 5)
#define MSTATUS_MPIE (1ul << 7)
#define MSTATUS_SPP (1ul << 8)
#define MSTATUS_MPP (3ul << 11)
#define MSTATUS_FS (3ul << 13)
#define MSTATUS_MPRV (1ul << 17)
#define MSTATUS_SUM (1ul << 18)
#define MSTATUS_MXR (1ul << 19)
#define MSTATUS_TVM (1ul << 20)
#define MSTATUS_TW (1ul << 21)
#define MSTATUS_TSR (1ul << 22)
#define MENVCFG_CBIE (3ul << 4)
#define MENVCFG_CBCFE (1ul << 6)
#define MENVCFG_CBZE (1ul << 7)
#define MENVCFG_ADUE (1ul << 61)
#define MENVCFG_PBMTE (1ul << 62)
#define MENVCFG_STCE (1ul << 63)

/* For loops that wait for another hart. */
static inline void
relax (void)
{
  __asm__ volatile (".word 0x0100000f" : : : "memory"); /* pause */
}

/* ---- traps ---- */

enum
{
  INSN_MISALIGNED,
  INSN_ACCESS,
  ILLEGAL,
  BREAKPOINT,
  LOAD_MISALIGNED,
  LOAD_ACCESS,
  STORE_MISALIGNED,
  STORE_ACCESS,
  ECALL_U,
  ECALL_S,
  ECALL_M = 11,
  INSN_PAGE,
  LOAD_PAGE,
  STORE_PAGE = 15,
};
#define INTERRUPT (1ul << 63)
enum { SSI = 1, MSI = 3, STI = 5, MTI = 7, SEI = 9, MEI = 11, LCOFI = 13 };
enum { U = 0, S = 1, M = 3 };

static inline void
trap_clear (void)
{
  this_hart->count = 0;
  this_hart->cause = this_hart->epc = this_hart->tval = ~0ul;
  this_hart->resume = 0;
  __asm__ volatile ("" : : : "memory");
}

/* Executes @insn (asm text; operands by name; t0, t1 and t2 are free to use) in machine mode, where
   a trap resumes behind it. Value: number of traps; the trap is in this_hart, and its epc is
   compared with the place of the instruction. */
#define TRY(insn, ...)                                                                             \
  ({                                                                                               \
    uint64_t pc_;                                                                                  \
    trap_clear ();                                                                                 \
    __asm__ volatile ("lla %[pc_], 77f\n77: " insn                                                 \
                      : [pc_] "=&r"(pc_)                                                           \
                      : __VA_ARGS__                                                                \
                      : "memory", "t0", "t1", "t2");                                               \
    if (this_hart->count > 0)                                                                      \
      CHECK_EQ (this_hart->epc, pc_);                                                              \
    this_hart->count;                                                                              \
  })

/* The same, and the trap must be this one, or none. */
#define EXPECT_TRAP(cause_, tval_, insn, ...)                                                      \
  do                                                                                               \
    {                                                                                              \
      CHECK_EQ (TRY (insn, __VA_ARGS__), 1);                                                       \
      CHECK_EQ (this_hart->cause, cause_);                                                         \
      CHECK_EQ (this_hart->tval, tval_);                                                           \
    }                                                                                              \
  while (0)
#define EXPECT_NO_TRAP(insn, ...) CHECK_EQ (TRY (insn, __VA_ARGS__) ? this_hart->cause : ~0ul, ~0ul)

void enter_asm (uint64_t priv, uint64_t pc, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t sp);

/* Runs the code at @pc in mode @priv until it traps to machine mode; the trap is in this_hart then,
   the registers in this_hart->x. It has no stack. */
static inline void
enter (uint64_t priv, uint64_t pc, uint64_t a0, uint64_t a1, uint64_t a2)
{
  trap_clear ();
  enter_asm (priv, pc, a0, a1, a2, 0);
}

/* ---- checks ---- */

void check_failed (const char *file, int line, const char *what, uint64_t value, uint64_t expected)
  __attribute__ ((noreturn));
void guest_exit (unsigned code) __attribute__ ((noreturn));
void guest_print (const char *text);
void guest_print_hex (uint64_t value);

#define CHECK_EQ(value, expected)                                                                  \
  do                                                                                               \
    {                                                                                              \
      uint64_t value__ = (uint64_t) (value), expected__ = (uint64_t) (expected);                   \
      if (value__ != expected__)                                                                   \
        check_failed (__FILE__, __LINE__, #value, value__, expected__);                            \
    }                                                                                              \
  while (0)
#define CHECK(condition) CHECK_EQ (!!(condition), 1)

/* ---- page tables ---- */

#define PAGE 4096ul
#define PTE_V 1ul
#define PTE_R 2ul
#define PTE_W 4ul
#define PTE_X 8ul
#define PTE_U 16ul
#define PTE_G 32ul
#define PTE_A 64ul
#define PTE_D 128ul
#define PTE_RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define PTE_RWX (PTE_RW | PTE_X)
#define PTE_N (1ul << 63)
#define PTE_PBMT(n) ((uint64_t) (n) << 61)
enum { SV39 = 8, SV48 = 9, SV57 = 10 };

/* A zeroed page. */
void *page_alloc (void);

static inline uint64_t
pte (const void *pa, uint64_t flags)
{
  return (uintptr_t) pa >> 12 << 10 | flags;
}

/* The slot of @va in the tables below @root, of a page of @level (0: 4 KiB, 1: 2 MiB, ...), with the
   tables on the way to it. */
uint64_t *pt_slot (uint64_t *root, int mode, uint64_t va, int level);

static inline uint64_t
make_satp (int mode, uint64_t asid, const uint64_t *root)
{
  return (uint64_t) mode << 60 | asid << 44 | (uintptr_t) root >> 12;
}

static inline void
sfence_all (void)
{
  __asm__ volatile ("sfence.vma" : : : "memory");
}

/* Switches translation on for modes below M, with everything flushed. */
static inline void
set_satp (uint64_t satp)
{
  csr_write (satp, satp);
  sfence_all ();
}

/* Maps the test's own image at its physical address for S, and 1 GiB higher up for U. Returns what to
   add to an address for use in U. */
#define USER_OFFSET 0x40000000ul
void pt_map_image (uint64_t *root, int mode);

/* ---- probes: accesses in other modes ---- */

/* A load, store or jump in mode @priv, from code mapped by pt_map_image (or with translation off).
   Value: the trap's cause; ECALL_U or ECALL_S when there was none. */
typedef enum { LOAD, STORE, FETCH } Access;
uint64_t probe (uint64_t priv, Access access, uint64_t va);

/* ---- devices ---- */

#define UART 0x10000000ul
#define PLIC 0x0c000000ul
#define CLINT 0x02000000ul
#define FINISHER 0x100000ul

static inline void
write32 (uint64_t address, uint32_t value)
{
  *(volatile uint32_t *) address = value;
}

static inline uint32_t
read32 (uint64_t address)
{
  return *(volatile uint32_t *) address;
}

static inline void
write64 (uint64_t address, uint64_t value)
{
  *(volatile uint64_t *) address = value;
}

static inline uint64_t
read64 (uint64_t address)
{
  return *(volatile uint64_t *) address;
}
