/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Values that only serve to make others: which may move into their use, and which must stay.
 */
#include "unit-blocks.h"

#include "engine/jit/forward.h"

#include <glib.h>

enum
{
  T0 = 5,
  T1 = 6,
  A0 = 10,
  A1 = 11,
};

static void
store (CopIrUnit *unit, CopIrRef gva, CopIrRef value)
{
  add (unit, IR_STORE, 0, gva, value, 64);
}

/* The statements that are left, each as "kind reg op". */
static void
check (CopIrUnit *unit, const char *expected)
{
  CopIrBlock block = { .n = unit->statements->len };
  g_autofree char *text = NULL;

  g_array_append_val (unit->blocks, block);
  cop_forward_values (unit, &block);
  text = cop_ir_dump (unit);
  g_assert_cmpstr (strchr (text, '\n') + 1, ==, expected);
  cop_ir_unit_free (unit);
}

static void
test_rotation (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("two shifts and an or of words are a rotation, though other values lie between");
  set (unit, T0, with (unit, IR_SRL32, x (unit, A0), 19));
  set (unit, T1, with (unit, IR_SLL32, x (unit, A0), 13));
  set (unit, T1, both (unit, IR_OR, x (unit, T1), x (unit, T0)));
  set (unit, T0, with (unit, IR_SRL32, x (unit, A0), 10));
  check (unit, "  000  t1 = SEXT32 (ROR32 (a0, 19))\n"
               "  000  t0 = SRL32 (a0, 10)\n");
}

static void
test_no_rotation (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("shifts that do not add up, or of two registers, are none");
  set (unit, T0, both (unit, IR_OR, with (unit, IR_SRL32, x (unit, A0), 19),
                       with (unit, IR_SLL32, x (unit, A0), 12)));
  set (unit, T1, both (unit, IR_OR, with (unit, IR_SRL, x (unit, A0), 60),
                       with (unit, IR_SLL, x (unit, A1), 4)));
  check (unit, "  000  t0 = OR (SRL32 (a0, 19), SLL32 (a0, 12))\n"
               "  000  t1 = OR (SRL (a0, 60), SLL (a1, 4))\n");
}

static void
test_seen (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  CopIrStatement fence = { .kind = IR_FENCE, .a = IR_NONE, .b = IR_NONE, .span = IR_NO_SPAN };

  g_test_summary ("a value stays where what is no plain access, or the block's end, could see it");
  set (unit, T0, with (unit, IR_ADD, x (unit, A0), 1));
  g_array_append_val (unit->statements, fence);
  set (unit, T0, with (unit, IR_SLL, x (unit, T0), 1));
  check (unit, "  000  t0 = ADD (a0, 1)\n"
               "  000  fence \n"
               "  000  t0 = SLL (t0, 1)\n");
}

static void
test_late (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("a value that only an access could see is set late, where the access leaves");
  set (unit, T0, with (unit, IR_ADD, x (unit, A0), 1));
  store (unit, x (unit, A1), x (unit, A1));
  set (unit, T0, with (unit, IR_SLL, x (unit, T0), 1));
  check (unit, "  000  (late) t0 = ADD (a0, 1)\n"
               "  000  store a1 <- a1\n"
               "  000  t0 = SLL (ADD (a0, 1), 1)\n");
}

static void
test_late_address (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("an address moves into its access, also where it is made of its own register");
  set (unit, T0, with (unit, IR_SLL, x (unit, T0), 3));
  set (unit, T0, both (unit, IR_ADD, x (unit, T0), x (unit, A0)));
  set (unit, T0, cop_ir_add (unit, IR_LOAD, x (unit, T0), IR_NONE, IR_NONE, IR_U64));
  check (unit, "  000  (late) t0 = ADD (SLL (t0, 3), a0)\n"
               "  000  t0 = LOAD.s64 (ADD (SLL (t0, 3), a0))\n");
}

static void
test_late_span (void)
{
  for (unsigned itself = 0; itself < 2; itself++)
    {
      CopIrUnit *unit = cop_ir_unit_new ();
      CopIrBlock block = { .n = 2 };

      g_test_summary ("an access that looks for others' pages too goes on in line: what is made of its "
                      "own register must not be set late there");
      set (unit, T0, with (unit, IR_ADD, x (unit, itself ? T0 : A0), 8));
      set (unit, T0, cop_ir_add (unit, IR_LOAD, x (unit, T0), IR_NONE, IR_NONE, IR_U64));
      cop_forward_values (unit, &block);
      g_assert_cmpint (g_array_index (unit->statements, CopIrStatement, 0).kind, ==, IR_LATE);
      g_assert_cmpint (g_array_index (unit->statements, CopIrStatement, 1).is_last, ==, itself);
      cop_ir_unit_free (unit);
    }
}

static void
test_late_again (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("what is made of its own register is not set late twice, nor used behind that");
  set (unit, T0, with (unit, IR_ADD, x (unit, T0), 1));
  store (unit, x (unit, A0), x (unit, A1));
  store (unit, x (unit, A1), x (unit, T0));
  set (unit, T0, x (unit, A0));
  check (unit, "  000  t0 = ADD (t0, 1)\n"
               "  000  store a0 <- a1\n"
               "  000  store a1 <- t0\n"
               "  000  t0 = a0\n");
}

