/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A hart: its architectural state, and what engines and other threads share with it.
 *
 *   CopHartState s    all that a snapshot carries; engines agree on it between instructions
 *   pending           what other threads want of the hart: looked at once per block
 *   parked            runs no guest code just now: requests count as answered when they are queued
 *   tlb, fetch_tlb    the views that loads and stores, and fetches, go through now
 */
#pragma once

#include "engine/clock.h"
#include "engine/ram.h"
#include "engine/riscv/breakpoints.h"
#include "engine/riscv/isa.h"
#include "engine/riscv/store-log.h"
#include "engine/riscv/tlb.h"
#include "engine/riscv/trap.h"
#include "engine/state.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define COP_MAX_HARTS 64
#define COP_PMP_ENTRIES 16
#define COP_HPM_COUNTERS 29     /* mhpmcounter3 to 31 */
#define COP_FW_COUNTERS 16      /* SBI's firmware counters */
#define COP_TLB_SPACES 8        /* address spaces with TLBs of their own */
#define COP_WALK_CACHE_SIZE 64
#define COP_WRITER_SLOTS 16384
#define COP_EPOCH_BITS 16
#define COP_EPOCH_MODE_BITS 4   /* of CopHart.mode */
#define COP_EPOCH_MARK (UINT64_C (1) << 62)

typedef struct CopBus CopBus;
typedef struct CopHart CopHart;
typedef struct CopMachine CopMachine;
typedef struct CopEngine CopEngine;
typedef struct CopTimers CopTimers;

/* What SBI HSM says of a hart. Source: SBI 2.0 §9. */
typedef enum
{
  COP_HART_STARTED,
  COP_HART_STOPPED,
  COP_HART_START_PENDING,
  COP_HART_STOP_PENDING,
  COP_HART_SUSPENDED,
  COP_HART_SUSPEND_PENDING,
  COP_HART_RESUME_PENDING,
} CopHartStatus;

COP_STATE_BEGIN
typedef struct
{
  uint64_t x[32];
  uint64_t f[32];               /* NaN-boxed */
  uint64_t pc;
  uint64_t instret;             /* instructions retired since reset; minstret adds its base */

  uint64_t mstatus, medeleg, mideleg, mie, mtvec, mscratch, mepc, mcause, mtval;
  uint64_t mip;                 /* atomic: SSIP, STIP, SEIP and LCOFIP as software set them */
  uint64_t menvcfg, mcountinhibit;
  uint64_t mcycle_base, minstret_base;  /* the counter less instret; the counter if inhibited */
  uint64_t mhpmcounter[COP_HPM_COUNTERS];       /* less instret while it counts instructions */
  uint64_t mhpmevent[COP_HPM_COUNTERS];
  uint64_t pmpaddr[COP_PMP_ENTRIES];
  uint64_t stvec, sscratch, sepc, scause, stval, satp, senvcfg, stimecmp;
  uint64_t reservation;         /* gva of the last lr, when reservation_size is not 0 */
  uint64_t reservation_value;   /* what lr read: sc succeeds only while it is there */
  uint64_t hsm_start_gpa, hsm_opaque;
  uint64_t fw_counter[COP_FW_COUNTERS]; /* atomic: other harts count here, too */
  uint64_t fw_running;          /* a bit for each */
  uint16_t fw_event[COP_FW_COUNTERS];   /* CopFwEvent + 1; 0: not in use */
  uint32_t mcounteren, scounteren;
  uint8_t  pmpcfg[COP_PMP_ENTRIES];
  uint8_t  fcsr;                /* frm << 5 | fflags; while a hart runs see cop_fpu_enter() */
  uint8_t  priv;                /* CopPriv */
  uint8_t  reservation_size;    /* 0, 4 or 8 */
  uint8_t  hsm_status;          /* CopHartStatus */
  bool     waiting;             /* in wfi */
  uint8_t  reserved[3];
} CopHartState;
COP_STATE_END

extern const CopStateTable cop_hart_state_table;

/* Bits of CopHart.pending. */
enum
{
  COP_PENDING_IRQ = 1u << 0,       /* an interrupt may have become deliverable */
  COP_PENDING_REQUEST = 1u << 1,   /* the request queue is not empty */
  COP_PENDING_STOP = 1u << 2,      /* leave run(): the machine pauses, resets or ends */
  COP_PENDING_FENCE_I = 1u << 4,   /* a fence.i is due before the next instruction */
  COP_PENDING_COUNTER = 1u << 3,   /* a counter may overflow at instret_event */
};

