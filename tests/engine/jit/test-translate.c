/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What guest code becomes in the intermediate form: where jumps lead that take two instructions, and
 * which blocks a unit has.
 */
#include "engine/jit/translate.h"

#include <glib.h>
#include <string.h>

static void
watch (gpointer data, uint64_t gpa, uint64_t length)
{
  (void) data;
  (void) gpa;
  (void) length;
}

static const uint8_t *
no_next_page (gpointer data, uint64_t gva, uint64_t *gpa)
{
  (void) data;
  (void) gva;
  (void) gpa;
  return NULL;
}

static bool
nothing_is_translated (gpointer data, uint64_t gpa)
{
  (void) data;
  (void) gpa;
  return false;
}

/* The first block of what @code, at @offset of its page, becomes: its lines but for the first. */
static void
check (const uint32_t *code, unsigned n, unsigned offset, const char *expected)
{
  g_autofree uint8_t *page = g_malloc0 (COP_PAGE_SIZE);
  CopTranslateSource source = {
    .isa = cop_isa_default (),
    .pc = UINT64_C (0x40000000) + offset,
    .gpa = UINT64_C (0x80000000) + offset,
    .page = page,
    .watch = watch,
    .next_page = no_next_page,
  };
  CopIrUnit *unit = cop_ir_unit_new ();
  g_autofree char *text = NULL;
  char *end;

  memcpy (page + offset, code, n * sizeof *code);
  cop_translate_unit (unit, &source);
  text = cop_ir_dump (unit);
  end = strstr (text + 1, "block ");
  if (end != NULL)
    *end = '\0';
  g_assert_cmpstr (strchr (text, '\n') + 1, ==, expected);
  cop_ir_unit_free (unit);
}

#define CHECK(code, offset, expected) check (code, G_N_ELEMENTS (code), offset, expected)

static void
test_far_call (void)
{
  static const uint32_t far_call[] = {
    0x00012097,                 /* auipc ra, 0x12 */
    0xff0080e7,                 /* jalr  ra, -16(ra) */
  };
  static const uint32_t near_call[] = {
    0x00000317,                 /* auipc t1, 0 */
    0x040300e7,                 /* jalr  ra, 64(t1) */
  };

  g_test_summary ("auipc and jalr lead where they lead, as jal does, and what auipc set stays");
  CHECK (far_call, 0x100,
         "  104  ra = page+0x108\n"
         "  104  jump  to page+73968\n");
  CHECK (near_call, 0x100,
         "  100  t1 = page+0x100\n"
         "  104  ra = page+0x108\n"
         "  104  jump  to page+320\n");
}

static void
test_far_jump (void)
{
  static const uint32_t back[] = {
    0xfffff317,                 /* auipc t1, -1 */
    0x00430067,                 /* jalr  zero, 4(t1) */
  };
  static const uint32_t odd[] = {
    0x00000317,                 /* auipc t1, 0 */
    0x04130067,                 /* jalr  zero, 65(t1) */
  };

  g_test_summary ("they jump backwards, too, and the lowest bit of an odd target does not count");
  CHECK (back, 0,
         "  000  t1 = page+0xfffffffffffff000\n"
         "  004  jump  to page-4092\n");
  CHECK (odd, 0x10,
         "  010  t1 = page+0x10\n"
         "  014  jump  to page+80\n");
}

/* Where the blocks of the unit at the start of @code are, when somebody has been at @trodden. */
static char *
find_blocks (const uint32_t *code, unsigned n, CopTrail *trail, const unsigned *trodden,
             unsigned n_trodden)
{
  g_autofree uint8_t *page = g_malloc0 (COP_PAGE_SIZE);
  CopTranslateSource source = {
    .isa = cop_isa_default (),
    .pc = UINT64_C (0x40000000),
    .gpa = UINT64_C (0x80000000),
    .page = page,
    .watch = watch,
    .next_page = no_next_page,
    .is_translated = nothing_is_translated,
    .trail = trail,
  };
  CopIrUnit *unit = cop_ir_unit_new ();
  GString *offsets = g_string_new (NULL);

  memcpy (page, code, n * sizeof *code);
  for (unsigned i = 0; i < n_trodden; i++)
    cop_trail_note (trail, source.gpa + trodden[i]);
  cop_translate_unit (unit, &source);
  for (unsigned i = 0; i < unit->blocks->len; i++)
    g_string_append_printf (offsets, " %x", g_array_index (unit->blocks, CopIrBlock, i).offset);
  cop_ir_unit_free (unit);
  return g_string_free (offsets, FALSE);
}

static void
test_trail (void)
{
  static const uint32_t code[] = {
    0x00050663,                 /*  0  beq  a0, zero, +12 */
    0x010000ef,                 /*  4  jal  ra, +16 */
    0x00008067,                 /*  8  jalr zero, 0(ra) */
    0x00158593,                 /*  c  addi a1, a1, 1 */
    0x00008067,                 /* 10  jalr zero, 0(ra) */
    0x00258593,                 /* 14  addi a1, a1, 2 */
    0x00008067,                 /* 18  jalr zero, 0(ra) */
  };
  static const struct
  {
    unsigned trodden[4], n;
    const char *blocks;
  } cases[] = {
    { { 0 }, 0, " 0" },                        /* where it begins is not asked about */
    { { 0, 0xc }, 2, " 0 c" },                 /* the branch was always taken */
    { { 0, 0x4 }, 2, " 0 4" },                 /* never; the call is not made */
    { { 0, 0x4, 0x14 }, 3, " 0 4 14" },        /* it does not return */
    { { 0, 0x4, 0x14, 0x8 }, 4, " 0 4 14 8" },
  };
  g_autofree char *all = find_blocks (code, G_N_ELEMENTS (code), NULL, NULL, 0);

  g_test_summary ("a unit has the blocks that somebody has been at, if that is known");
  g_assert_cmpstr (all, ==, " 0 c 4 14 8");
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree CopTrail *trail = g_new0 (CopTrail, 1);
      g_autofree char *blocks =
        find_blocks (code, G_N_ELEMENTS (code), trail, cases[i].trodden, cases[i].n);

      g_assert_cmpstr (blocks, ==, cases[i].blocks);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/translate/far-call", test_far_call);
  g_test_add_func ("/jit/translate/far-jump", test_far_jump);
  g_test_add_func ("/jit/translate/trail", test_trail);
  return g_test_run ();
}
