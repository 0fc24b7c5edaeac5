/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Integer work: a mix of list, matrix, state machine and checksum; a procedure-and-record program
 * in the manner of the classic synthetic ones; sieve, queens, recursion, sorting, SHA-256.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

/* ---- mix: list, matrix, state machine, CRC ---- */

#define MIX_NODES 160
#define MIX_N 12

typedef struct MixNode
{
  struct MixNode *next;
  int16_t         key, value;
} MixNode;

static uint16_t
crc16 (uint16_t crc, uint16_t data)
{
  for (int bit = 0; bit < 16; bit++)
    {
      bool carry = (crc ^ data) & 1;

      crc = crc >> 1 ^ (carry ? 0xa001 : 0);
      data >>= 1;
    }
  return crc;
}

static MixNode *
list_merge (MixNode *a, MixNode *b)
{
  MixNode  head;
  MixNode *tail = &head;

  while (a != NULL && b != NULL)
    {
      MixNode **from = a->key <= b->key ? &a : &b;

      tail->next = *from;
      tail = *from;
      *from = (*from)->next;
    }
  tail->next = a != NULL ? a : b;
  return head.next;
}

static MixNode *
list_sort (MixNode *list)
{
  MixNode *slow = list, *fast = list, *second;

  if (list == NULL || list->next == NULL)
    return list;
  while (fast->next != NULL && fast->next->next != NULL)
    {
      slow = slow->next;
      fast = fast->next->next;
    }
  second = slow->next;
  slow->next = NULL;
  return list_merge (list_sort (list), list_sort (second));
}

static MixNode *
list_reverse (MixNode *list)
{
  MixNode *reversed = NULL;

  while (list != NULL)
    {
      MixNode *next = list->next;

      list->next = reversed;
      reversed = list;
      list = next;
    }
  return reversed;
}

static uint16_t
mix_lists (uint16_t seed)
{
  static MixNode nodes[MIX_NODES];
  MixNode       *list = NULL;
  uint16_t       crc = 0;

  for (int i = 0; i < MIX_NODES; i++)
    {
      seed = seed * 25173 + 13849;
      nodes[i] = (MixNode) { list, seed >> 3, i };
      list = &nodes[i];
    }
  for (int find = 0; find < 30; find++)
    {
      MixNode *node = list;

      while (node != NULL && node->value != find * 5)
        node = node->next;
      crc = crc16 (crc, node != NULL ? node->key : 0);
      list = list_reverse (list);
    }
  list = list_sort (list);
  for (MixNode *node = list; node != NULL; node = node->next)
    crc = crc16 (crc, node->key);
  return crc;
}

static uint16_t
mix_matrix (int16_t seed)
{
  static int16_t a[MIX_N][MIX_N], b[MIX_N][MIX_N];
  static int32_t c[MIX_N][MIX_N];
  uint16_t       crc = 0;

  for (int i = 0; i < MIX_N; i++)
    for (int j = 0; j < MIX_N; j++)
      {
        a[i][j] = seed + i * j;
        b[i][j] = seed - i + j;
      }
  for (int i = 0; i < MIX_N; i++)
    for (int j = 0; j < MIX_N; j++)
      {
        int32_t sum = 0;

        for (int k = 0; k < MIX_N; k++)
          sum += a[i][k] * b[k][j];
        c[i][j] = sum;
      }
  for (int i = 0; i < MIX_N; i++)
    for (int j = 0; j < MIX_N; j++)
      crc = crc16 (crc, (c[i][j] >> 2 & 0xf) * (c[i][j] >> 5 & 0x7f));
  return crc;
}

/* Reads numbers in C syntax and counts what kinds there are. */
static uint16_t
mix_states (uint16_t seed)
{
  enum { START, SIGN, INTEGER, POINT, EXPONENT, SCALE, INVALID, N_STATES };
  static const char *const words[] = { "5012,", "-874,", "35.54400,", ".1234500,", "+110.700,",
                                       "5.500e+3,", "-.123e-2,", "T0.3e-1F,", "1.T3.4e4z,", "0x1f," };
  uint16_t counts[N_STATES] = { 0 };
  uint16_t crc = 0;
  int      state = START;

  for (int word = 0; word < 48; word++)
    for (const char *p = words[(seed + word * 7) % 10]; *p != '\0'; p++)
      {
        bool digit = *p >= '0' && *p <= '9';

        if (*p == ',')
          {
            counts[state]++;
            state = START;
            continue;
          }
        switch (state)
          {
          case START:
            state = digit ? INTEGER : *p == '+' || *p == '-' ? SIGN : *p == '.' ? POINT : INVALID;
            break;
          case SIGN:
            state = digit ? INTEGER : *p == '.' ? POINT : INVALID;
            break;
          case INTEGER:
            state = digit ? INTEGER : *p == '.' ? POINT : INVALID;
            break;
          case POINT:
            state = digit ? POINT : *p == 'e' || *p == 'E' ? EXPONENT : INVALID;
            break;
          case EXPONENT:
            state = digit || *p == '+' || *p == '-' ? SCALE : INVALID;
            break;
          case SCALE:
            state = digit ? SCALE : INVALID;
            break;
          default:
            break;
          }
      }
  for (int i = 0; i < N_STATES; i++)
    crc = crc16 (crc, counts[i]);
  return crc;
}

