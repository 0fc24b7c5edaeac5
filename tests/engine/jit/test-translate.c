/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What guest code becomes in the intermediate form: where jumps lead that take two instructions.
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/translate/far-call", test_far_call);
  g_test_add_func ("/jit/translate/far-jump", test_far_jump);
  return g_test_run ();
}
