/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which guest registers stand in host registers, and where.
 *
 *   standard map    ten registers, the same at every way into and out of a unit
 *   map of a loop   the registers that the loop names most, in as many host registers
 *
 * A loop is a set of blocks of the unit that lead to one another without a call. Its blocks begin
 * and end with its map; an edge between blocks with different maps moves what differs, through the
 * hart. A loop in a loop starts from the map of the outer one, so that little differs.
 */
#include "engine/jit/x86/lower-private.h"

/* An inner loop runs so often as often. */
#define WEIGHT_SHIFT 3
/* Uses that pay for bringing a register in. */
#define WORTH_A_HOST 2
/* xmm registers for f registers of a loop, from this one down; the others are for copies. */
#define LAST_XMM 15
#define N_XMM 9

/* Callers may clobber rax, rcx, rdx only. By how often compiled programs name each register. */
const uint8_t cop_x86_home[32] = {
  /* clang-format off */
  NO_REG, NO_REG, R12,    NO_REG, NO_REG, NO_REG, NO_REG, NO_REG,       /* sp */
  RBX,    R13,    RSI,    RDI,    R8,     R9,     R10,    R11,          /* s0 s1 a0 to a5 */
  NO_REG, NO_REG, R14,    NO_REG, NO_REG, NO_REG, NO_REG, NO_REG,       /* s2 */
  NO_REG, NO_REG, NO_REG, NO_REG, NO_REG, NO_REG, NO_REG, NO_REG,
  /* clang-format on */
};

/* --- maps -------------------------------------------------------------------------------------- */

static void
place (CopRegMap *map, unsigned reg, CopReg host)
{
  map->host[reg] = host;
  map->guest[host] = reg;
}

static void
empty_map (CopRegMap *map)
{
  memset (map->host, NO_REG, sizeof map->host);
  memset (map->guest, 0, sizeof map->guest);
  map->dirty = 0;
  map->low = 0;
  memset (map->fhost, NO_REG, sizeof map->fhost);
  memset (map->fguest, NO_REG, sizeof map->fguest);
  map->fdirty = 0;
  map->fsingle = 0;
}

static void
standard_map (CopRegMap *map)
{
  empty_map (map);
  for (unsigned i = 1; i < 32; i++)
    if (cop_x86_home[i] != NO_REG)
      {
        place (map, i, cop_x86_home[i]);
        map->dirty |= 1u << i;
      }
}

static bool
is_same (const CopRegMap *a, const CopRegMap *b)
{
  return a->dirty == b->dirty && a->low == b->low && memcmp (a->host, b->host, sizeof a->host) == 0 &&
         a->fdirty == b->fdirty && a->fsingle == b->fsingle &&
         memcmp (a->fhost, b->fhost, sizeof a->fhost) == 0;
}

static uint32_t
note_map (CopJitBackend *b, const CopRegMap *map)
{
  CopNotedMap noted = { .map = *map, .to_standard = LABEL_UNBOUND, .from_standard = LABEL_UNBOUND };

  for (unsigned i = b->maps->len; i-- > 0;)
    if (is_same (&g_array_index (b->maps, CopNotedMap, i).map, map))
      return i;
  g_array_append_val (b->maps, noted);
  return b->maps->len - 1;
}

uint32_t
lower_note_map (CopJitBackend *b)
{
  return note_map (b, &b->r);
}

bool
lower_is_standard (const CopJitBackend *b)
{
  return is_same (&b->r, &g_array_index (b->maps, CopNotedMap, STANDARD_MAP).map);
}

/* Whether @reg must be written to the hart on the way from one map to the other. */
static bool
is_spilled (const CopRegMap *from, const CopRegMap *to, unsigned reg)
{
  return from->host[reg] != NO_REG && (from->dirty & 1u << reg) &&
         (to->host[reg] != from->host[reg] || !(to->dirty & 1u << reg));
}

static bool
is_filled (const CopRegMap *from, const CopRegMap *to, unsigned reg)
{
  return to->host[reg] != NO_REG && to->host[reg] != from->host[reg];
}

/* Whether @reg must be extended on the way, where it is. */
static bool
is_extended (const CopRegMap *from, const CopRegMap *to, unsigned reg)
{
  return (from->low & 1u << reg) &&
         (is_spilled (from, to, reg) ||
          (to->host[reg] == from->host[reg] && !(to->low & 1u << reg)));
}

