/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Misaligned loads and stores: every width at every offset, across cache lines and pages, with the
 * second page elsewhere, missing or not writable; a store that faults has stored nothing.
 *
 * Source: RISC-V Unprivileged Spec 20240411 §2.6; Privileged Spec 20240411 §3.6
 */
#include "guest.h"

#define VA 0x3000000000ul

static uint64_t root[512] __attribute__ ((aligned (4096)));
static uint8_t  near[2 * PAGE] __attribute__ ((aligned (4096)));
static uint8_t  first[PAGE] __attribute__ ((aligned (4096)));
static uint8_t  gap[PAGE] __attribute__ ((aligned (4096)));
static uint8_t  second[PAGE] __attribute__ ((aligned (4096)));

/* Code that runs in S: the access at a0 with a1, result in a0. */
__asm__ (".text\n"
         ".balign 4\n"
         "do_lh: lh a0, 0(a0)\n  ecall\n"
         "do_lhu: lhu a0, 0(a0)\n  ecall\n"
         "do_lw: lw a0, 0(a0)\n  ecall\n"
         "do_lwu: lwu a0, 0(a0)\n  ecall\n"
         "do_ld: ld a0, 0(a0)\n  ecall\n"
         "do_fld: fld fa0, 0(a0)\n  fmv.x.d a0, fa0\n  ecall\n"
         "do_flw: flw fa0, 0(a0)\n  fmv.x.w a0, fa0\n  ecall\n"
         "do_sh: sh a1, 0(a0)\n  ecall\n"
         "do_sw: sw a1, 0(a0)\n  ecall\n"
         "do_sd: sd a1, 0(a0)\n  ecall\n"
         "do_fsd: fmv.d.x fa0, a1\n  fsd fa0, 0(a0)\n  ecall\n");
extern const uint8_t do_lh[], do_lhu[], do_lw[], do_lwu[], do_ld[], do_fld[], do_flw[], do_sh[], do_sw[],
  do_sd[], do_fsd[];

static const struct
{
  const uint8_t *code;
  int            size;
  bool           is_signed;
} loads[] = {
  { do_lh, 2, true }, { do_lhu, 2, false }, { do_lw, 4, true }, { do_lwu, 4, false },
  { do_ld, 8, true }, { do_fld, 8, true }, { do_flw, 4, true },
}, stores[] = {
  { do_sh, 2, false }, { do_sw, 4, false }, { do_sd, 8, false }, { do_fsd, 8, false },
};

/* The byte that memory holds at an offset of the two pages. */
static uint8_t *
byte_at (uint64_t offset)
{
  return offset < PAGE ? &first[offset] : &second[offset - PAGE];
}

static uint64_t
expected (uint64_t offset, int size, bool is_signed)
{
  uint64_t value = 0;

  for (int i = size - 1; i >= 0; i--)
    value = value << 8 | *byte_at (offset + i);
  if (is_signed && size < 8 && value >> (size * 8 - 1))
    value |= -1ul << (size * 8);
  return value;
}

static void
fill (void)
{
  for (uint64_t i = 0; i < 2 * PAGE; i++)
    *byte_at (i) = (uint8_t) (i * 37 + (i >> 8) * 11);
}

static void
test_places (void)
{
  static const uint64_t places[] = { 0, 56, 4096 - 8 };

  fill ();
  for (unsigned p = 0; p < 3; p++)
    for (uint64_t offset = places[p]; offset < places[p] + 9; offset++)
      {
        for (unsigned i = 0; i < sizeof (loads) / sizeof (loads[0]); i++)
          {
            enter (S, (uintptr_t) loads[i].code, VA + offset, 0, 0);
            CHECK_EQ (this_hart->cause, ECALL_S);
            CHECK_EQ (this_hart->x[10], expected (offset, loads[i].size, loads[i].is_signed));
          }
        for (unsigned i = 0; i < sizeof (stores) / sizeof (stores[0]); i++)
          {
            fill ();
            enter (S, (uintptr_t) stores[i].code, VA + offset, 0x8182838485868788ul, 0);
            CHECK_EQ (this_hart->cause, ECALL_S);
            for (int b = 0; b < stores[i].size; b++)
              CHECK_EQ (*byte_at (offset + b), 0x88 - b);
            CHECK_EQ (*byte_at (offset + stores[i].size),
                      (uint8_t) ((offset + stores[i].size) * 37 + ((offset + stores[i].size) >> 8) * 11));
          }
        fill ();
      }
}