/* What other harts ask of this one; processed between instructions. */
typedef enum
{
  COP_REQUEST_SFENCE,           /* address, length, asid as in sfence.vma */
  COP_REQUEST_FENCE_I,
  COP_REQUEST_REVOKE_WRITE,     /* drop write entries of the physical page `address` */
  COP_REQUEST_DROP_CODE,        /* forget cached pointers to code of [address, address+length) */
  COP_REQUEST_ALL,              /* all of the above for every address: what a long queue becomes;
                                   length is the number of answers it is worth */
} CopRequestKind;

typedef struct
{
  CopRequestKind kind;
  uint64_t       address, length;       /* bytes; length UINT64_MAX: everything */
  uint64_t       asid;                  /* UINT64_MAX: all, global ones too */
  int           *unanswered;            /* (nullable): atomic; decremented when done, futex woken */
  bool           was_parked;            /* set by cop_hart_request(): the hart's stores are seen */
} CopRequest;

/* Pointers to the page tables one level above the leaves, so that most walks are one load. */
typedef struct
{
  uint64_t tag;                 /* gva >> 21, and bit 63 clear; COP_TLB_NO_TAG: empty */
  uint64_t table;               /* gpa of the last-level table */
  bool     global;
} CopWalkEntry;

/* The views of one address space (one value of satp). */
typedef struct
{
  uint64_t     satp;            /* 0: unused */
  uint64_t     last_used;
  CopTlb      *user;            /* (owned) (nullable) until first used */
  CopTlb      *sum;             /* (owned) (nullable): supervisor with SUM set */
  CopWalkEntry walk[COP_WALK_CACHE_SIZE];
} CopTlbSpace;

#define COP_JIT_SPANS 62

/* An entry of a hart's jump table: translated code for a pc, under a code_epoch. */
typedef struct
{
  uint64_t    key;              /* pc ^ code_epoch */
  const void *code;
} CopJitJump;

/* A slot is bits of the pc: as many as an epoch may have, so that a key and its slot say both. */
#define COP_JIT_JUMP_BITS (COP_EPOCH_BITS - 1)

static inline unsigned
cop_jit_jump_slot (uint64_t pc)
{
  return pc >> 1 & ((1u << COP_JIT_JUMP_BITS) - 1);
}

/* The key of an empty slot: no epoch is 0. */
static inline uint64_t
cop_jit_no_jump (unsigned slot)
{
  return (uint64_t) slot << 1;
}

/* That a jump of translated code to another page leads where it was linked to: what it leads to is
   known for the page that it stands on, under a code_epoch. */
typedef struct
{
  uint64_t key;                 /* page ^ code_epoch; 0, which none is: nothing is known */
  uint64_t page;                /* that the target is on */
} CopJitFar;

#define COP_JIT_FARS 65536

/* That under a code_tag the page beside the one at `from` is a certain physical one: as in a jump
   table, it holds as long as the tag is the hart's. */
typedef struct
{
  uint64_t from;                /* virtual address of the page that code stands on */
  uint64_t tag;
  uint32_t number;              /* of the physical page, from 1; 0: nothing is known. Memory ends long
                                   before 2^44, where it would not say all */
  uint32_t unused[3];
} CopPageFact;

#define COP_PAGE_FACTS 64

/* Where it stands: for the page before, and for the one behind. */
static inline unsigned
cop_page_fact_slot (uint64_t gpa, bool behind)
{
  return (unsigned) (gpa >> COP_PAGE_SHIFT) * 2 % COP_PAGE_FACTS + behind;
}

static inline uint32_t
cop_page_fact_number (uint64_t gpa)
{
  return (uint32_t) (gpa >> COP_PAGE_SHIFT) + 1;
}

/* Loops that run a strip at a time without checks of memory: see jit/x86/lower-strips.c. */
#define COP_JIT_CREDITS 64
#define COP_JIT_CREDIT 8192     /* that a loop begins with */

typedef struct
{
  int64_t  reserve;             /* fuel that the strip has not been given */
  uint32_t pause;               /* rounds that pass before the guard is asked again */
  uint64_t addends[6];          /* of pointers without a register */
} CopHartStrip;

