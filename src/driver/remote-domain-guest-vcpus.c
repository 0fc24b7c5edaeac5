/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vCPUs as the guest sees them, by its agent: which there are, which are on-line; and taking them
 * off-line and back.
 */
#include "driver/domain-agent.h"
#include "driver/remote-domain.h"

#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

/* By number: bit N of a word is vCPU N. */
_Static_assert(COP_MAX_HARTS <= 64, "a word holds all vCPUs");

typedef struct
{
  uint64_t known, online, offlinable;
} Vcpus;

static bool
is_true (const CopJson *json)
{
  return json != NULL && json->type == COP_JSON_BOOL && json->truth;
}

static bool
get_vcpus (CopDomain *domain, Vcpus *vcpus, GError **error)
{
  g_autoptr (CopJson) answer = cop_domain_agent_call (domain, "guest-get-vcpus", NULL, NULL, error);
  const CopJson *list = cop_json_member (answer, "return");

  *vcpus = (Vcpus){ 0 };
  if (answer == NULL)
    return false;
  for (guint i = 0; i < cop_json_length (list); i++)
    {
      const CopJson *item = cop_json_element (list, i);
      uint64_t id;

      if (!cop_json_uint64 (cop_json_member (item, "logical-id"), &id) || id >= COP_MAX_HARTS)
        return cop_domain_agent_malformed ("guest-get-vcpus", error);
      vcpus->known |= UINT64_C (1) << id;
      if (is_true (cop_json_member (item, "online")))
        vcpus->online |= UINT64_C (1) << id;
      if (is_true (cop_json_member (item, "can-offline")))
        vcpus->offlinable |= UINT64_C (1) << id;
    }
  return true;
}

/* Sends the vCPUs of @which to where they are to be. The agent says how many of them it did. */
static bool
send_vcpus (CopDomain *domain, uint64_t which, bool online, GError **error)
{
  while (which != 0)
    {
      g_autoptr (GString) arguments = g_string_new ("{\"vcpus\":[");
      int64_t done;

      for (unsigned i = 0; i < COP_MAX_HARTS; i++)
        if ((which >> i & 1) != 0)
          g_string_append_printf (arguments, "%s{\"logical-id\":%u,\"online\":%s}",
                                  (which & ((UINT64_C (1) << i) - 1)) != 0 ? "," : "", i,
                                  online ? "true" : "false");
      g_string_append (arguments, "]}");
      if (!cop_domain_agent_run (domain, "guest-set-vcpus", arguments->str, &done, error))
        return false;
      if (done <= 0 || done > __builtin_popcountll (which))
        return cop_domain_agent_malformed ("guest-set-vcpus", error);
      /* It does them in our order, and stops at the first that it cannot. */
      for (; done > 0; done--)
        which &= which - 1;
    }
  return true;
}

int
cop_domain_agent_count_vcpus (CopDomain *domain, GError **error)
{
  Vcpus vcpus;

  return get_vcpus (domain, &vcpus, error) ? __builtin_popcountll (vcpus.online) : -1;
}

bool
cop_domain_agent_set_vcpus (CopDomain *domain, unsigned wanted, GError **error)
{
  Vcpus vcpus;
  uint64_t change = 0;
  unsigned now;
  bool more;

  if (!get_vcpus (domain, &vcpus, error))
    return false;
  now = (unsigned) __builtin_popcountll (vcpus.online);
  if (wanted > (unsigned) __builtin_popcountll (vcpus.known))
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("requested vcpu count is greater than the count of enabled vcpus in "
                               "the domain: %u > %d"),
                            wanted, __builtin_popcountll (vcpus.known));
  more = wanted > now;
  /* The first ones come first, the last ones go first. */
  for (unsigned n = 0; n < COP_MAX_HARTS && now != wanted; n++)
    {
      uint64_t bit = UINT64_C (1) << (more ? n : COP_MAX_HARTS - 1 - n);
      bool can = more ? (vcpus.known & ~vcpus.online & bit) != 0
                      : (vcpus.online & vcpus.offlinable & bit) != 0;

      if (!can)
        continue;
      change |= bit;
      now += more ? 1 : -1;
    }
  if (now != wanted)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INTERNAL,
                            _ ("Cannot offline enough CPUs: %u of them stay"), now);
  return send_vcpus (domain, change, more, error);
}

/* "0-2,5" */
static void
add_list (CopParams *params, const char *field, uint64_t bits)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (unsigned i = 0; i < 64; i++)
    {
      unsigned last = i;

      if ((bits >> i & 1) == 0)
        continue;
      while (last < 63 && (bits >> (last + 1) & 1) != 0)
        last++;
      g_string_append_printf (text, last > i ? "%s%u-%u" : "%s%u", text->len > 0 ? "," : "", i,
                              last);
      i = last;
    }
  cop_params_add_string (params, field, text->str);
}

COP_REMOTE_HANDLES (domain_get_guest_vcpus, DomainGetGuestVcpus)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_auto (CopParams) params = COP_PARAMS_INIT;
  Vcpus vcpus;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error) ||
      !get_vcpus (domain, &vcpus, error))
    return false;
  add_list (&params, "vcpus", vcpus.known);
  add_list (&params, "online", vcpus.online);
  add_list (&params, "offlinable", vcpus.offlinable);
  cop_params_steal (&params, &ret->params, &ret->n_params);
  return true;
}

/* Reads what add_list() writes; "^2" takes one out. */
static bool
read_list (const char *text, uint64_t *bits, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);

  *bits = 0;
  for (char **part = parts; *part != NULL; part++)
    {
      bool out = **part == '^';
      const char *at = *part + out;
      char *end;
      guint64 first = g_ascii_strtoull (at, &end, 10), last = first;
      bool good = g_ascii_isdigit (*at);

      if (good && *end == '-' && g_ascii_isdigit (end[1]))
        last = g_ascii_strtoull (end + 1, &end, 10);
      if (!good || *end != '\0' || last < first || last >= COP_MAX_HARTS)
        return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                                _ ("'%s' is not a list of vcpus from 0 to %u, such as 0-2,5"), text,
                                COP_MAX_HARTS - 1);
      for (guint64 i = first; i <= last; i++)
        *bits = out ? *bits & ~(UINT64_C (1) << i) : *bits | UINT64_C (1) << i;
    }
  return *bits != 0 || cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                                        _ ("no vcpus selected for modification"));
}

COP_REMOTE_HANDLES (domain_set_guest_vcpus, DomainSetGuestVcpus)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  uint64_t wanted, wrong;
  Vcpus vcpus;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  if (args->state != 0 && args->state != 1)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("unsupported state value"));
  if (!read_list (args->cpumap, &wanted, error) || !get_vcpus (domain, &vcpus, error))
    return false;
  wrong = wanted & ~vcpus.known;
  if (wrong != 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("requested vcpu '%d' not present in guest"),
                            __builtin_ctzll (wrong));
  wrong = args->state == 0 ? wanted & ~vcpus.offlinable : 0;
  if (wrong != 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("vcpu '%d' can't be offlined"),
                            __builtin_ctzll (wrong));
  return send_vcpus (domain, wanted, args->state == 1, error);
}

/* clang-format off */
const CopHandler cop_remote_guest_vcpus_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_GET_GUEST_VCPUS, DomainGetGuestVcpus, domain_get_guest_vcpus),
  COP_REMOTE_HANDLER (DOMAIN_SET_GUEST_VCPUS, DomainSetGuestVcpus, domain_set_guest_vcpus),
  { 0 },
};
/* clang-format on */