static bool
run_mix (uint64_t iterations)
{
  uint16_t first = 0;

  for (uint64_t i = 0; i < iterations; i++)
    {
      uint16_t seed = bench_opaque (0x3415);
      uint16_t crc = crc16 (crc16 (mix_lists (seed), mix_matrix (seed)), mix_states (seed));

      if (i == 0)
        first = crc;
      else if (crc != first)
        return false;
    }
  return first == 0x1753;
}

/* ---- records and procedures ---- */

typedef enum { RED, GREEN, BLUE, LAST_COLOUR } Colour;

typedef struct Order
{
  struct Order *next;
  Colour        colour;
  int           amount, price;
  char          text[31];
} Order;

static Order order_a, order_b;
static int   total, stock[64], stock_2d[32][32];
static char  mark_1, mark_2;

static __attribute__ ((noinline)) int
text_compare (const char *a, const char *b)
{
  while (*a != '\0' && *a == *b)
    {
      a++;
      b++;
    }
  return (unsigned char) *a - (unsigned char) *b;
}

static __attribute__ ((noinline)) void
text_copy (char *to, const char *from)
{
  while ((*to++ = *from++) != '\0')
    ;
}

static __attribute__ ((noinline)) Colour
next_colour (Colour colour, char mark)
{
  switch (colour)
    {
    case RED:
      return mark == 'A' ? GREEN : BLUE;
    case GREEN:
      return total > 100 ? RED : BLUE;
    default:
      return GREEN;
    }
}

static __attribute__ ((noinline)) void
update_stock (int *line, int (*plane)[32], int at, int amount)
{
  int row = at & 31;

  line[row] = amount;
  line[row + 1] = line[row];
  line[row + 30] = row;
  for (int column = row & 15; column <= (row & 15) + 1; column++)
    plane[row][column] = row;
  plane[row][(row & 15) + 2] += 1;
  total += plane[row][(row & 15) + 2] & 1;
}

static __attribute__ ((noinline)) void
copy_order (Order *order)
{
  Order *next = order->next;

  *next = *order;
  next->next = order;
  next->amount = 5;
  next->colour = next_colour (order->colour, mark_1);
  if (next->colour == BLUE)
    next->price += 17;
  else
    *order = *next;
  order->next = next;
}

static bool
run_records (uint64_t iterations)
{
  char text[31];

  total = 0;
  order_a = (Order) { &order_b, RED, 40, 3, "FIRST OF SEVERAL STRINGS HERE " };
  order_b = order_a;
  text_copy (text, "SECOND OF SEVERAL STRING HERE ");
  for (uint64_t i = 0; i < iterations * 1000; i++)
    {
      int amount = 2;

      mark_1 = 'A';
      mark_2 = 'B';
      text_copy (order_b.text, text);
      if (text_compare (order_a.text, order_b.text) > 0)
        amount += 7;
      while (amount < 3)
        amount += 5 * amount - 3;
      update_stock (stock, stock_2d, (int) (i & 15) + 8, amount);
      copy_order (&order_a);
      for (char c = 'A'; c <= mark_2; c++)
        if (next_colour (RED, c) == order_a.colour)
          total++;
      amount = amount * 3 / (1 + (int) (i & 3));
      total = (total + amount) & 0xffff;
    }
  bench_use (&order_a);
  return order_b.amount == 5 || iterations == 0;
}

/* ---- sieve ---- */

#define SIEVE_LIMIT 8192

static bool
run_sieve (uint64_t iterations)
{
  static uint8_t composite[SIEVE_LIMIT];
  int            primes = 0;

  for (uint64_t i = 0; i < iterations; i++)
    {
      primes = 0;
      memset (composite, 0, sizeof (composite));
      for (int n = 2; n < SIEVE_LIMIT; n++)
        if (!composite[n])
          {
            primes++;
            for (int multiple = n * 2; multiple < SIEVE_LIMIT; multiple += n)
              composite[multiple] = 1;
          }
      bench_use (composite);
    }
  return primes == 1028;
}

/* ---- queens ---- */

