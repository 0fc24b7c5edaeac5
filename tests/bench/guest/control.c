/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Indirect jumps and dependent loads, where most of the time of real programs goes: a bytecode
 * interpreter with one dispatch point and with one per operation, calls through pointers, and
 * records that are walked by pointer.
 */
#include "bench.h"

#include <stdlib.h>

/* ---- bytecode: a register machine that counts primes by trial division ---- */

/* clang-format off */
#define OPS(OP) \
  OP (SET) OP (COPY) OP (ADD) OP (MUL) OP (REM) OP (LT) OP (JZ) OP (JUMP) OP (END)
enum {
#define OP(name) OP_##name,
  OPS (OP)
#undef OP
};

typedef struct
{
  uint8_t op, a, b;
} BytecodeInsn;

enum { CANDIDATE, DIVISOR, SCRATCH, COUNT, LIMIT, ONE, N_REGISTERS };

static const BytecodeInsn bytecode[] = {
  /*  0 */ { OP_SET,  COUNT,     0 },
  /*  1 */ { OP_SET,  ONE,       1 },
  /*  2 */ { OP_SET,  CANDIDATE, 2 },
  /*  3 */ { OP_SET,  LIMIT,     250 },
  /*  4 */ { OP_COPY, SCRATCH,   CANDIDATE },   /* each candidate below the limit */
  /*  5 */ { OP_LT,   SCRATCH,   LIMIT },
  /*  6 */ { OP_JZ,   SCRATCH,   21 },
  /*  7 */ { OP_SET,  DIVISOR,   2 },
  /*  8 */ { OP_COPY, SCRATCH,   DIVISOR },     /* while divisor < candidate */
  /*  9 */ { OP_LT,   SCRATCH,   CANDIDATE },
  /* 10 */ { OP_JZ,   SCRATCH,   16 },
  /* 11 */ { OP_COPY, SCRATCH,   CANDIDATE },
  /* 12 */ { OP_REM,  SCRATCH,   DIVISOR },
  /* 13 */ { OP_JZ,   SCRATCH,   18 },
  /* 14 */ { OP_ADD,  DIVISOR,   ONE },
  /* 15 */ { OP_JUMP, 0,         8 },
  /* 16 */ { OP_ADD,  COUNT,     ONE },
  /* 17 */ { OP_JUMP, 0,         18 },
  /* 18 */ { OP_ADD,  CANDIDATE, ONE },
  /* 19 */ { OP_JUMP, 0,         4 },
  /* 20 */ { OP_END,  0,         0 },
  /* 21 */ { OP_END,  0,         0 },
};
/* clang-format on */

#define BYTECODE_RESULT 53      /* primes below 250 */
#define BYTECODE_STEPS 50307    /* instructions of one run */

static __attribute__ ((noinline)) uint32_t
interpret_switch (const BytecodeInsn *code)
{
  uint32_t            r[N_REGISTERS] = { 0 };
  const BytecodeInsn *at = code;

  for (;;)
    {
      BytecodeInsn insn = *at++;

      switch (insn.op)
        {
        case OP_SET:
          r[insn.a] = insn.b;
          break;
        case OP_COPY:
          r[insn.a] = r[insn.b];
          break;
        case OP_ADD:
          r[insn.a] += r[insn.b];
          break;
        case OP_MUL:
          r[insn.a] *= r[insn.b];
          break;
        case OP_REM:
          r[insn.a] %= r[insn.b];
          break;
        case OP_LT:
          r[insn.a] = r[insn.a] < r[insn.b];
          break;
        case OP_JZ:
          if (r[insn.a] == 0)
            at = code + insn.b;
          break;
        case OP_JUMP:
          at = code + insn.b;
          break;
        default:
          return r[COUNT];
        }
    }
}

static __attribute__ ((noinline, optimize ("no-gcse", "no-crossjumping"))) uint32_t
interpret_goto (const BytecodeInsn *code)
{
  static const void *const labels[] = {
#define OP(name) &&label_##name,
    OPS (OP)
#undef OP
  };
  uint32_t            r[N_REGISTERS] = { 0 };
  const BytecodeInsn *at = code;
  BytecodeInsn        insn;

#define NEXT()                                                                                     \
  do                                                                                               \
    {                                                                                              \
      insn = *at++;                                                                                \
      goto *labels[insn.op];                                                                       \
    }                                                                                              \
  while (0)
  NEXT ();
label_SET:
  r[insn.a] = insn.b;
  NEXT ();
label_COPY:
  r[insn.a] = r[insn.b];
  NEXT ();
label_ADD:
  r[insn.a] += r[insn.b];
  NEXT ();
label_MUL:
  r[insn.a] *= r[insn.b];
  NEXT ();
label_REM:
  r[insn.a] %= r[insn.b];
  NEXT ();
label_LT:
  r[insn.a] = r[insn.a] < r[insn.b];
  NEXT ();
label_JZ:
  if (r[insn.a] == 0)
    at = code + insn.b;
  NEXT ();
label_JUMP:
  at = code + insn.b;
  NEXT ();
label_END:
  return r[COUNT];
#undef NEXT
}