/* The second page is missing: the fault names its first byte, or on hardware that goes byte by byte
   the first one there; what is stored is nothing. */
static void
test_second_page (uint64_t flags, bool loads_fault)
{
  *pt_slot (root, SV39, VA + PAGE, 0) = pte (second, flags);
  sfence_all ();
  fill ();
  for (uint64_t offset = PAGE - 7; offset < PAGE; offset++)
    {
      for (unsigned i = 0; i < sizeof (loads) / sizeof (loads[0]); i++)
        {
          bool crosses = offset + loads[i].size > PAGE;

          enter (S, (uintptr_t) loads[i].code, VA + offset, 0, 0);
          CHECK_EQ (this_hart->cause, crosses && loads_fault ? LOAD_PAGE : ECALL_S);
          if (crosses && loads_fault)
            CHECK_EQ (this_hart->tval, VA + PAGE);
        }
      for (unsigned i = 0; i < sizeof (stores) / sizeof (stores[0]); i++)
        if (offset + stores[i].size > PAGE)
          {
            enter (S, (uintptr_t) stores[i].code, VA + offset, 0x8182838485868788ul, 0);
            CHECK_EQ (this_hart->cause, STORE_PAGE);
            CHECK_EQ (this_hart->tval, VA + PAGE);
            for (uint64_t b = PAGE - 8; b < PAGE + 8; b++)
              CHECK_EQ (*byte_at (b), (uint8_t) (b * 37 + (b >> 8) * 11));
          }
    }
  *pt_slot (root, SV39, VA + PAGE, 0) = pte (second, PTE_RW);
  sfence_all ();
}

/* And the first one: the fault names the access's own address. */
static void
test_first_page (void)
{
  *pt_slot (root, SV39, VA, 0) = 0;
  sfence_all ();
  for (uint64_t offset = PAGE - 7; offset < PAGE; offset++)
    {
      enter (S, (uintptr_t) do_ld, VA + offset, 0, 0);
      CHECK_EQ (this_hart->cause, LOAD_PAGE);
      CHECK_EQ (this_hart->tval, VA + offset);
      enter (S, (uintptr_t) do_sd, VA + offset, 0, 0);
      CHECK_EQ (this_hart->cause, STORE_PAGE);
      CHECK_EQ (this_hart->tval, VA + offset);
    }
}

static void
test_machine (void)
{
  /* Machine mode, no translation. */
  for (uint64_t offset = PAGE - 7; offset < PAGE; offset++)
    {
      uint64_t d;

      for (int i = 0; i < 16; i++)
        near[PAGE - 8 + i] = i;
      __asm__ volatile ("ld %0, 0(%1)" : "=r"(d) : "r"(near + offset) : "memory");
      for (int i = 0; i < 8; i++)
        CHECK_EQ (d >> (8 * i) & 0xff, offset - PAGE + 8 + i);
    }
}

void
test (void)
{
  pt_map_image (root, SV39);
  *pt_slot (root, SV39, VA, 0) = pte (first, PTE_RW);
  *pt_slot (root, SV39, VA + PAGE, 0) = pte (second, PTE_RW);
  set_satp (make_satp (SV39, 0, root));
  gap[0] = 1;
  test_places ();
  test_second_page (0, true);
  test_second_page (PTE_V | PTE_R | PTE_A | PTE_D, false);
  test_second_page (PTE_RW | PTE_U, true);
  test_first_page ();
  csr_write (satp, 0);
  test_machine ();
}