static void
test_late_in_another (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("what has the value of a register that is set late does not move behind that");
  set (unit, T0, both (unit, IR_ADD, x (unit, T0), x (unit, A0)));
  set (unit, T1, with (unit, IR_SLL, x (unit, T0), 3));
  store (unit, x (unit, A1), x (unit, A1));
  set (unit, A1, both (unit, IR_XOR, x (unit, A1), x (unit, T1)));
  set (unit, T1, x (unit, A0));
  set (unit, T0, x (unit, A0));
  check (unit, "  000  (late) t0 = ADD (t0, a0)\n"
               "  000  t1 = SLL (ADD (t0, a0), 3)\n"
               "  000  store a1 <- a1\n"
               "  000  a1 = XOR (a1, t1)\n"
               "  000  t1 = a0\n"
               "  000  t0 = a0\n");
}

static void
test_late_operand_changes (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("a value stays when what it is made of changes before an access could see it");
  set (unit, T0, with (unit, IR_ADD, x (unit, A0), 1));
  set (unit, A0, with (unit, IR_ADD, x (unit, A1), 1));
  store (unit, x (unit, A1), x (unit, A1));
  set (unit, T0, x (unit, A1));
  check (unit, "  000  t0 = ADD (a0, 1)\n"
               "  000  a0 = ADD (a1, 1)\n"
               "  000  store a1 <- a1\n"
               "  000  t0 = a1\n");
}

static void
test_copies (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("a copy of a register goes into all that uses it");
  set (unit, T0, x (unit, A0));
  set (unit, T1, both (unit, IR_ADD, x (unit, T0), x (unit, T0)));
  store (unit, x (unit, T0), x (unit, T1));
  set (unit, T0, x (unit, A1));
  check (unit, "  000  (late) t0 = a0\n"
               "  000  t1 = ADD (a0, a0)\n"
               "  000  store a0 <- t1\n"
               "  000  t0 = a1\n");
}

static void
test_shift_stays (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("a rotation is found though one of the shifts stays");
  set (unit, T0, with (unit, IR_SRL32, x (unit, A0), 19));
  set (unit, T1, with (unit, IR_SLL32, x (unit, A0), 13));
  set (unit, T1, both (unit, IR_OR, x (unit, T1), x (unit, T0)));
  check (unit, "  000  t0 = SRL32 (a0, 19)\n"
               "  000  t1 = SEXT32 (ROR32 (a0, 19))\n");
}

static void
test_low_halves (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  CopIrRef sum, turned;

  g_test_summary ("what is between words is not extended, and a rotation is found below");
  sum = cop_ir_add (unit, IR_SEXT32, both (unit, IR_ADD, x (unit, A0), x (unit, A1)), IR_NONE,
                    IR_NONE, 0);
  turned = both (unit, IR_XOR, with (unit, IR_SLL32, x (unit, A0), 3),
                 both (unit, IR_OR, with (unit, IR_SLL, x (unit, A1), 12),
                       with (unit, IR_SRL32, x (unit, A1), 20)));
  set (unit, T0, cop_ir_add (unit, IR_SEXT32, both (unit, IR_XOR, sum, turned), IR_NONE, IR_NONE, 0));
  set (unit, T1, cop_ir_add (unit, IR_SRL, with (unit, IR_SLL, sum, 32),
                             cop_ir_const (unit, 32), IR_NONE, 0));
  check (unit, "  000  t0 = SEXT32 (XOR (ADD (a0, a1), XOR (SLL (a0, 3), ROR32 (a1, 20))))\n"
               "  000  t1 = ZEXT32 (ADD (a0, a1))\n");
}

static void
test_operand_changes (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("a value does not move behind a change of what it is made of");
  set (unit, T0, with (unit, IR_ADD, x (unit, A0), 1));
  set (unit, A0, x (unit, A1));
  set (unit, T0, with (unit, IR_SLL, x (unit, T0), 1));
  check (unit, "  000  t0 = ADD (a0, 1)\n"
               "  000  a0 = a1\n"
               "  000  t0 = SLL (t0, 1)\n");
}

static void
test_two_uses (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("what is used twice is worked out once");
  set (unit, T0, with (unit, IR_ADD, x (unit, A0), 1));
  set (unit, T1, both (unit, IR_XOR, x (unit, T0), x (unit, A1)));
  set (unit, T0, both (unit, IR_AND, x (unit, T0), x (unit, A1)));
  check (unit, "  000  t0 = ADD (a0, 1)\n"
               "  000  t1 = XOR (t0, a1)\n"
               "  000  t0 = AND (t0, a1)\n");
}

static void
test_no_use (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("what nobody uses is not worked out");
  set (unit, T0, with (unit, IR_ADD, x (unit, A0), 1));
  set (unit, A0, with (unit, IR_ADD, x (unit, A0), 2));
  set (unit, T0, x (unit, A1));
  check (unit, "  000  a0 = ADD (a0, 2)\n"
               "  000  t0 = a1\n");
}