/* What translated code keeps of a hart; see src/engine/jit/. */
typedef struct
{
  uint64_t page;                /* virtual address of the page the code running now stands on */
  int64_t  fuel;                /* instructions left before it must return */
  uint64_t fuel_end;            /* s.instret when there are none left */
  uint64_t limit;               /* s.instret where run() ends */
  uint64_t spans[COP_JIT_SPANS];        /* addends of the spans of the block that runs */
  CopHartStrip strip;           /* of the loop that runs */
  int64_t  strip_credit[COP_JIT_CREDITS];
  void    *stack;               /* where the host's stack is without calls of translated code */
  bool     keeps_calls;         /* set by what C does for code: all of them are valid yet */
  uint64_t exit_pc;
  uint32_t exit_info, exit_bits, exit_op;
  CopPageFact facts[COP_PAGE_FACTS];
  uint64_t args[3];             /* of floating point that is done in C */
  /* What code calls when it leaves for a SYSTEM instruction: where to go on, or NULL to leave. */
  const void *(*system) (CopHart *hart);
  /* What code calls when the rest of a block must be done without shared checks of memory: where that
     goes on, or NULL to leave. */
  const void *(*rest) (CopHart *hart);
  /* What code calls for a @pc that the jump table does not have: its code, with `page` set for it;
     NULL: there is none yet, or what the TLB does not know must be asked for. */
  const void *(*find) (CopHart *hart, uint64_t pc);
  /* What code calls when it has no fuel for what is at exit_pc: where to go on with more of it, or
     NULL to leave. @stack: where the host's stack is. */
  const void *(*refuel) (CopHart *hart, const void *stack);
  /* What code calls that jumps to another page, to a @pc for which the jump table does not have what the
     jump is linked to: tries to link it, and notes that in the hart's @far. Returns what find() does. */
  const void *(*link_far) (CopHart *hart, uint64_t pc, uint32_t far);
  /* Lets the instruction at @site be a jump to @target, for all harts: a range, or a loop without
     checks, is given up. */
  void (*divert) (CopHart *hart, const uint8_t *site, const uint8_t *target, bool is_loop);
} CopHartJit;

/* Counted by the hart itself, read by anybody. */
typedef struct
{
  uint64_t tlb_misses[3];       /* by CopAccess */
  uint64_t walks;
  uint64_t tlb_flushes;
  uint64_t traps, interrupts;
  uint64_t mmio;
  uint64_t code_writes;         /* stores that hit decoded or translated lines */
  uint64_t wfi_ns;              /* time asleep */
} CopHartStats;

struct CopHart
{
  CopHartState s;
  uint64_t     sink;            /* where engines let results for x0 go */

  uint32_t     pending;         /* atomic: COP_PENDING_* */
  uint32_t     mode;            /* what code is specialised for: see COP_MODE_* */
  CopTlb      *tlb;             /* view of loads and stores */
  CopTlb      *fetch_tlb;
  uint64_t     instret_event;   /* run() polls when s.instret reaches it, at the latest */
  /* Names the mapping of fetches and the mode: a cached (pc, code_tag) pair that leads to code is
     valid as long as both are equal. The fetch view's generation, shifted by 8, and mode. */
  uint64_t     code_tag;
  /* The same in COP_EPOCH_BITS, never 0: what was used before comes again when all have been used,
     after epochs_over(). The fetch view's epoch, shifted by COP_EPOCH_MODE_BITS, and mode; and
     COP_EPOCH_MARK, so that it differs from all addresses that code can be at. */
  uint64_t     code_epoch;
  void       (*epochs_over) (CopHart *hart);    /* (nullable) */
  uint64_t     irq_lines;       /* atomic: mip bits that hardware drives: MSIP MTIP SEIP MEIP STIP */

  /* The trap that the last failing operation wants taken. */
  CopTrapCause trap_cause;
  uint64_t     trap_tval;

  unsigned     id;              /* mhartid */
  CopIsa       isa;
  CopMachine  *machine;         /* (unowned) */
  CopRam      *ram;             /* (unowned) */
  const CopClock *clock;        /* (unowned) (nullable) in tests: time stands still at 0 */
  CopTimers   *timers;          /* (unowned) (nullable) in tests: stimecmp interrupts nobody */
  const CopBus *bus;            /* (unowned) (nullable) in tests: no device answers */
  CopEngine   *engine;          /* (unowned) */
  gpointer     engine_data;     /* what the engine keeps for this hart */
  CopHartJit   jit;

  /* For lockstep; see src/engine/jit/verify.h. */
  CopStoreLog *store_log;       /* (owned) (nullable): notes pages before they are stored to */
  bool         trap_stops;      /* an exception is not taken, but ends run() */