/* Whether both have it in the same place and of the same kind. */
static bool
f_stays (const CopRegMap *from, const CopRegMap *to, unsigned reg)
{
  return to->fhost[reg] == from->fhost[reg] && !((to->fsingle ^ from->fsingle) & 1u << reg);
}

static bool
is_f_spilled (const CopRegMap *from, const CopRegMap *to, unsigned reg)
{
  return from->fhost[reg] != NO_REG && (from->fdirty & 1u << reg) &&
         (!f_stays (from, to, reg) || !(to->fdirty & 1u << reg));
}

static bool
is_f_filled (const CopRegMap *from, const CopRegMap *to, unsigned reg)
{
  return to->fhost[reg] != NO_REG && !f_stays (from, to, reg);
}

static bool
differs (const CopRegMap *from, const CopRegMap *to)
{
  /* Most are. */
  if (is_same (from, to))
    return false;
  for (unsigned i = 1; i < 32; i++)
    if (is_spilled (from, to, i) || is_filled (from, to, i) || is_extended (from, to, i))
      return true;
  for (unsigned i = 0; i < 32; i++)
    if (is_f_spilled (from, to, i) || is_f_filled (from, to, i))
      return true;
  return false;
}

/* movsd and movss, both ways. */
static void
store_f (CopJitBackend *b, const CopRegMap *map, unsigned reg)
{
  asm_rm (&b->a, map->fsingle & 1u << reg ? 0xf3000f11 : 0xf2000f11, false,
          (CopReg) map->fhost[reg], f_mem (reg));
}

static void
load_f (CopJitBackend *b, const CopRegMap *map, unsigned reg)
{
  asm_rm (&b->a, map->fsingle & 1u << reg ? 0xf3000f10 : 0xf2000f10, false,
          (CopReg) map->fhost[reg], f_mem (reg));
}

static void
move (CopJitBackend *b, const CopRegMap *from, const CopRegMap *to)
{
  for (unsigned i = 1; i < 32; i++)
    if (is_extended (from, to, i))
      sign_extend_32 (b, (CopReg) from->host[i], (CopReg) from->host[i]);
  for (unsigned i = 1; i < 32; i++)
    if (is_spilled (from, to, i))
      asm_store (&b->a, x_mem (i), (CopReg) from->host[i]);
  for (unsigned i = 1; i < 32; i++)
    if (is_filled (from, to, i))
      asm_load (&b->a, (CopReg) to->host[i], x_mem (i));
  for (unsigned i = 0; i < 32; i++)
    if (is_f_spilled (from, to, i))
      store_f (b, from, i);
  for (unsigned i = 0; i < 32; i++)
    if (is_f_filled (from, to, i))
      load_f (b, to, i);
}

void
lower_save_all_f (CopJitBackend *b)
{
  for (unsigned i = 0; i < 32; i++)
    if (b->r.fhost[i] != NO_REG && (b->r.fdirty & 1u << i))
      store_f (b, &b->r, i);
}

void
lower_load_all_f (CopJitBackend *b)
{
  for (unsigned i = 0; i < 32; i++)
    if (b->r.fhost[i] != NO_REG)
      load_f (b, &b->r, i);
}

static const CopRegMap *
noted_map (const CopJitBackend *b, uint32_t map)
{
  return &g_array_index (b->maps, CopNotedMap, map).map;
}

bool
lower_needs_moves (const CopJitBackend *b, uint32_t map)
{
  return differs (&b->r, noted_map (b, map));
}

void
lower_move_to (CopJitBackend *b, uint32_t map)
{
  const CopRegMap *to = noted_map (b, map);

  if (is_same (&b->r, to))
    return;
  move (b, &b->r, to);
  b->r = *to;
}

/* --- subroutines of stubs ---------------------------------------------------------------------- */

/* The map with registers extended: the subroutines are the same for all that differ in that alone. */
static CopNotedMap *
extended_map (CopJitBackend *b, uint32_t map)
{
  CopRegMap extended = *noted_map (b, map);
  uint32_t noted;

  extended.low = 0;
  /* Maps may move in memory when one is added. */
  noted = note_map (b, &extended);
  return &g_array_index (b->maps, CopNotedMap, noted);
}

