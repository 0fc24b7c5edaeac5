/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guest memory.
 *
 *    gpa          0x1000        0x80000000
 *                 | boot ROM |  | DRAM ......................... |
 *    CopPage                    | one per 4 KiB page of DRAM     |
 *
 * Every guest page has a CopPage that says who may write it without being asked: `writers` has a
 * bit for each hart whose TLB holds a write entry for the page, `code` a bit for each 64-byte line
 * that some engine has decoded or translated. A store to a page with code takes the slow door
 * (cop_ram_written), as does all DMA.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define COP_PAGE_SHIFT 12
#define COP_PAGE_SIZE (UINT64_C (1) << COP_PAGE_SHIFT)
#define COP_CODE_LINE_SHIFT 6   /* 64 lines of 64 bytes in a page: one word of bits */

typedef struct
{
  uint64_t writers;             /* atomic */
  uint64_t code;                /* atomic */
  uint64_t readers;             /* atomic: harts that ever decoded code of the page, a bit each */
} CopPage;

typedef struct
{
  uint64_t gpa;                 /* page aligned */
  uint64_t size;                /* bytes, page multiple */
  uint8_t *hva;
  CopPage *pages;               /* size >> COP_PAGE_SHIFT of them; NULL for ROM */
  bool     readonly;
} CopRamBlock;

typedef struct CopRamTrim CopRamTrim;

/* Told when somebody wrote to lines with code. Called on any thread, never with a lock held. */
typedef void (*CopRamCodeWritten) (gpointer data, uint64_t gpa, uint64_t length);

typedef struct
{
  CopRamBlock       rom, dram;
  bool              shared;     /* DRAM is a file, not anonymous */
  bool              image;      /* DRAM is a private view of a saved image: see ram-image.h */
  uint64_t          n_written;  /* atomic: calls of cop_ram_written() */
  GMutex            pin_lock;
  unsigned          n_pins;     /* guarded by pin_lock */
  GPtrArray        *pinned;     /* (owned) (element-type uint8_t): DRAM that was replaced by
                                   cop_ram_clear(); guarded by pin_lock */
  gconstpointer     sole_writer;        /* (unowned) (nullable): see ram-trim.h; of its thread */
  CopRamTrim       *trim;       /* (owned) (nullable): the same */
  uint64_t          filled_first, filled_end;   /* gpa: around all of cop_ram_will_fill() */
  CopRamCodeWritten code_written;
  gpointer          code_written_data;
} CopRam;

/**
 * cop_ram_new:
 * @dram_gpa, @dram_size: where DRAM lies, in bytes; page multiples
 * @fd: a file or memfd that backs DRAM, shared; or -1 for anonymous memory
 *
 * Reserves address space only: a page costs memory when it is first touched.
 *
 * Errors: %G_IO_ERROR from mmap, with the size.
 */
CopRam *cop_ram_new (uint64_t dram_gpa, uint64_t dram_size, int fd, GError **error);
void cop_ram_free (CopRam *ram);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopRam, cop_ram_free)

/* The block that holds all of [gpa, gpa + length), or NULL. */
const CopRamBlock *cop_ram_block (const CopRam *ram, uint64_t gpa, uint64_t length);

/**
 * cop_ram_span:
 * The one place where a guest physical address becomes a pointer for devices and loaders.
 *
 * Returns: (nullable): host address of [gpa, gpa + length), all in DRAM; NULL when any byte is
 *   outside
 */
uint8_t *cop_ram_span (const CopRam *ram, uint64_t gpa, uint64_t length);

/* A halfword of code at @hva, which is even: some hart may be writing it just now. */
static inline uint16_t
cop_ram_code_at (const uint8_t *hva)
{
  return __atomic_load_n ((const uint16_t *) (const void *) hva, __ATOMIC_RELAXED);
}

/* Two of them, in one access where nobody minds that C has no name for it. */
#if defined (__SANITIZE_THREAD__)
static inline uint32_t
cop_ram_code32_at (const uint8_t *hva)
{
  return cop_ram_code_at (hva) | (uint32_t) cop_ram_code_at (hva + 2) << 16;
}
#else
static inline uint32_t
cop_ram_code32_at (const uint8_t *hva)
{
  uint32_t bits;

  memcpy (&bits, hva, sizeof bits);
  return bits;
}
#endif

/* The CopPage of a gpa inside DRAM. */
static inline CopPage *
cop_ram_page (const CopRam *ram, uint64_t gpa)
{
  return &ram->dram.pages[(gpa - ram->dram.gpa) >> COP_PAGE_SHIFT];
}

/**
 * cop_ram_written:
 * Says that [gpa, gpa + length) of DRAM was changed by other means than a hart's TLB write entry:
 * DMA, loader, slow store. Tells the engine when there was code. Call it after the bytes are in
 * memory: said before them, code that is decoded in between would go stale unnoticed.
 */
void cop_ram_written (CopRam *ram, uint64_t gpa, uint64_t length);

/* A number that changes when another thread than this one calls cop_ram_written(). */
uint64_t cop_ram_written_by_others (const CopRam *ram);

/**
 * cop_ram_read:
 * cop_ram_write:
 * Copy out of and into DRAM; cop_ram_write includes cop_ram_written().
 *
 * Returns: false, with nothing copied, when any byte is outside DRAM
 */
bool cop_ram_read (const CopRam *ram, uint64_t gpa, void *to, uint64_t length);
bool cop_ram_write (CopRam *ram, uint64_t gpa, const void *from, uint64_t length);

/* Says that all of [gpa, gpa + length) is about to be written: the host may then hand out large pages
   at once, instead of a small one at every fault. */
void cop_ram_will_fill (CopRam *ram, uint64_t gpa, uint64_t length);

/* Gives whole pages of DRAM back to the host: what they hold is lost, and what they read as until
   they are written is not said. What is outside DRAM is left alone. */
void cop_ram_discard (CopRam *ram, uint64_t gpa, uint64_t length);

/* Discards all DRAM contents; it reads as zero again and costs nothing. While it is pinned, what was
   there stays at its host address, and the guest gets other memory. */
bool cop_ram_clear (CopRam *ram, GError **error);

/**
 * cop_ram_pin:
 * cop_ram_unpin:
 * Somebody beyond our reach, such as a system call that does not return, may still read and write
 * DRAM as it is now. Until the last one is gone, cop_ram_clear() and cop_ram_free() leave that
 * memory to them.
 */
void cop_ram_pin (CopRam *ram);
void cop_ram_unpin (CopRam *ram);
bool cop_ram_is_pinned (CopRam *ram);