  /* MMU. */
  CopTlb      *machine_tlb, *bare_tlb, *supervisor_tlb, *mxr_tlb;       /* (owned) (nullable) */
  CopTlbSpace  spaces[COP_TLB_SPACES];
  CopTlbSpace *space;           /* the current one */
  uint64_t     space_clock;
  uint64_t     generation_clock;        /* last number given to a CopTlb.generation */
  uint32_t     epoch_clock;             /* and to a CopTlb.epoch */
  /* Where write entries of a physical page stand: by a hash of its address. See tlb.c. */
  uint32_t     writers[COP_WRITER_SLOTS];

  /* Counters: derived from s by cop_hpm_schedule(). */
  uint64_t     hpm_wraps_at[COP_HPM_COUNTERS];  /* instret; UINT64_MAX: not by instret */
  uint32_t     hpm_used;        /* events that some counter counts, a bit each */
  bool         hpm_by_mode;     /* some counter stands still in some privilege modes */

  /* Requests and sleep: see request.c. */
  GMutex       lock;
  GCond        wake;
  GArray      *requests;        /* (element-type CopRequest); guarded by lock */
  GArray      *answering;       /* (element-type CopRequest); the hart's thread: in work */
  int          unanswered;      /* atomic: REVOKE_WRITE requests that others have not answered */
  bool         parked;          /* not running guest code: guarded by lock */
  bool         asleep;          /* atomic: may need `wake`; changed under lock */

  CopHartStats stats;

  uint8_t      tier;            /* CopTier: what the thread is at, for sampler.h */

  /* Debugging; see breakpoints.h. */
  const CopBreakpoints *breakpoints;    /* (unowned) (nullable): there are none */
  uint64_t     breakpoint_passed;       /* the one that was met last ... */
  uint64_t     breakpoint_passed_at;    /* ... at this s.instret: not met again before it has run */

  CopJitJump   jumps[1u << COP_JIT_JUMP_BITS];  /* translated code's; last, for they are large */
  CopJitFar    fars[COP_JIT_FARS];
};

/* CopHart.mode: code is keyed by its physical address and these bits. */
#define COP_MODE_FRM_MASK 0x7u          /* frm of fcsr */
#define COP_MODE_FS_OFF 0x8u            /* mstatus.FS is Off: FP instructions are illegal */
/* Of code alone, beside the hart's: a block in which no accesses share a check. */
#define COP_MODE_APART 0x10u

/* Rows of mstatus. Source: RISC-V Privileged Spec 20240411 §3.1.6. */
#define COP_MSTATUS_SIE (UINT64_C (1) << 1)
#define COP_MSTATUS_MIE (UINT64_C (1) << 3)
#define COP_MSTATUS_SPIE (UINT64_C (1) << 5)
#define COP_MSTATUS_MPIE (UINT64_C (1) << 7)
#define COP_MSTATUS_SPP (UINT64_C (1) << 8)
#define COP_MSTATUS_MPP (UINT64_C (3) << 11)
#define COP_MSTATUS_FS (UINT64_C (3) << 13)
#define COP_MSTATUS_MPRV (UINT64_C (1) << 17)
#define COP_MSTATUS_SUM (UINT64_C (1) << 18)
#define COP_MSTATUS_MXR (UINT64_C (1) << 19)
#define COP_MSTATUS_TVM (UINT64_C (1) << 20)
#define COP_MSTATUS_TW (UINT64_C (1) << 21)
#define COP_MSTATUS_TSR (UINT64_C (1) << 22)
#define COP_MSTATUS_UXL (UINT64_C (3) << 32)
#define COP_MSTATUS_SXL (UINT64_C (3) << 34)
#define COP_MSTATUS_SD (UINT64_C (1) << 63)

/**
 * cop_hart_new:
 * @machine: (nullable): NULL in tests of a hart alone
 *
 * A parked hart, all of s at its reset values. Its owner sets clock, bus, timers and engine.
 */
CopHart *cop_hart_new (CopMachine *machine, CopRam *ram, unsigned id, CopIsa isa);
void cop_hart_free (CopHart *hart);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopHart, cop_hart_free)

/**
 * cop_hart_reset:
 * Architectural reset of a parked hart: @priv mode at @pc, a0 = hart id, a1 = @a1.
 *
 * In S mode the hart is as machine-mode firmware hands it over: every exception and interrupt that
 * can be is delegated, counters, cache-block instructions, Sstc, Svpbmt and Svadu are enabled, and
 * PMP lets everything pass.
 */
void cop_hart_reset (CopHart *hart, uint64_t pc, CopPriv priv, uint64_t a1);

/* Rebuilds all that is derived from s, after s was changed as a whole: load, set_vcpu_state. */
void cop_hart_state_changed (CopHart *hart);