void
lower_extend (CopJitBackend *b, uint32_t regs)
{
  uint32_t before = b->a.size;

  for (unsigned i = 1; i < 32; i++)
    if (b->r.low & regs & 1u << i)
      sign_extend_32 (b, home (b, i), home (b, i));
  b->r.low &= ~regs;
  lower_keep_addend (b, before);
}

void
lower_call_to_standard (CopJitBackend *b, uint32_t map)
{
  const CopRegMap *from = noted_map (b, map);
  CopNotedMap *noted;

  for (unsigned i = 1; i < 32; i++)
    if (from->low & 1u << i)
      sign_extend_32 (b, (CopReg) from->host[i], (CopReg) from->host[i]);
  noted = extended_map (b, map);
  if (!differs (&noted->map, noted_map (b, STANDARD_MAP)))
    return;
  if (noted->to_standard == LABEL_UNBOUND)
    noted->to_standard = asm_new_label (&b->a);
  asm_call (&b->a, noted->to_standard);
}

void
lower_call_from_standard (CopJitBackend *b, uint32_t map)
{
  CopNotedMap *noted = extended_map (b, map);

  if (!differs (noted_map (b, STANDARD_MAP), &noted->map))
    return;
  if (noted->from_standard == LABEL_UNBOUND)
    noted->from_standard = asm_new_label (&b->a);
  asm_call (&b->a, noted->from_standard);
}

void
lower_map_subroutines (CopJitBackend *b)
{
  const CopRegMap standard = *noted_map (b, STANDARD_MAP);

  for (unsigned i = 0; i < b->maps->len; i++)
    {
      const CopNotedMap noted = g_array_index (b->maps, CopNotedMap, i);

      if (noted.to_standard != LABEL_UNBOUND)
        {
          asm_bind (&b->a, noted.to_standard);
          move (b, &noted.map, &standard);
          emit8 (&b->a, 0xc3);
        }
      if (noted.from_standard != LABEL_UNBOUND)
        {
          asm_bind (&b->a, noted.from_standard);
          move (b, &standard, &noted.map);
          emit8 (&b->a, 0xc3);
        }
    }
}

/* --- choosing ---------------------------------------------------------------------------------- */

/* How much each register is used in the loop, and those it writes. */
static uint32_t
weigh (const CopGraph *graph, const CopLoop *loop, uint64_t weights[32])
{
  uint32_t writes = 0;

  memset (weights, 0, 32 * sizeof *weights);
  for (unsigned i = 0; i < graph->n; i++)
    if (loop->blocks >> i & 1)
      {
        for (unsigned j = 1; j < 32; j++)
          weights[j] += (uint64_t) graph->uses[i][j]
                        << WEIGHT_SHIFT * (graph->depth[i] - loop->depth);
        writes |= graph->writes[i];
      }
  return writes;
}

static void
place_f (CopRegMap *map, unsigned reg, unsigned xmm)
{
  map->fhost[reg] = xmm;
  map->fguest[xmm] = reg;
}

/* Adds f registers of the loop to @map: those of the outer map stay, the rest is for what it uses
   most. */
static void
map_f (const CopGraph *graph, const CopLoop *loop, const CopRegMap *outer, CopRegMap *map)
{
  uint64_t weights[32] = { 0 };
  uint32_t narrow = 0, wide = 0, writes = 0;

  for (unsigned i = 0; i < graph->n; i++)
    if (loop->blocks >> i & 1)
      {
        for (unsigned j = 0; j < 32; j++)
          weights[j] += (uint64_t) graph->f_uses[i][j]
                        << WEIGHT_SHIFT * (graph->depth[i] - loop->depth);
        narrow |= graph->f_narrow[i];
        wide |= graph->f_wide[i];
        writes |= graph->f_writes[i];
      }
  for (unsigned i = 0; i < 32; i++)
    if (outer->fhost[i] != NO_REG && weights[i] > 0)
      place_f (map, i, outer->fhost[i]);
  /* What the outer loop keeps is of one kind in all of it. */
  map->fsingle = outer->fsingle;
  for (unsigned xmm = LAST_XMM; xmm > LAST_XMM - N_XMM; xmm--)
    {
      uint64_t best_weight = WORTH_A_HOST - 1;
      int best = -1;

      if (map->fguest[xmm] != NO_REG)
        continue;
      for (unsigned i = 0; i < 32; i++)
        if (map->fhost[i] == NO_REG && !(narrow & wide & 1u << i) && weights[i] > best_weight)
          {
            best_weight = weights[i];
            best = (int) i;
          }
      if (best >= 0)
        {
          place_f (map, (unsigned) best, xmm);
          map->fsingle &= ~(1u << best);
          map->fsingle |= narrow & 1u << best;
        }
      else if (outer->fguest[xmm] != NO_REG && map->fhost[outer->fguest[xmm]] == NO_REG)
        place_f (map, outer->fguest[xmm], xmm);
    }
  for (unsigned i = 0; i < 32; i++)
    if (map->fhost[i] != NO_REG &&
        ((writes & 1u << i) || (map->fhost[i] == outer->fhost[i] && (outer->fdirty & 1u << i))))
      map->fdirty |= 1u << i;
  for (unsigned i = 0; i < 32; i++)
    if (map->fhost[i] == NO_REG)
      map->fsingle &= ~(1u << i);
}