static __attribute__ ((noinline)) int
queens (uint32_t all, uint32_t columns, uint32_t left, uint32_t right)
{
  int solutions = 0;

  if (columns == all)
    return 1;
  for (uint32_t free = all & ~(columns | left | right); free != 0;)
    {
      uint32_t queen = free & -free;

      free ^= queen;
      solutions += queens (all, columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
  return solutions;
}

static bool
run_queens (uint64_t iterations)
{
  int solutions = 0;

  for (uint64_t i = 0; i < iterations; i++)
    solutions = queens (bench_opaque (0xff), 0, 0, 0);
  return solutions == 92;
}

/* ---- recursion ---- */

static __attribute__ ((noinline, optimize ("no-optimize-sibling-calls", "no-inline"))) uint64_t
fib (uint64_t n)
{
  return n < 2 ? n : fib (n - 1) + fib (n - 2);
}

static bool
run_fib (uint64_t iterations)
{
  uint64_t result = 0;

  for (uint64_t i = 0; i < iterations; i++)
    result = fib (bench_opaque (20));
  return result == 6765;
}

/* ---- quicksort ---- */

#define SORT_COUNT 4096

static void
quicksort (int32_t *a, int n)
{
  while (n > 12)
    {
      int32_t pivot = a[n / 2];
      int     i = 0, j = n - 1;

      while (i <= j)
        {
          while (a[i] < pivot)
            i++;
          while (a[j] > pivot)
            j--;
          if (i <= j)
            {
              int32_t t = a[i];

              a[i++] = a[j];
              a[j--] = t;
            }
        }
      quicksort (a, j + 1);
      a += i;
      n -= i;
    }
  for (int i = 1; i < n; i++)
    {
      int32_t value = a[i];
      int     j = i;

      for (; j > 0 && a[j - 1] > value; j--)
        a[j] = a[j - 1];
      a[j] = value;
    }
}

static bool
run_quicksort (uint64_t iterations)
{
  static int32_t values[SORT_COUNT];

  for (uint64_t i = 0; i < iterations; i++)
    {
      uint64_t seed = 1;

      for (int k = 0; k < SORT_COUNT; k++)
        values[k] = (int32_t) bench_random (&seed);
      quicksort (values, SORT_COUNT);
      for (int k = 1; k < SORT_COUNT; k++)
        if (values[k - 1] > values[k])
          return false;
    }
  return true;
}

/* ---- SHA-256 (FIPS 180-4) ---- */

static const uint32_t sha_k[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t
rotate_right (uint32_t value, int by)
{
  return value >> by | value << (32 - by);
}

static void
sha256_block (uint32_t state[8], const uint8_t *block)
{
  uint32_t w[64];
  uint32_t s[8];

  for (int i = 0; i < 16; i++)
    {
      uint32_t word;

      memcpy (&word, block + i * 4, 4);
      w[i] = __builtin_bswap32 (word);
    }
  for (int i = 16; i < 64; i++)
    {
      uint32_t a = w[i - 15], b = w[i - 2];

      w[i] = w[i - 16] + (rotate_right (a, 7) ^ rotate_right (a, 18) ^ a >> 3) + w[i - 7] +
             (rotate_right (b, 17) ^ rotate_right (b, 19) ^ b >> 10);
    }
  memcpy (s, state, sizeof (s));
  for (int i = 0; i < 64; i++)
    {
      uint32_t t1 = s[7] + (rotate_right (s[4], 6) ^ rotate_right (s[4], 11) ^ rotate_right (s[4], 25)) +
                    ((s[4] & s[5]) ^ (~s[4] & s[6])) + sha_k[i] + w[i];
      uint32_t t2 = (rotate_right (s[0], 2) ^ rotate_right (s[0], 13) ^ rotate_right (s[0], 22)) +
                    ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

      s[7] = s[6];
      s[6] = s[5];
      s[5] = s[4];
      s[4] = s[3] + t1;
      s[3] = s[2];
      s[2] = s[1];
      s[1] = s[0];
      s[0] = t1 + t2;
    }
  for (int i = 0; i < 8; i++)
    state[i] += s[i];
}

#define SHA_BYTES 16384

static bool
run_sha256 (uint64_t iterations)
{
  static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
  static uint8_t        data[SHA_BYTES];
  uint32_t              state[8];

  for (int i = 0; i < SHA_BYTES; i++)
    data[i] = i * 7;
  for (uint64_t i = 0; i < iterations; i++)
    {
      memcpy (state, start, sizeof (state));
      for (int at = 0; at < SHA_BYTES; at += 64)
        sha256_block (state, data + at);
    }
  return state[0] == 0xa76cb1b9;
}

const Bench integer_benches[] = {
  { "mix", "iterations/s", 1, .run = run_mix },
  { "records", "k/s", 1, .run = run_records },
  { "sieve", "runs/s", 1, .run = run_sieve },
  { "queens", "runs/s", 1, .run = run_queens },
  { "fib", "runs/s", 1, .run = run_fib },
  { "quicksort", "runs/s", 1, .run = run_quicksort },
  { "sha256", "MB/s", SHA_BYTES / 1e6, .run = run_sha256 },
  BENCH_END,
};