static void
test_size (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  CopIrRef left, right;

  g_test_summary ("trees do not outgrow the scratch registers");
  left = both (unit, IR_ADD, with (unit, IR_SLL, x (unit, A0), 5), with (unit, IR_SLL, x (unit, A1), 6));
  right = both (unit, IR_ADD, with (unit, IR_SLL, x (unit, A1), 7), with (unit, IR_SLL, x (unit, A0), 8));
  set (unit, T0, left);
  set (unit, T1, right);
  set (unit, T1, both (unit, IR_XOR, x (unit, T1), x (unit, T0)));
  set (unit, T0, cop_ir_const (unit, 0));
  /* One of them may move, not both. */
  check (unit, "  000  t1 = ADD (SLL (a1, 7), SLL (a0, 8))\n"
               "  000  t1 = XOR (t1, ADD (SLL (a0, 5), SLL (a1, 6)))\n"
               "  000  t0 = 0\n");
}

static void
test_words (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();
  CopIrRef inner;

  g_test_summary ("the low half of a sum does not wait for the extension of its operands");
  inner = cop_ir_add (unit, IR_SEXT32, both (unit, IR_ADD, x (unit, A0), x (unit, A1)), IR_NONE,
                      IR_NONE, 0);
  set (unit, T0, cop_ir_add (unit, IR_SEXT32, both (unit, IR_ADD, inner, x (unit, T1)), IR_NONE,
                             IR_NONE, 0));
  check (unit, "  000  t0 = SEXT32 (ADD (ADD (a0, a1), t1))\n");
}

static void
test_masks (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("what a mask leaves needs no sign extension, unless it leaves the sign");
  set (unit, T0, cop_ir_add (unit, IR_SEXT32, with (unit, IR_ADD, x (unit, T0), UINT64_MAX), IR_NONE,
                             IR_NONE, 0));
  set (unit, T0, with (unit, IR_AND, x (unit, T0), 255));
  set (unit, T1, cop_ir_add (unit, IR_SEXT32, with (unit, IR_AND, x (unit, A0), 0x80000000), IR_NONE,
                             IR_NONE, 0));
  check (unit, "  000  t0 = AND (ADD (t0, -1), 255)\n"
               "  000  t1 = SEXT32 (AND (a0, 2147483648))\n");
}

static void
test_amounts (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("of a constant amount, only what counts is left");
  set (unit, T0, with (unit, IR_ROR, x (unit, A0), UINT64_C (0x5000000000000043)));
  set (unit, T1, with (unit, IR_SRL32, x (unit, A0), UINT64_C (0x5000000000000021)));
  set (unit, A0, with (unit, IR_SLL, x (unit, A0), 64));
  set (unit, A1, with (unit, IR_ROL, x (unit, A0), 128));
  check (unit, "  000  t0 = ROR (a0, 3)\n"
               "  000  t1 = SRL32 (a0, 1)\n"
               "  000  a0 = a0\n"
               "  000  a1 = a0\n");
}

static void
test_not (void)
{
  CopIrUnit *unit = cop_ir_unit_new ();

  g_test_summary ("and with the complement is one operation, of words as well");
  set (unit, T0, with (unit, IR_XOR, x (unit, A0), UINT64_MAX));
  set (unit, T1, both (unit, IR_AND, x (unit, T0), x (unit, A1)));
  set (unit, T0, cop_ir_add (unit, IR_SEXT32, with (unit, IR_XOR, x (unit, T1), UINT64_MAX), IR_NONE,
                             IR_NONE, 0));
  check (unit, "  000  t1 = ANDN (a1, a0)\n"
               "  000  t0 = SEXT32 (NOT (t1))\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/forward/rotation", test_rotation);
  g_test_add_func ("/jit/forward/no-rotation", test_no_rotation);
  g_test_add_func ("/jit/forward/seen", test_seen);
  g_test_add_func ("/jit/forward/late", test_late);
  g_test_add_func ("/jit/forward/late-address", test_late_address);
  g_test_add_func ("/jit/forward/late-span", test_late_span);
  g_test_add_func ("/jit/forward/late-again", test_late_again);
  g_test_add_func ("/jit/forward/late-in-another", test_late_in_another);
  g_test_add_func ("/jit/forward/late-operand-changes", test_late_operand_changes);
  g_test_add_func ("/jit/forward/copies", test_copies);
  g_test_add_func ("/jit/forward/shift-stays", test_shift_stays);
  g_test_add_func ("/jit/forward/low-halves", test_low_halves);
  g_test_add_func ("/jit/forward/operand-changes", test_operand_changes);
  g_test_add_func ("/jit/forward/two-uses", test_two_uses);
  g_test_add_func ("/jit/forward/no-use", test_no_use);
  g_test_add_func ("/jit/forward/size", test_size);
  g_test_add_func ("/jit/forward/words", test_words);
  g_test_add_func ("/jit/forward/masks", test_masks);
  g_test_add_func ("/jit/forward/amounts", test_amounts);
  g_test_add_func ("/jit/forward/not", test_not);
  return g_test_run ();
}