/**
 * cop_hart_take_trap:
 * Enters the handler for an exception: trap_cause and trap_tval, raised by the instruction at s.pc.
 * Delegation, xstatus stacking, priv, pc and view are all changed. An ecall to the built-in SBI is
 * served instead, and counted as retired.
 *
 * Source: RISC-V Privileged Spec 20240411 §3.1.6.1, §3.1.8, §10.1.1
 */
void cop_hart_take_trap (CopHart *hart);

/* Records the exception to take and returns false, for use in tail position. */
static inline bool
cop_hart_raise (CopHart *hart, CopTrapCause cause, uint64_t tval)
{
  hart->trap_cause = cause;
  hart->trap_tval = tval;
  return false;
}

/**
 * cop_hart_poll:
 * Does what `pending` says: answers requests, raises LCOFI for counters that overflowed, takes an
 * interrupt if one is deliverable. Called by the engine between instructions, with all of s up to
 * date, when pending is not 0 or s.instret has reached instret_event.
 *
 * COP_PENDING_STOP stays set, and no interrupt is taken, until whoever set it calls
 * cop_hart_clear_pending().
 *
 * Returns: false when run() is to return (COP_PENDING_STOP)
 */
bool cop_hart_poll (CopHart *hart);

/* mip as software reads it: what software and hardware hold pending. */
static inline uint64_t
cop_hart_mip (const CopHart *hart)
{
  return __atomic_load_n (&hart->s.mip, __ATOMIC_SEQ_CST) |
         __atomic_load_n (&hart->irq_lines, __ATOMIC_SEQ_CST);
}

/* Whether an interrupt is pending and enabled in mie, whatever xstatus says: what ends a wfi. */
bool cop_hart_irq_waiting (const CopHart *hart);

/* Says that mip, mie, mideleg, xstatus.xIE or priv changed: sets COP_PENDING_IRQ when due. On the
   hart's own thread. */
void cop_hart_update_irq (CopHart *hart);

/**
 * cop_hart_set_irq:
 * Drives a hardware interrupt line; on any thread. SSI and LCOFI have no lines: there it sets or
 * clears the bit that software sees and clears too.
 */
void cop_hart_set_irq (CopHart *hart, CopIrq irq, bool level);

/* Sets bits of pending and wakes the hart if it sleeps; on any thread. */
void cop_hart_kick (CopHart *hart, uint32_t pending);

/* Takes bits of pending back, such as COP_PENDING_STOP before the next run(). */
void cop_hart_clear_pending (CopHart *hart, uint32_t pending);

/**
 * cop_hart_park:
 * cop_hart_unpark:
 * The thread that drives a hart brackets run() and all else that uses the hart's TLBs with
 * unpark and park. Both answer what is queued. A new hart is parked.
 */
void cop_hart_park (CopHart *hart);
void cop_hart_unpark (CopHart *hart);

/**
 * cop_hart_request:
 * Queues @request for @hart and kicks it; on any thread. With request->unanswered set, the caller
 * has incremented it and waits with cop_hart_wait_answers(). A parked hart is not woken: the
 * request counts as answered, for the hart does it before it touches guest memory again.
 */
void cop_hart_request (CopHart *hart, const CopRequest *request);

/* Waits on hart @self's thread until *unanswered is 0. @self counts as parked meanwhile, so that
   harts may wait for each other; its own requests are answered at the end. */
void cop_hart_wait_answers (CopHart *self, int *unanswered);

/* The same on a thread that drives no hart. */
void cop_requests_wait (int *unanswered);

/* Answers all queued requests; on the hart's thread. */
void cop_hart_answer_requests (CopHart *hart);

/**
 * cop_hart_sleep:
 * Sleeps, parked, until an interrupt waits (then s.waiting is cleared) or a bit of pending other
 * than IRQ and REQUEST is set. For the thread that drives the hart, outside run().
 */
void cop_hart_sleep (CopHart *hart);

/* Sets stimecmp and the timer behind it, on the hart's thread: the CSR, and SBI's set_timer. */
void cop_hart_set_stimecmp (CopHart *hart, uint64_t ticks);

/* Recomputes mode, tlb and fetch_tlb from priv, mstatus, satp and fcsr. */
void cop_hart_update_view (CopHart *hart);

/* Whether @hart, about to run the instruction at @pc with @instret retired, meets a breakpoint that
   it has not met just now. */
bool cop_hart_meets_breakpoint (CopHart *hart, uint64_t pc, uint64_t instret);

/* Guest time in ticks of 10 MHz (`time`, mtime). */
uint64_t cop_hart_time (const CopHart *hart);