static void
make_map (const CopGraph *graph, const CopLoop *loop, const CopRegMap *outer, CopRegMap *map)
{
  uint64_t weights[32];
  uint32_t writes = weigh (graph, loop, weights);
  uint32_t chosen = 0, free_hosts = 0;
  unsigned n_hosts = 0;

  for (unsigned i = 1; i < 32; i++)
    if (cop_x86_home[i] != NO_REG)
      {
        free_hosts |= 1u << cop_x86_home[i];
        n_hosts++;
      }
  for (; n_hosts > 0; n_hosts--)
    {
      uint64_t best_score = 0;
      unsigned best = 0;

      for (unsigned i = 1; i < 32; i++)
        {
          bool is_in = outer->host[i] != NO_REG;
          uint64_t score = 4 * weights[i] + (is_in ? 3 : 0);

          if ((chosen & 1u << i) || weights[i] < (is_in ? 1 : WORTH_A_HOST))
            continue;
          if (score > best_score)
            {
              best_score = score;
              best = i;
            }
        }
      if (best == 0)
        break;
      chosen |= 1u << best;
    }

  /* What is in place stays there; then the others; then what else may stay. */
  empty_map (map);
  for (unsigned i = 1; i < 32; i++)
    if ((chosen & 1u << i) && outer->host[i] != NO_REG)
      {
        place (map, i, (CopReg) outer->host[i]);
        free_hosts &= ~(1u << outer->host[i]);
      }
  for (unsigned i = 1; i < 32; i++)
    if ((chosen & 1u << i) && outer->host[i] == NO_REG)
      {
        unsigned host = g_bit_nth_lsf (free_hosts, -1);

        for (unsigned j = 0; j < 16; j++)
          if ((free_hosts & 1u << j) && outer->guest[j] == 0)
            host = j;
        place (map, i, (CopReg) host);
        free_hosts &= ~(1u << host);
      }
  for (unsigned i = 1; i < 32; i++)
    if (outer->host[i] != NO_REG && (free_hosts & 1u << outer->host[i]))
      place (map, i, (CopReg) outer->host[i]);

  for (unsigned i = 1; i < 32; i++)
    if (map->host[i] != NO_REG &&
        ((writes & 1u << i) || (map->host[i] == outer->host[i] && (outer->dirty & 1u << i))))
      map->dirty |= 1u << i;
}

void
lower_choose_maps (CopJitBackend *b, const CopGraph *graph)
{
  uint32_t maps[COP_GRAPH_LOOPS];

  g_array_set_size (b->maps, 0);
  standard_map (&b->r);
  lower_note_map (b);
  memset (b->block_maps, STANDARD_MAP, sizeof b->block_maps);

  for (unsigned i = 0; i < graph->n_loops; i++)
    {
      const CopLoop *loop = &graph->loops[i];
      CopRegMap outer = *noted_map (b, loop->parent < 0 ? STANDARD_MAP : maps[loop->parent]);

      make_map (graph, loop, &outer, &b->r);
      map_f (graph, loop, &outer, &b->r);
      maps[i] = lower_note_map (b);
    }
  for (unsigned i = 0; i < graph->n; i++)
    if (graph->loop[i] >= 0)
      {
        b->r = *noted_map (b, maps[graph->loop[i]]);
        for (unsigned j = 1; j < 32; j++)
          if (b->r.host[j] != NO_REG)
            b->r.low |= b->facts.words[i] & b->facts.low[i] & 1u << j;
        b->block_maps[i] = lower_note_map (b);
      }
  b->r = *noted_map (b, STANDARD_MAP);
}