static bool
run_bytecode (uint64_t iterations)
{
  uint32_t result = 0;

  for (uint64_t i = 0; i < iterations; i++)
    result = interpret_switch ((const BytecodeInsn *) bench_opaque ((uintptr_t) bytecode));
  return result == BYTECODE_RESULT;
}

static bool
run_bytecode_goto (uint64_t iterations)
{
  uint32_t result = 0;

  for (uint64_t i = 0; i < iterations; i++)
    result = interpret_goto ((const BytecodeInsn *) bench_opaque ((uintptr_t) bytecode));
  return result == BYTECODE_RESULT;
}

/* ---- calls through pointers: objects of eight classes in random order ---- */

#define N_OBJECTS 4096

typedef struct Shape Shape;
struct Shape
{
  uint64_t (*area) (const Shape *shape);
  uint32_t width, height;
};

#define AREA(n, expression)                                                                        \
  static uint64_t area_##n (const Shape *shape)                                                    \
  {                                                                                                \
    uint64_t w = shape->width, h = shape->height;                                                  \
    return expression;                                                                             \
  }
AREA (0, w *h)
AREA (1, w *w + h)
AREA (2, w *h / 2)
AREA (3, w + h * h)
AREA (4, (w + h) * 2)
AREA (5, w ^ h)
AREA (6, w > h ? w : h)
AREA (7, w * 3 + h * 5)

static Shape *shapes;

static bool
prepare_calls (void)
{
  static uint64_t (*const areas[]) (const Shape *) = { area_0, area_1, area_2, area_3,
                                                       area_4, area_5, area_6, area_7 };
  uint64_t seed = 5;

  if (shapes == NULL)
    shapes = malloc (N_OBJECTS * sizeof (Shape));
  for (int i = 0; shapes != NULL && i < N_OBJECTS; i++)
    {
      uint64_t random = bench_random (&seed);

      shapes[i] = (Shape) { areas[random & 7], random >> 8 & 0xffff, random >> 32 & 0xffff };
    }
  return shapes != NULL;
}

static bool
run_calls (uint64_t iterations)
{
  uint64_t sum = 0, first = 0;

  for (uint64_t i = 0; i < iterations; i++)
    {
      sum = 0;
      for (int k = 0; k < N_OBJECTS; k++)
        sum += shapes[k].area (&shapes[k]);
      if (i == 0)
        first = sum;
    }
  return sum == first && sum != 0;
}

/* ---- records: hash buckets of records that lie in memory in random order ---- */

#define N_RECORDS 65536
#define N_BUCKETS 8192

typedef struct Record
{
  struct Record *next;
  uint64_t       key;
  uint32_t       visits, weight;
  struct Record *parent;
  char           name[24];
} Record;

static Record  *records;
static Record **buckets;

static bool
prepare_walk (void)
{
  uint64_t seed = 11;

  if (records != NULL)
    return true;
  records = calloc (N_RECORDS, sizeof (Record));
  buckets = calloc (N_BUCKETS, sizeof (Record *));
  if (records == NULL || buckets == NULL)
    return false;
  for (int i = 0; i < N_RECORDS; i++)
    {
      uint64_t random = bench_random (&seed);
      /* An odd multiplier permutes the places, so that neighbours in a list are far apart. */
      Record  *record = &records[(uint32_t) i * 40503u % N_RECORDS];
      Record **bucket = &buckets[random % N_BUCKETS];

      record->key = random;
      record->weight = random >> 40;
      record->parent = &records[random >> 20 & (N_RECORDS - 1)];
      record->next = *bucket;
      *bucket = record;
    }
  return true;
}

/* Visits all records once an iteration: bucket by bucket, each with its parent. */
static bool
run_walk (uint64_t iterations)
{
  uint64_t found = 0;

  for (uint64_t i = 0; i < iterations; i++)
    {
      found = 0;
      for (int b = 0; b < N_BUCKETS; b++)
        for (Record *record = buckets[b]; record != NULL; record = record->next)
          {
            record->visits++;
            if (record->parent->key < record->key)
              record->weight ^= record->parent->weight;
            found++;
          }
    }
  return found == N_RECORDS;
}

const Bench control_benches[] = {
  { "bytecode", "M/s", BYTECODE_STEPS * 1e-6, .run = run_bytecode },
  { "bytecode_goto", "M/s", BYTECODE_STEPS * 1e-6, .run = run_bytecode_goto },
  { "calls", "M/s", N_OBJECTS * 1e-6, .run = run_calls, .prepare = prepare_calls },
  { "walk", "M/s", N_RECORDS * 1e-6, .run = run_walk, .prepare = prepare_walk },
  BENCH_END,
};
